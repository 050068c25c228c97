"""Runs Schemathesis against the webhook: every answer must match the webhook's own OpenAPI description.

`python -m tests.proofs.schemathesis_run --examples 200` runs every check of Schemathesis on every path.
"""

import argparse
import asyncio
import json
import os
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from bot.sources.contract import ErasureWebhook, KeyCheckEndpoint, Source
from bot.sources.registry import load_sources
from bot.tickets.message import Actor
from bot.tickets.workspace import NewWorkspace
from bot.webhook import WebhookServer
from bot.webhook.openapi.document import operation_id
from storage import Store, open_store
from tests.proofs import schemathesis_checks
from tests.proofs.webhook_process import create_example_tickets
from tests.webhook.conftest import NOW, make_key

_STAFF = "1"
# Known values for body fields, so that the one who replies is at times the one who has claimed.
_BODIES = {"series": {"staffUserId": _STAFF, "departmentId": "general"}}

_ID_POINTERS = {"series": "/data/TicketId", "modl": "/ticketId", "south": "/id"}  # of a created ticket
_ROOT = Path(__file__).parents[2]
_SCHEMATHESIS = Path(sys.executable).with_name("schemathesis")


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    printed: str
    failures: tuple[str, ...]  # "ST101 GET /path"; none if all is well
    accepted: Mapping[str, int]  # valid requests that were accepted, by operation


async def check(folder: Path, sources: Mapping[str, Source], *options: str) -> Findings:
    """Run every check on every path of these sources and of our own, with a database in `folder`."""
    report = folder / "report.json"
    async with _serve(folder, sources) as (address, configuration):
        document = folder / "openapi.json"
        document.write_text(json.dumps(await _document_with_links(address, sources)), encoding="utf-8")
        process = await asyncio.create_subprocess_exec(
            *(_SCHEMATHESIS, "--config-file", configuration, "run", document, f"--url={address}"),
            *("--checks=all", "--report=json", f"--report-json-path={report}", *options),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            cwd=folder,
            env=os.environ | {"PYTHONPATH": str(_ROOT)},
        )
        printed, _ = await process.communicate()
    return _findings(json.loads(report.read_bytes()), printed.decode())


async def _document_with_links(address: str, sources: Mapping[str, Source]) -> Any:
    """The OpenAPI document, with links from each created ticket to the operations on it."""
    async with aiohttp.ClientSession() as session, session.get(f"{address}/openapi.json") as response:
        document = await response.json()
    for source in sources.values():
        for intake in source.intake_endpoints:
            success = document["paths"][intake.path]["post"]["responses"]["200"]
            success["links"] = _links(source)
    return document


def _links(source: Source) -> dict[str, object]:
    """Links to the operations on a ticket, by operation id."""
    links: dict[str, object] = {}
    for operation in source.operations:
        names = [name for name in operation.path_param_names if name not in operation.path_params]
        if names and not isinstance(operation, KeyCheckEndpoint | ErasureWebhook):
            target = operation_id(source.name, operation)
            parameters = dict.fromkeys(names, f"$response.body#{_ID_POINTERS[source.name]}")
            links[target] = {"operationId": target, "parameters": parameters}
    return links


def _findings(report: Any, printed: str) -> Findings:
    wrong = [f"{each['code']} {operation}" for each in report["failures"] for operation in each["operations"]]
    accepted = {
        operation: sum(phase["accepted"] for phase in phases.values())
        for operation, phases in report["valid_rates"].items()
    }
    return Findings(printed=printed, failures=(*wrong, *map(str, report["errors"])), accepted=accepted)


@asynccontextmanager
async def _serve(folder: Path, sources: Mapping[str, Source]) -> AsyncIterator[tuple[str, Path]]:
    """Serve a webhook with tickets and keys: its address, and a Schemathesis configuration with these."""
    store = await open_store(folder / "tickets.db")
    try:
        workspace = NewWorkspace(
            name="home", guild_id=1, tickets_channel_id=2, reports_channel_id=3, staff_role_id=4
        )
        await store.workspaces.add(workspace, NOW)
        contents = [
            (source, (await make_key(store, name))[0], await _tickets(store, source))
            for name, source in sources.items()
        ]
        # On this fast clock no rate limit is ever reached: how often requests come is not tested here.
        # Nor does a request wait for events, of which there are none.
        webhook = WebhookServer(store, sources, clock=lambda: time.monotonic() * 1e6, max_waiting=0)
        async with webhook.serve("127.0.0.1", 0) as listening:
            file = folder / "schemathesis.toml"
            file.write_text("\n".join(_configuration(contents)), encoding="utf-8")
            yield listening.address, file
    finally:
        await store.close()


async def _tickets(store: Store, source: Source) -> list[str]:
    """Create example tickets and claim every other; their ids."""
    names = await create_example_tickets(store, source)
    staff = Actor(id=_STAFF, name=_STAFF, source=source.name)
    for name in names[::4]:  # each has two
        ticket = await store.tickets.find_by_public_id(name)
        assert ticket is not None
        await store.tickets.change(ticket.id, lambda ticket: ticket.claim(staff), NOW, actor=staff)
    return names


def _configuration(contents: Iterable[tuple[Source, str, list[str]]]) -> Iterator[str]:
    """For each source: its key, and known values for half of the parameters of its requests."""
    yield f"hooks = {_quoted(schemathesis_checks.__name__)}"
    yield "[checks.positive_data_acceptance]"  # 400 and 422 more than usual: see schemathesis_checks
    yield 'expected-statuses = ["2xx", "401", "403", "404", "409", "429", "400", "422"]'
    for source, key, tickets in contents:
        for header in source.key_headers:
            yield f"[auth.openapi.{_quoted(f'{source.name}.{header}')}]\napi_key = {_quoted(key)}"
        values = {f"path.{name}": [*tickets, key] for name in _free_path_params(source)}
        values |= {f"body.{name}": [value] for name, value in _BODIES.get(source.name, {}).items()}
        for name, known_values in values.items():
            yield f"[dictionaries.{_quoted(name)}]\nvalues = {json.dumps(known_values)}"
        yield f"[[operations]]\ninclude-tag = {_quoted(source.name)}\n[operations.parameters]"
        yield from (f'"{name}" = {{ dictionary = "{name}", probability = 0.5 }}' for name in values)


def _free_path_params(source: Source) -> set[str]:
    """The path parameters without a fixed set of values."""
    return {
        name
        for route in source.operations
        for name in route.path_param_names
        if name not in route.path_params
    }


def _quoted(text: str) -> str:
    return json.dumps(text)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--examples", type=int, default=100, help="requests made for each path, besides those planned"
    )
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        findings = asyncio.run(check(Path(folder), load_sources(), f"--max-examples={options.examples}"))
    print(findings.printed)
    return bool(findings.failures)


if __name__ == "__main__":
    sys.exit(main())
