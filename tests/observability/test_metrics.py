"""Metrics and readiness of the whole bridge, as Prometheus and load balancers read them."""

import math
from functools import partial
from pathlib import Path

import aiohttp
from prometheus_client.parser import text_string_to_metric_families

from bot.application import Application, run_application
from bot.config import BackupSettings
from bot.observability.metrics import Metrics
from bot.sources.series import examples as series
from bot.tickets.message import Actor
from bot.tickets.push_endpoints import EndpointState
from bot.tickets.ticket import Status, Ticket
from storage import DiskFull, StorageError
from tests.storage.samples import NOW, WRITER, ids, new_ticket, opened, replying
from tests.support.bridge_harness import RunningBridge, running_sandbox, settings_for, wait_for
from tests.support.connections import writer_of

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


def parse(page: bytes) -> Samples:
    """Every sample by its name and labels. Fails for anything but Prometheus's text format."""
    families = list(text_string_to_metric_families(page.decode()))
    for family in families:
        assert family.type in ("counter", "gauge", "histogram"), family.name
        if family.name.startswith("ticketbridge_"):
            assert family.documentation.endswith("."), family.name
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in families
        for sample in family.samples
    }


def value(samples: Samples, name: str, **labels: str) -> float:
    return samples.get((f"ticketbridge_{name}", frozenset(labels.items())), 0.0)


async def scrape(bridge: RunningBridge) -> Samples:
    async with bridge.session.get(bridge.application.webhook_address + "/metrics") as response:
        assert response.status == 200
        return parse(await response.read())


async def test_a_ticket_is_counted_from_request_to_post(bridge: RunningBridge) -> None:
    await bridge.game_report()
    await bridge.ticket()
    async with bridge.session.post(
        bridge.application.webhook_address + "/v1/minecraft/tickets", json={}
    ) as response:
        assert response.status == 401

    samples = await scrape(bridge)

    path = "/v1/minecraft/tickets"
    assert value(samples, "tickets_total", source="series") == 1
    assert value(samples, "tickets_total", source="modl") == 1
    assert value(samples, "requests_total", path=path, status="200") == 1
    assert value(samples, "requests_total", path=path, status="401") == 1
    assert value(samples, "request_errors_total", source="modl", status="401") == 1
    assert value(samples, "request_seconds_count", path=path) == 2
    assert value(samples, "deliveries_total", kind="post", outcome="delivered") == 2
    assert value(samples, "deliveries_total", kind="thread", outcome="delivered") == 1
    assert value(samples, "delivery_seconds_count", kind="post") == 2
    assert value(samples, "delivery_seconds_sum", kind="post") > 0
    assert value(samples, "discord_connected") == 1
    assert value(samples, "delivery_paused") == 0
    assert value(samples, "discord_responses_total", status="200") > 2
    assert value(samples, "database_seconds_count", what="write") >= 5
    assert value(samples, "database_seconds_count", what="wait") >= 5
    assert value(samples, "database_seconds_count", what="read") >= 5
    assert value(samples, "outbox_oldest_seconds") == 0
    assert value(samples, "database_failing") == 0


async def test_events_are_counted_until_a_game_server_has_them(bridge: RunningBridge) -> None:
    ticket = await bridge.ticket()
    await bridge.close("mia", ticket)
    unasked = await scrape(bridge)
    await bridge.ask_for_events()
    waiting = await scrape(bridge)
    await bridge.ask_for_events(1)
    read = await scrape(bridge)

    assert not any(name.startswith("ticketbridge_events_") for name, _ in unasked)
    assert value(waiting, "events_waiting", source="modl") == 1
    assert value(waiting, "events_oldest_seconds", source="modl") > 0
    assert ("ticketbridge_events_waiting", frozenset({("source", "modl")})) in read
    assert value(read, "events_waiting", source="modl") == 0
    assert value(read, "events_oldest_seconds", source="modl") == 0


async def test_a_ticket_opened_in_discord_counts_like_any_other(bridge: RunningBridge) -> None:
    (workspace,) = await bridge.application.store.workspaces.list_all()
    await bridge.application.store.intake.add_ticket(workspace.id, new_ticket(source="discord"), ids(), NOW)

    assert value(await scrape(bridge), "tickets_total", source="discord") == 1
    assert value(await scrape(bridge), "tickets_total", source="discord") == 1


async def test_what_waits_for_webhooks_is_counted_apart_from_discord(bridge: RunningBridge) -> None:
    """Only that of active webhooks has an age: nothing drains what waits for the others."""
    store = bridge.application.store
    (workspace,) = await store.workspaces.list_all()
    for name in ("refused", "paused"):
        await store.pushes.add_endpoint(
            workspace.name, "modl", name=name, url="https://10.0.0.1/", secret="whsec_eA==", now=NOW
        )
    await store.pushes.stop(2, EndpointState.PAUSED, None)
    ticket = await bridge.ticket()
    await store.tickets.add_message(ticket.id, replying(), origin="x", now=NOW)

    async def was_tried() -> bool:
        return value(await scrape(bridge), "pushes_total", endpoint="1", outcome="no_answer") >= 1

    await wait_for(was_tried)
    samples = await scrape(bridge)
    assert value(samples, "push_backlog", endpoint="1", state="pending") == 1
    assert value(samples, "push_backlog", endpoint="2", state="pending") == 1
    assert value(samples, "push_backlog", endpoint="1", state="dead_letter") == 0
    assert value(samples, "push_endpoints", state="active") == 1
    assert value(samples, "push_endpoints", state="paused") == 1
    assert value(samples, "push_oldest_seconds") > 0

    await store.pushes.stop(1, EndpointState.DISABLED, "gone")
    await wait_until_outbox_is_empty(bridge)
    samples = await scrape(bridge)
    assert value(samples, "push_oldest_seconds") == 0
    assert value(samples, "outbox_oldest_seconds") == 0


async def test_ratings_are_counted_and_averaged_by_workspace(bridge: RunningBridge) -> None:
    store = bridge.application.store
    (workspace,) = await store.workspaces.list_all()
    before = await scrape(bridge)
    for rating in (5, 2):
        ticket = await store.intake.add_ticket(workspace.id, new_ticket(), ids(), NOW)
        await store.tickets.change(ticket.id, lambda one: one.set_status(Status.CLOSED), NOW, actor=WRITER)
        rey = Actor(id="7", name="rey", source=ticket.source)
        await store.feedback.save(
            ticket.id, partial(Ticket.rate, reporter=rey, rating=rating, comment=""), NOW
        )

    samples = await scrape(bridge)

    assert not any(name.startswith("ticketbridge_feedback") for name, _ in before)
    assert value(samples, "feedback", workspace=workspace.name) == 2
    assert value(samples, "feedback_rating_average", workspace=workspace.name) == 3.5


async def wait_until_outbox_is_empty(bridge: RunningBridge) -> None:
    async def is_empty() -> bool:
        return not any(name == "ticketbridge_outbox_deliveries" for name, _ in await scrape(bridge))

    await wait_for(is_empty)


async def test_deliveries_that_fail_are_counted_until_they_succeed(bridge: RunningBridge) -> None:
    await bridge.game_report()
    bridge.sandbox.fail("503", times=None)
    await bridge.post(
        "/tickets/create-game-report", dict(series.GAME_REPORT) | {"subject": "x"}, source="series"
    )

    async def circuit_is_open() -> bool:
        return value(await scrape(bridge), "open_circuits") == 1

    await wait_for(circuit_is_open)
    samples = await scrape(bridge)
    channel = str(bridge.guild.channels["reports"])
    assert value(samples, "outbox_deliveries", state="pending", kind="post", channel=channel) == 1
    assert value(samples, "outbox_oldest_seconds") > 0
    assert (
        sum(count for (_, labels), count in samples.items() if ("outcome", "unknown_outcome") in labels) >= 1
    )

    bridge.sandbox.clear_faults()
    await wait_for(lambda: len(bridge.sandbox.messages("reports")) == 2)
    await wait_until_outbox_is_empty(bridge)


async def test_a_bridge_without_discord_accepts_tickets_and_is_not_ready(tmp_path: Path) -> None:
    async with running_sandbox() as (sandbox, _), aiohttp.ClientSession() as session:
        sandbox.fail("503", times=None)
        async with run_application(settings_for(sandbox, tmp_path / "t.db")) as application:
            async with session.get(application.webhook_address + "/healthz") as response:
                assert response.status == 200
            async with session.get(application.webhook_address + "/readyz") as response:
                assert response.status == 503
                assert "Discord: not connected since" in await response.text()


async def test_ready_follows_the_connection(bridge: RunningBridge) -> None:
    async def status() -> int:
        async with bridge.session.get(bridge.application.webhook_address + "/readyz") as response:
            body = await response.json()
            assert body["ready"] is (response.status == 200)
            if not body["ready"]:
                assert "Discord: not connected since" in body["reasons"][0]
            return response.status

    async def is_ready() -> bool:
        return await status() == 200

    async def is_not() -> bool:
        return await status() == 503

    await wait_for(is_ready)
    bridge.sandbox.fail("503", times=None)
    await bridge.sandbox.disconnect(resumable=False)
    await wait_for(is_not)
    assert value(await scrape(bridge), "discord_connected") == 0

    bridge.sandbox.clear_faults()
    await wait_for(is_ready)


async def test_no_label_value_comes_from_a_request(bridge: RunningBridge) -> None:
    for path in (
        "/SECRET",
        "/tickets/get/SECRET",
        "/basic/check-key/SECRET",
        "/docs/SECRET",
        "/ticket/SECRET",
    ):
        async with bridge.session.request("SECRET", bridge.application.webhook_address + path) as response:
            assert response.status >= 400
        async with bridge.session.get(bridge.application.webhook_address + path) as response:
            assert response.status >= 200

    async with bridge.session.get(bridge.application.webhook_address + "/metrics") as response:
        assert "SECRET" not in await response.text()


async def test_a_failing_database_is_counted_and_the_other_metrics_are_served(tmp_path: Path) -> None:
    async with opened(tmp_path / "t.db") as store:
        metrics = Metrics(store)
        await metrics.start()
        before = parse(await metrics.render())
        metrics.record_failure(DiskFull(""))
        metrics.record_failure(StorageError(""))
        metrics.observe_response("", "/x", 200, 0.1)
        await writer_of(store).execute("ALTER TABLE outbox RENAME TO elsewhere")

        samples = parse(await metrics.render())

    assert value(before, "database_failing") == 0
    assert value(samples, "database_failures_total", failure="disk_full") == 1
    assert value(samples, "database_failing") == 1
    assert value(samples, "requests_total", path="/x", status="200") == 1


async def test_the_age_of_the_newest_backup_is_served_where_backups_are_scheduled(tmp_path: Path) -> None:
    async with running_sandbox() as (sandbox, _), aiohttp.ClientSession() as session:
        settings = settings_for(sandbox, tmp_path / "t.db")
        with_backups = settings.model_copy(update={"backup": BackupSettings(folder=tmp_path / "backups")})
        for current in (settings, with_backups):
            async with run_application(current) as application:

                async def age(application: Application = application) -> float | None:
                    async with session.get(application.webhook_address + "/metrics") as response:
                        samples = parse(await response.read())
                    found = samples.get(("ticketbridge_backup_age_seconds", frozenset()))
                    return None if found is None or math.isnan(found) else found + 1

                if current is settings:
                    assert await age() is None
                else:
                    assert await wait_for(age) >= 1
