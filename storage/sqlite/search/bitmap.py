"""Sets of ids as bitmaps, which are fast to combine and to count. No SQL.

Python's integers are the bits, in blocks of 65,536 ids: a set of a million tickets is 16 of them.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice

BLOCK_SIZE = 1 << 16  # ids
_FEW = 30  # a page and some


class IdSet:
    """An immutable set of ids. Bit n of block b is the id b * BLOCK_SIZE + n."""

    __slots__ = ("blocks",)

    def __init__(self, blocks: Mapping[int, int]) -> None:
        self.blocks = blocks

    @classmethod
    def of(cls, ids: Iterable[int]) -> "IdSet":
        offsets: dict[int, list[int]] = defaultdict(list)
        for one in ids:
            offsets[one // BLOCK_SIZE].append(one % BLOCK_SIZE)
        return cls({block: _to_bits(of_block) for block, of_block in offsets.items()})

    @classmethod
    def up_to(cls, last: int) -> "IdSet":
        """All ids from 0 to `last`."""
        full = (1 << BLOCK_SIZE) - 1
        blocks = dict.fromkeys(range(last // BLOCK_SIZE), full)
        return cls({**blocks, last // BLOCK_SIZE: (2 << last % BLOCK_SIZE) - 1})

    def __and__(self, other: "IdSet") -> "IdSet":
        blocks = {block: bits & other.blocks.get(block, 0) for block, bits in self.blocks.items()}
        return IdSet({block: bits for block, bits in blocks.items() if bits})

    def __or__(self, other: "IdSet") -> "IdSet":
        blocks = {block: bits | other.blocks.get(block, 0) for block, bits in self.blocks.items()}
        return IdSet({**other.blocks, **blocks})

    def __sub__(self, other: "IdSet") -> "IdSet":
        return IdSet(
            {block: bits ^ (bits & other.blocks.get(block, 0)) for block, bits in self.blocks.items()}
        )

    def __bool__(self) -> bool:
        return any(self.blocks.values())

    def __len__(self) -> int:
        return sum(bits.bit_count() for bits in self.blocks.values())

    def newest(self, limit: int, offset: int = 0) -> list[int]:
        """The highest ids, in falling order, without the first `offset`."""
        found: list[int] = []
        for block in sorted(self.blocks, reverse=True):
            if len(found) == limit:
                break
            bits = self.blocks[block]
            count = bits.bit_count()
            if offset < count:
                found += islice(_falling(block, bits), offset, offset + limit - len(found))
            offset = max(0, offset - count)
        return found


def decode(members: bytes | bytearray) -> int:
    """The bits of a stored block."""
    return int.from_bytes(members, "little")


def encode(bits: int) -> bytes:
    """A block as it is stored, without the zeros at its end."""
    return bits.to_bytes((bits.bit_length() + 7) // 8, "little")


def _to_bits(offsets: list[int]) -> int:
    """The block with these bits. (To set them in an integer would copy it for each.)"""
    members = bytearray(max(offsets) // 8 + 1)
    for offset in offsets:
        members[offset // 8] |= 1 << offset % 8
    return decode(members)


def _falling(block: int, bits: int) -> Iterator[int]:
    """The ids of a block, highest first."""
    for _ in range(_FEW):  # cheaper than writing out 65,536 digits for some of them
        if not bits:
            return
        highest = bits.bit_length() - 1
        yield block * BLOCK_SIZE + highest
        bits ^= 1 << highest
    digits = bin(bits)[2:]
    highest = block * BLOCK_SIZE + len(digits) - 1
    at = digits.find("1")
    while at >= 0 and bits:
        yield highest - at
        at = digits.find("1", at + 1)
