"""The address a request comes from, and the one it was sent to, also behind trusted reverse proxies."""

from collections.abc import Iterable
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address

from aiohttp import hdrs, web

Network = IPv4Network | IPv6Network


class TrustedProxies:
    """The networks of proxies whose X-Forwarded-* and Forwarded headers are believed; none by default."""

    def __init__(self, trusted: Iterable[Network] = ()) -> None:
        self._networks = tuple(trusted)

    def client_ip(self, request: web.BaseRequest) -> str:
        """The verified address of the client; that of the connection where there is none."""
        if hdrs.X_FORWARDED_FOR not in request.headers and hdrs.FORWARDED not in request.headers:
            return request.remote or ""
        return self.verified_ip(request) or request.remote or ""

    def verified_ip(self, request: web.BaseRequest) -> str | None:
        """The address of the client: the nearest one that is no trusted proxy.

        None for a request forwarded by a proxy that is not trusted, or with headers that name no address, or
        two different ones.
        """
        remote = request.remote or ""
        chains = [hops for hops in (_x_forwarded_for_hops(request), _forwarded_hops(request)) if hops]
        if not chains:
            return remote
        if not ip_in_networks(remote, self._networks):
            return None
        addresses = {self._nearest_untrusted(remote, hops) for hops in chains}
        return addresses.pop() if len(addresses) == 1 else None

    def requested_url(self, request: web.BaseRequest) -> str:
        """The scheme and host that the client used, such as https://tickets.example.com."""
        headers = request.headers
        scheme, host = request.scheme, headers.get(hdrs.HOST) or "localhost"
        is_forwarded = hdrs.X_FORWARDED_PROTO in headers or hdrs.X_FORWARDED_HOST in headers
        if is_forwarded and ip_in_networks(request.remote or "", self._networks):
            forwarded_scheme = _first(headers.get(hdrs.X_FORWARDED_PROTO, "")).lower()
            scheme = forwarded_scheme if forwarded_scheme in ("http", "https") else scheme
            host = _first(headers.get(hdrs.X_FORWARDED_HOST, "")) or host
        return f"{scheme}://{host}"

    def _nearest_untrusted(self, address: str, hops: list[str]) -> str | None:
        while hops and ip_in_networks(address, self._networks):
            address = hops.pop()
            if not _is_ip(address):
                return None
        return address


def _first(header: str) -> str:
    return header.partition(",")[0].strip()


def ip_in_networks(address: str, networks: Iterable[Network]) -> bool:
    """Return whether it is an IP address in one of these networks."""
    if not _is_ip(address):
        return False
    ip = ip_address(address)
    if isinstance(ip, IPv6Address) and ip.ipv4_mapped:  # how a socket for IPv4 and IPv6 names the former
        return any(ip.ipv4_mapped in network for network in networks)
    return any(ip in network for network in networks)


def _x_forwarded_for_hops(request: web.BaseRequest) -> list[str]:
    """The addresses in X-Forwarded-For, the nearest last; none if it was not sent."""
    lines = request.headers.getall(hdrs.X_FORWARDED_FOR, ())
    return [hop.strip() for line in lines for hop in line.split(",")]


def _forwarded_hops(request: web.BaseRequest) -> list[str]:
    """The addresses in Forwarded, without ports, the nearest last."""
    if hdrs.FORWARDED not in request.headers:
        return []
    return [_strip_port(hop.get("for", "")) for hop in request.forwarded]


def _strip_port(value: str) -> str:
    """The address of 192.0.2.1, 192.0.2.1:80, [2001:db8::1] or [2001:db8::1]:80."""
    if value.startswith("["):
        return value[1:].partition("]")[0]
    return value.partition(":")[0] if value.count(":") == 1 else value


def _is_ip(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
