"""Reverse proxies: whose word is taken for where a request comes from."""

from collections.abc import Iterable
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address

from aiohttp import hdrs, web

Network = IPv4Network | IPv6Network


class Proxies:
    """The networks of proxies whose X-Forwarded-For is believed. Without any, nobody's is."""

    def __init__(self, trusted: Iterable[Network] = ()) -> None:
        self._trusted = tuple(trusted)

    def client_of(self, request: web.BaseRequest) -> str:
        """The address a request comes from: the nearest one that is no trusted proxy."""
        address = request.remote or ""
        if not self._trusted:
            return address
        hops = _x_forwarded(request)
        while hops and self._trusts(address):
            before = hops.pop()
            if not _is_address(before):
                break
            address = before
        return address

    def origin_of(self, request: web.BaseRequest) -> str | None:
        """The same for what is not for everyone, and by Forwarded too.

        None for a request that was passed on by somebody whose word is not taken, or who says nothing of its
        origin that can be understood.
        """
        address = request.remote or ""
        told = [hops for hops in (_x_forwarded(request), _forwarded(request)) if hops]
        if told and not self._trusts(address):
            return None
        origins = {self._nearest(address, hops) for hops in told or [[]]}
        return origins.pop() if len(origins) == 1 else None

    def _nearest(self, address: str, hops: list[str]) -> str | None:
        while hops and self._trusts(address):
            address = hops.pop()
            if not _is_address(address):
                return None
        return address

    def _trusts(self, address: str) -> bool:
        return is_within(address, self._trusted)


def is_within(address: str, networks: Iterable[Network]) -> bool:
    """Whether it is an address, and in one of these."""
    if not _is_address(address):
        return False
    ip = ip_address(address)
    if isinstance(ip, IPv6Address) and ip.ipv4_mapped:  # how a socket for both sorts names those of the older
        return any(ip.ipv4_mapped in network for network in networks)
    return any(ip in network for network in networks)


def _x_forwarded(request: web.BaseRequest) -> list[str]:
    """The hops of X-Forwarded-For, the nearest last; none if it is not there."""
    lines = request.headers.getall(hdrs.X_FORWARDED_FOR, ())
    return [hop.strip() for line in lines for hop in line.split(",")]


def _forwarded(request: web.BaseRequest) -> list[str]:
    """The same of Forwarded, without ports."""
    return [_host(hop.get("for", "")) for hop in request.forwarded]


def _host(named: str) -> str:
    """Of 192.0.2.1, 192.0.2.1:80, [2001:db8::1] or [2001:db8::1]:80."""
    if named.startswith("["):
        return named[1:].partition("]")[0]
    return named.partition(":")[0] if named.count(":") == 1 else named


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
