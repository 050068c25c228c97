"""API keys: unguessable, recognisable by a prefix, and never kept."""

import hashlib
import re

import pytest

from bot.tickets import NewWorkspace, Workspace, hash_key, mint_key
from tests.tickets.samples import GAME_REPORT, MOMENT, TICKET


def test_a_key_shows_its_prefix_and_hides_forty_more_characters() -> None:
    key, prefix = mint_key()

    assert re.fullmatch(rf"tb_{prefix}_[A-Za-z0-9]{{40}}", key)
    assert len(prefix) == 8


def test_no_two_keys_are_alike() -> None:
    keys = [mint_key() for _ in range(500)]

    assert len({key for key, _ in keys}) == len({prefix for _, prefix in keys}) == 500


def test_what_is_kept_of_a_key_is_its_sha256() -> None:
    assert hash_key("tb_x_y") == hashlib.sha256(b"tb_x_y").hexdigest()


@pytest.mark.parametrize("header", [b"\xff", b"\xc3\x28", b"tb_\x80\xfe", "é".encode("latin-1"), b""])
def test_a_header_of_any_bytes_hashes_to_those_bytes(header: bytes) -> None:
    as_text = header.decode("utf-8", "surrogateescape")  # what aiohttp makes of it

    assert hash_key(as_text) == hashlib.sha256(header).hexdigest()


def test_game_reports_and_tickets_go_to_channels_of_their_own() -> None:
    new = NewWorkspace(name="hub", guild_id=1, tickets_channel_id=2, reports_channel_id=3, staff_role_id=4)
    workspace = Workspace(
        id="w", created_at=MOMENT, **{name: getattr(new, name) for name in new.__dataclass_fields__}
    )

    assert workspace.channel_for(TICKET, "general") == 2
    assert workspace.channel_for(GAME_REPORT, "general") == 3
