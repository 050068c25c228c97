"""The figures: of the whole bridge, as Prometheus reads them."""

import math
import time
from pathlib import Path

import aiohttp
from prometheus_client.parser import text_string_to_metric_families

from bot.application import Application, run_application
from bot.config import BackupSettings
from bot.observability.metrics import Metrics
from bot.sources.series import examples as series
from storage import DiskFull, StorageError
from tests.storage.samples import NOW, ids, new_ticket, opened
from tests.support.bridge_harness import RunningBridge, running_sandbox, settings_for, wait_for

Figures = dict[tuple[str, frozenset[tuple[str, str]]], float]


def read(page: bytes) -> Figures:
    """Every sample by its name and labels. Fails for what is not Prometheus's text format."""
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


def figure(figures: Figures, name: str, **labels: str) -> float:
    return figures.get((f"ticketbridge_{name}", frozenset(labels.items())), 0.0)


async def scraped(town: RunningBridge) -> Figures:
    async with town.session.get(town.application.webhook_address + "/metrics") as answer:
        assert answer.status == 200
        return read(await answer.read())


async def test_a_ticket_is_seen_on_its_whole_way(town: RunningBridge) -> None:
    await town.game_report()
    await town.ticket()
    async with town.session.post(
        town.application.webhook_address + "/v1/minecraft/tickets", json={}
    ) as answer:
        assert answer.status == 401

    figures = await scraped(town)

    path = "/v1/minecraft/tickets"
    assert figure(figures, "tickets_total", source="series") == 1
    assert figure(figures, "tickets_total", source="modl") == 1
    assert figure(figures, "requests_total", path=path, status="200") == 1
    assert figure(figures, "requests_total", path=path, status="401") == 1
    assert figure(figures, "request_errors_total", source="modl", status="401") == 1
    assert figure(figures, "request_seconds_count", path=path) == 2
    assert figure(figures, "deliveries_total", kind="post", outcome="delivered") == 2
    assert figure(figures, "deliveries_total", kind="thread", outcome="delivered") == 1
    assert figure(figures, "delivery_seconds_count", kind="post") == 2
    assert 0 < figure(figures, "delivery_seconds_sum", kind="post") < 20
    assert figure(figures, "discord_connected") == 1
    assert figure(figures, "delivery_paused") == 0
    assert figure(figures, "discord_responses_total", status="200") > 2
    assert figure(figures, "database_seconds_count", what="write") >= 5
    assert figure(figures, "database_seconds_count", what="wait") >= 5
    assert figure(figures, "database_seconds_count", what="read") >= 5
    assert figure(figures, "outbox_oldest_seconds") == 0
    assert figure(figures, "database_failing") == 0


async def test_a_ticket_opened_in_discord_counts_like_any_other(town: RunningBridge) -> None:
    (workspace,) = await town.application.store.workspaces()
    await town.application.store.add_ticket(workspace.id, new_ticket(source="discord"), ids(), NOW)

    assert figure(await scraped(town), "tickets_total", source="discord") == 1
    assert figure(await scraped(town), "tickets_total", source="discord") == 1


async def test_what_discord_does_not_take_shows_and_makes_the_bridge_not_ready(town: RunningBridge) -> None:
    await town.game_report()
    town.sandbox.fail("503", times=None)
    await town.post(
        "/tickets/create-game-report", dict(series.GAME_REPORT) | {"subject": "x"}, source="series"
    )

    async def waits() -> bool:
        return figure(await scraped(town), "open_circuits") == 1

    await wait_for(waits)
    figures = await scraped(town)
    channel = str(town.guild.channels["reports"])
    assert figure(figures, "outbox_deliveries", state="pending", kind="post", channel=channel) == 1
    assert figure(figures, "outbox_oldest_seconds") > 0
    assert (
        sum(value for (_, labels), value in figures.items() if ("outcome", "unknown_outcome") in labels) >= 1
    )

    town.sandbox.clear_faults()
    await wait_for(lambda: len(town.sandbox.messages("reports")) == 2)

    async def is_empty() -> bool:
        return not any(name == "ticketbridge_outbox_deliveries" for name, _ in await scraped(town))

    await wait_for(is_empty)


async def test_a_bridge_without_discord_takes_tickets_and_is_not_ready(tmp_path: Path) -> None:
    async with running_sandbox() as (sandbox, _), aiohttp.ClientSession() as session:
        sandbox.fail("503", times=None)
        async with run_application(settings_for(sandbox, tmp_path / "t.db")) as bridge:
            async with session.get(bridge.webhook_address + "/healthz") as answer:
                assert answer.status == 200
            async with session.get(bridge.webhook_address + "/readyz") as answer:
                assert answer.status == 503
                assert "Discord: not connected since" in await answer.text()


async def test_ready_follows_the_connection(town: RunningBridge) -> None:
    async def status() -> int:
        async with town.session.get(town.application.webhook_address + "/readyz") as answer:
            told = await answer.json()
            assert told["ready"] is (answer.status == 200)
            if not told["ready"]:
                assert "Discord: not connected since" in told["reasons"][0]
            return answer.status

    async def is_ready() -> bool:
        return await status() == 200

    async def is_not() -> bool:
        return await status() == 503

    await wait_for(is_ready)
    town.sandbox.fail("503", times=None)
    await town.sandbox.disconnect(resumable=False)
    await wait_for(is_not)
    assert figure(await scraped(town), "discord_connected") == 0

    town.sandbox.clear_faults()
    await wait_for(is_ready, seconds=20)


async def test_no_word_of_a_request_becomes_a_label(town: RunningBridge) -> None:
    for path in (
        "/SECRET",
        "/tickets/get/SECRET",
        "/basic/check-key/SECRET",
        "/docs/SECRET",
        "/ticket/SECRET",
    ):
        async with town.session.request("SECRET", town.application.webhook_address + path) as answer:
            assert answer.status >= 400
        async with town.session.get(town.application.webhook_address + path) as answer:
            assert answer.status >= 200

    async with town.session.get(town.application.webhook_address + "/metrics") as answer:
        assert "SECRET" not in await answer.text()


async def test_a_store_that_fails_is_counted_and_the_other_figures_are_told(tmp_path: Path) -> None:
    async with opened(tmp_path / "t.db") as store:
        metrics = Metrics(store)
        await metrics.start()
        before = read(await metrics.render())
        metrics.record_failure(DiskFull(""))
        metrics.record_failure(StorageError(""))
        metrics.observe_response("", "/x", 200, 0.1)
        await store._writer.execute("ALTER TABLE outbox RENAME TO elsewhere")

        figures = read(await metrics.render())

    assert figure(before, "database_failing") == 0
    assert figure(figures, "database_failures_total", failure="disk_full") == 1
    assert figure(figures, "database_failing") == 1
    assert figure(figures, "requests_total", path="/x", status="200") == 1


async def test_the_age_of_the_newest_backup_is_told_where_backups_are_made(tmp_path: Path) -> None:
    async with running_sandbox() as (sandbox, _), aiohttp.ClientSession() as session:
        settings = settings_for(sandbox, tmp_path / "t.db")
        with_backups = settings.model_copy(update={"backup": BackupSettings(folder=tmp_path / "backups")})
        for told in (settings, with_backups):
            async with run_application(told) as bridge:

                async def age(bridge: Application = bridge) -> float | None:
                    async with session.get(bridge.webhook_address + "/metrics") as answer:
                        figures = read(await answer.read())
                    found = figures.get(("ticketbridge_backup_age_seconds", frozenset()))
                    return None if found is None or math.isnan(found) else found + 1

                if told is settings:
                    assert await age() is None
                else:
                    assert await wait_for(age) < 60


async def test_counting_costs_a_request_and_a_transaction_next_to_nothing(tmp_path: Path) -> None:
    async with opened(tmp_path / "t.db") as store:
        metrics = Metrics(store)

        began = time.perf_counter()
        for _ in range(2000):
            metrics.observe_response("north", "/north/tickets", 200, 0.003)
            metrics.observe_transaction("write", 0.001)

        assert (time.perf_counter() - began) / 2000 < 100e-6
