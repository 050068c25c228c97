"""From a button in Discord to the game server, through the whole bridge."""

import sqlite3
from ipaddress import ip_network
from pathlib import Path

import aiohttp
import pytest

from bot.application import run_application
from bot.config import PushSettings
from bot.tickets.push_endpoints import generate_webhook_secret
from tests.support.bridge_harness import (
    FAST_BACKOFF,
    RunningBridge,
    create_workspace_and_keys,
    running_sandbox,
    settings_for,
    wait_for,
)
from tests.support.webhook_receiver import running_receiver


async def test_what_staff_do_in_discord_is_pushed_and_no_secret_is_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    secret = generate_webhook_secret()
    database = tmp_path / "tickets.db"
    async with running_sandbox() as (sandbox, guild), running_receiver() as receiver:
        networks = PushSettings(allowed_networks=(ip_network("127.0.0.0/8"),))
        settings = settings_for(sandbox, database).model_copy(update={"push": networks})
        async with (
            run_application(settings, breaker_settings=FAST_BACKOFF) as application,
            aiohttp.ClientSession() as session,
        ):
            bridge = RunningBridge(
                sandbox=sandbox,
                guild=guild,
                application=application,
                session=session,
                keys=await create_workspace_and_keys(application, guild),
            )
            store = application.store
            (workspace,) = await store.workspaces.list_all()
            await store.pushes.add_endpoint(
                workspace.name, "modl", name="survival-1", url=receiver.url, secret=secret, now=store.now()
            )
            ticket = await bridge.ticket()
            await bridge.close("mia", ticket)

            await wait_for(lambda: receiver.received)
            event = receiver.received[0].verify(secret)

            async def is_confirmed() -> bool:
                (saved,) = await store.events.list_of_ticket(ticket.id)
                return saved.received_by == "survival-1"

            await wait_for(is_confirmed)

    assert (event["type"], event["status"], event["ticketId"]) == (
        "ticket.status",
        "closed",
        ticket.public_id,
    )
    assert secret not in caplog.text
    with sqlite3.connect(database) as db:
        assert db.execute("SELECT count(*) FROM pushes").fetchone() == (0,)
