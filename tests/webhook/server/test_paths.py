"""Spellings of a path: one for our own, spare slashes for a source's; and HEAD wherever GET is answered."""

from collections.abc import Callable

import pytest

from tests.webhook.conftest import BODY, Gate

OWN = ["/healthz", "/readyz", "/metrics", "/docs", "/docs/start.js", "/openapi.json"]


@pytest.mark.parametrize("path", OWN)
@pytest.mark.parametrize(
    "other",
    [
        lambda path: f"/{path}",
        lambda path: f"{path}/",
        lambda path: f"{path}//",
        lambda path: f"/.{path}",
        lambda path: f"/x/..{path}",
        lambda path: f"{path}/.",
        lambda path: f"/%{ord(path[1]):02x}{path[2:]}",
        lambda path: f"/%25{ord(path[1]):02x}{path[2:]}",
        lambda path: f"{path}%2f",
        lambda path: f"{path}%20",
        lambda path: f"{path};a=b",
        lambda path: path.upper(),
        lambda path: f"/north/..{path}",
    ],
)
async def test_our_own_paths_are_answered_at_their_exact_spelling_alone(
    gate: Gate, path: str, other: Callable[[str], str]
) -> None:
    spelt = [path, f"{path}?a=%20b", other(path)]

    found = [(await gate.raw(f"GET {one} HTTP/1.1\r\nHost: x\r\n\r\n".encode())).status for one in spelt]

    there = 403 if path == "/metrics" else 200
    assert found == [there, there, 404]


@pytest.mark.parametrize(
    "path", ["//north//tickets//", "/north/tickets/", "/%6eorth/tickets", "//%6eorth/tickets/"]
)
async def test_a_sources_path_may_have_slashes_to_spare(gate: Gate, path: str) -> None:
    head = gate.head("/north/tickets", f"Content-Length: {len(BODY)}")
    reply = await gate.raw(head.replace(b"/north/tickets", path.encode()) + BODY)

    assert reply.status == 200


async def test_what_the_router_is_told_keeps_the_query_and_what_is_escaped_in_a_name(gate: Gate) -> None:
    for path in ("/north//look/a%2fb%25%20?x=%26", "/north/look/a%2fb%25%20/"):
        reply = await gate.send(path, None, method="GET")

        assert (reply.status, reply.body) == (404, b"<p>none")


@pytest.mark.parametrize("path", [*OWN, "/north/tickets/ID", "/north/look/x", "/north/nothing", "/nothing"])
async def test_head_is_answered_as_get_without_the_body(gate: Gate, path: str) -> None:
    path = path.replace("ID", str((await gate.send("/north/tickets")).json["id"]))

    get, head = [await gate.send(path, None, method=method) for method in ("GET", "HEAD")]

    for reply in (get, head):
        for name in ("date", "ratelimit-remaining", "ratelimit-reset"):
            reply.headers.pop(name, None)
    assert (head.status, head.body, head.headers) == (get.status, b"", get.headers)
