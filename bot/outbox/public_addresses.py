"""Which IP addresses outgoing webhooks may connect to, so that none reaches into the own network (SSRF).

Written out: `ipaddress.is_global` depends on the version of Python, and is true of some that lead to others
(NAT64, 6to4, IPv4-compatible).
"""

import socket
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

from aiohttp import AddrInfoType, SocketFactoryType

Network = IPv4Network | IPv6Network

_NOT_PUBLIC_V4 = tuple(
    map(
        IPv4Network,
        (
            "0.0.0.0/8",  # this host
            "10.0.0.0/8",  # private
            "100.64.0.0/10",  # shared by a provider's customers (CGNAT)
            "127.0.0.0/8",  # loopback
            "168.63.129.16/32",  # Azure's metadata and agents
            "169.254.0.0/16",  # link-local; metadata of most clouds
            "172.16.0.0/12",  # private
            "192.0.0.0/24",  # IETF protocols; Oracle's metadata
            "192.0.2.0/24",  # documentation
            "192.88.99.0/24",  # 6to4 relays
            "192.168.0.0/16",  # private
            "198.18.0.0/15",  # benchmarks
            "198.51.100.0/24",  # documentation
            "203.0.113.0/24",  # documentation
            "224.0.0.0/4",  # multicast
            "240.0.0.0/4",  # reserved, and broadcast
        ),
    )
)
# All of IPv6's internet is in here; NAT64, unique local, link-local and multicast addresses are not.
_INTERNET_V6 = IPv6Network("2000::/3")
_NOT_PUBLIC_V6 = tuple(
    map(
        IPv6Network,
        (
            "2001::/23",  # IETF protocols: Teredo, benchmarks, ORCHID
            "2001:db8::/32",  # documentation
            "2002::/16",  # 6to4
            "3fff::/20",  # documentation
        ),
    )
)


class AddressRefused(OSError):
    """It is not a public address, and is in no network that was allowed."""

    def __init__(self, reason: str) -> None:
        super().__init__("refused")  # aiohttp passes the first of several errors on if all have the same text
        self.reason = reason


def is_public(address: IPv4Address | IPv6Address) -> bool:
    """Whether an address is on the internet."""
    if isinstance(address, IPv4Address):
        return not any(address in network for network in _NOT_PUBLIC_V4)
    return address in _INTERNET_V6 and not any(address in network for network in _NOT_PUBLIC_V6)


_NOT_PUBLIC = "{address} is no public address. `[push] allowed_networks` can allow it."
_NOT_ENCRYPTED = "{address} is not in `[push] allowed_networks`. To others, the URL must begin with https://."


def checked_sockets(allowed: Sequence[Network], *, public: bool) -> SocketFactoryType:
    """Return a socket factory for aiohttp's TCPConnector that raises AddressRefused.

    It gets each address that is really connected to, after names were resolved, so a name that stands for
    another address by then makes no difference. With `public`, all of the internet is allowed as well.
    """

    refusal = _NOT_PUBLIC if public else _NOT_ENCRYPTED

    def create(info: AddrInfoType) -> socket.socket:
        family, kind, protocol, _, where = info
        address = _unmapped(str(where[0]))
        if not (public and is_public(address)) and not any(address in network for network in allowed):
            raise AddressRefused(refusal.format(address=address))
        return socket.socket(family, kind, protocol)

    return create


def _unmapped(text: str) -> IPv4Address | IPv6Address:
    """The address; of an IPv4-mapped one, the IPv4 address that is connected to."""
    address = ip_address(text.partition("%")[0])
    return getattr(address, "ipv4_mapped", None) or address
