"""Reverse proxies: whose word is taken for where a request comes from."""

from collections.abc import Iterable
from ipaddress import IPv4Network, IPv6Network, ip_address

from aiohttp import hdrs, web

Network = IPv4Network | IPv6Network


class Proxies:
    """The networks of proxies whose X-Forwarded-For is believed. Without any, nobody's is."""

    def __init__(self, trusted: Iterable[Network] = ()) -> None:
        self._trusted = tuple(trusted)

    def client_of(self, request: web.BaseRequest) -> str:
        """The address a request comes from: the nearest one that is no trusted proxy."""
        address = request.remote or ""
        hops = ",".join(request.headers.getall(hdrs.X_FORWARDED_FOR, ())).split(",")
        while hops and self._trusts(address):
            before = hops.pop().strip()
            if not _is_address(before):
                break
            address = before
        return address

    def _trusts(self, address: str) -> bool:
        return _is_address(address) and any(ip_address(address) in network for network in self._trusted)


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
