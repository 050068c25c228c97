"""Reverse proxies: whose word is taken for where a request comes from."""

from collections.abc import Iterable
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address

from aiohttp import hdrs, web

Network = IPv4Network | IPv6Network


class TrustedProxies:
    """The networks of proxies whose X-Forwarded-For is believed. Without any, nobody's is."""

    def __init__(self, trusted: Iterable[Network] = ()) -> None:
        self._networks = tuple(trusted)

    def client_ip(self, request: web.BaseRequest) -> str:
        """The address a request comes from: the nearest one that is no trusted proxy."""
        address = request.remote or ""
        if not self._networks:
            return address
        hops = _x_forwarded_for_hops(request)
        while hops and self._is_trusted(address):
            before = hops.pop()
            if not _is_ip(before):
                break
            address = before
        return address

    def verified_ip(self, request: web.BaseRequest) -> str | None:
        """The same for what is not for everyone, and by Forwarded too.

        None for a request that was passed on by somebody whose word is not taken, or who says nothing of its
        origin that can be understood.
        """
        address = request.remote or ""
        told = [hops for hops in (_x_forwarded_for_hops(request), _forwarded_hops(request)) if hops]
        if told and not self._is_trusted(address):
            return None
        origins = {self._nearest_untrusted(address, hops) for hops in told or [[]]}
        return origins.pop() if len(origins) == 1 else None

    def _nearest_untrusted(self, address: str, hops: list[str]) -> str | None:
        while hops and self._is_trusted(address):
            address = hops.pop()
            if not _is_ip(address):
                return None
        return address

    def _is_trusted(self, address: str) -> bool:
        return ip_in_networks(address, self._networks)


def ip_in_networks(address: str, networks: Iterable[Network]) -> bool:
    """Whether it is an address, and in one of these."""
    if not _is_ip(address):
        return False
    ip = ip_address(address)
    if isinstance(ip, IPv6Address) and ip.ipv4_mapped:  # how a socket for both sorts names those of the older
        return any(ip.ipv4_mapped in network for network in networks)
    return any(ip in network for network in networks)


def _x_forwarded_for_hops(request: web.BaseRequest) -> list[str]:
    """The hops of X-Forwarded-For, the nearest last; none if it is not there."""
    lines = request.headers.getall(hdrs.X_FORWARDED_FOR, ())
    return [hop.strip() for line in lines for hop in line.split(",")]


def _forwarded_hops(request: web.BaseRequest) -> list[str]:
    """The same of Forwarded, without ports."""
    return [_strip_port(hop.get("for", "")) for hop in request.forwarded]


def _strip_port(value: str) -> str:
    """Of 192.0.2.1, 192.0.2.1:80, [2001:db8::1] or [2001:db8::1]:80."""
    if value.startswith("["):
        return value[1:].partition("]")[0]
    return value.partition(":")[0] if value.count(":") == 1 else value


def _is_ip(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
