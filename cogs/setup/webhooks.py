"""`/setup webhook` and `/setup webhooks`: outgoing webhooks of a server's workspaces.

A URL may hold a secret of its own, so it is never shown again; nor is a webhook's secret, after the answer
that it was made for.
"""

import logging
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from enum import StrEnum

import discord
from discord import app_commands

from bot.i18n.translations import gettext as _
from bot.i18n.translations import translate
from bot.outbox.endpoints import EndpointService
from bot.tickets.errors import TicketError
from bot.tickets.push_endpoints import PushEndpoint
from bot.tickets.sentence import Sentence
from bot.tickets.workspace import Workspace
from cogs.alerts.log_channel import WARNING, alert_embed, notify
from cogs.core.interactions import BotInteraction, Choices, choices_or_none, reply_ephemeral
from cogs.core.markdown import escape_markdown, plain_line
from cogs.setup.outbox import webhook_line
from cogs.setup.workspaces import managed_workspace, managed_workspaces, matching_choices
from storage import UnknownEndpoint

log = logging.getLogger(__name__)

_MAX_LISTED = 15  # lines of a description, each at most 200 characters or so
_OVERLAP = timedelta(hours=24)  # how long a secret that was replaced signs as well


class NoSuchWebhook(TicketError):
    """There is no such webhook here. `/setup webhooks` lists those there are."""


class WebhookRequired(TicketError):
    """Name both the action and the webhook: its number, as `/setup webhooks` lists it."""


class WebhookAction(StrEnum):
    """What `/setup webhooks` does to one."""

    TEST = "test"
    PAUSE = "pause"
    ENABLE = "enable"
    SKIP = "skip"
    ROTATE = "rotate"
    REPLACE = "replace"
    REMOVE = "remove"


ACTION_CHOICES = [
    app_commands.Choice(name=name, value=action.value)
    for action, name in (
        (WebhookAction.TEST, "test"),
        (WebhookAction.PAUSE, "pause"),
        (WebhookAction.ENABLE, "enable"),
        (WebhookAction.SKIP, "enable, without what waits"),
        (WebhookAction.ROTATE, "new secret, the old one signs for a day"),
        (WebhookAction.REPLACE, "new secret, the old one ends now"),
        (WebhookAction.REMOVE, "remove"),
    )
]
# What the log channel says of it; testing changes nothing.
_NOTICES = {
    WebhookAction.PAUSE: Sentence("🔗 {user} paused the webhook {name}."),
    WebhookAction.ENABLE: Sentence("🔗 {user} enabled the webhook {name}."),
    WebhookAction.SKIP: Sentence("🔗 {user} enabled the webhook {name}, without what waited for it."),
    WebhookAction.ROTATE: Sentence("🔗 {user} gave the webhook {name} a new secret."),
    WebhookAction.REPLACE: Sentence("🔗 {user} gave the webhook {name} a new secret."),
    WebhookAction.REMOVE: Sentence("🔗 {user} removed the webhook {name}."),
}
_ADDED = Sentence("🔗 {user} added the webhook {name}: replies and changes of status are sent to it.")
Answer = tuple[str, str | None]  # a sentence, and a new secret


async def add_webhook(
    interaction: BotInteraction, source: str, url: str, name: str, workspace_name: str | None
) -> None:
    """Add a webhook, and show its secret this once. Raises what `managed_workspace` and `add` raise."""
    workspace = await managed_workspace(interaction, workspace_name)
    endpoint, secret = await interaction.client.webhooks.add(workspace.name, source, url=url, name=name)
    sentence = _(
        "✅ Webhook {id} is added. `/setup webhooks` tests it: choose the action, and its number.",
        id=endpoint.id,
    )
    await reply_ephemeral(interaction, sentence, embed=_secret_embed(secret))
    await _announce(interaction, workspace, endpoint, _ADDED)


async def change_webhook(interaction: BotInteraction, name: str | None, number: str | None) -> None:
    """Do one thing to a webhook of the server, and say so. Raises WebhookRequired, NoSuchWebhook."""
    workspaces = {one.id: one for one in await managed_workspaces(interaction)}
    if name is None or number is None:
        raise WebhookRequired
    action = WebhookAction(name)
    endpoint = await _find(interaction, number, list(workspaces))
    try:
        sentence, secret = await _ACTIONS[action](interaction.client.webhooks, endpoint.id)
    except UnknownEndpoint as error:
        raise NoSuchWebhook from error
    parts = {} if secret is None else {"embed": _secret_embed(secret)}
    await reply_ephemeral(interaction, sentence, **parts)
    if action in _NOTICES:
        await _announce(interaction, workspaces[endpoint.workspace_id], endpoint, _NOTICES[action])


async def send_webhooks(interaction: BotInteraction) -> None:
    """List the webhooks of the server's workspaces, with their state and what waits. Raises NotManager."""
    workspaces = [one.id for one in await managed_workspaces(interaction)]
    backlogs = await interaction.client.store.pushes.backlogs()
    own = [one for one in backlogs if one.endpoint.workspace_id in workspaces]
    lines = [
        f"`{one.endpoint.id}` {escape_markdown(one.endpoint.source, 40)} {webhook_line(one)}"
        for one in own[:_MAX_LISTED]
    ]
    if len(own) > _MAX_LISTED:
        more = len(own) - _MAX_LISTED
        lines.append(_("… and {count} more, which `ticketbridge webhook list` shows", count=more))
    embed = discord.Embed(title=_("Webhooks to game servers"), colour=discord.Colour.blurple())
    embed.description = "\n".join(lines) or _("There is none. `/setup webhook` adds one.")
    await reply_ephemeral(interaction, "", embed=embed)


@choices_or_none
async def webhook_choices(interaction: BotInteraction, current: str) -> Choices:
    """Offer managers the webhooks of their server."""
    workspaces = [one.id for one in await managed_workspaces(interaction)]
    endpoints = await interaction.client.store.pushes.list_endpoints()
    return matching_choices(
        [(str(one.id), _label(one)) for one in endpoints if one.workspace_id in workspaces], current
    )


@choices_or_none
async def source_choices(interaction: BotInteraction, current: str) -> Choices:
    """Offer the sources whose events can be pushed."""
    return matching_choices([(one, one) for one in interaction.client.webhooks.sources], current)


async def _test(webhooks: EndpointService, endpoint_id: int) -> Answer:
    """Only the status is said: what the receiver writes is for the operator's command."""
    result = await webhooks.test(endpoint_id)
    if result["error"] is None:
        parts = {"id": endpoint_id, "status": result["status"], "seconds": result["seconds"]}
        return _("✅ Webhook {id} accepted a test event: HTTP {status} after {seconds} s.", **parts), None
    text = _("⚠️ Webhook {id} did not accept a test event. {error}", id=endpoint_id, error=result["error"])
    return text, None


async def _pause(webhooks: EndpointService, endpoint_id: int) -> Answer:
    await webhooks.pause(endpoint_id)
    return _("✅ Webhook {id} is paused. Its events wait.", id=endpoint_id), None


async def _enable(webhooks: EndpointService, endpoint_id: int) -> Answer:
    await webhooks.enable(endpoint_id)
    return _("✅ Webhook {id} is enabled. What waits is sent now.", id=endpoint_id), None


async def _skip(webhooks: EndpointService, endpoint_id: int) -> Answer:
    await webhooks.forget_waiting(endpoint_id)
    await webhooks.enable(endpoint_id)
    return _("✅ Webhook {id} is enabled. What waited is not sent.", id=endpoint_id), None


async def _rotate(webhooks: EndpointService, endpoint_id: int) -> Answer:
    secret, _until = await webhooks.rotate(endpoint_id, _OVERLAP)
    return _("✅ The previous secret of webhook {id} signs as well for 24 hours.", id=endpoint_id), secret


async def _replace(webhooks: EndpointService, endpoint_id: int) -> Answer:
    secret, _until = await webhooks.rotate(endpoint_id, timedelta())
    return _("✅ The previous secret of webhook {id} no longer signs.", id=endpoint_id), secret


async def _remove(webhooks: EndpointService, endpoint_id: int) -> Answer:
    await webhooks.remove(endpoint_id)
    return _("✅ Webhook {id} is removed, with all that waited for it.", id=endpoint_id), None


_ACTIONS: dict[WebhookAction, Callable[[EndpointService, int], Awaitable[Answer]]] = {
    WebhookAction.TEST: _test,
    WebhookAction.PAUSE: _pause,
    WebhookAction.ENABLE: _enable,
    WebhookAction.SKIP: _skip,
    WebhookAction.ROTATE: _rotate,
    WebhookAction.REPLACE: _replace,
    WebhookAction.REMOVE: _remove,
}


async def _find(interaction: BotInteraction, number: str, workspace_ids: Sequence[str]) -> PushEndpoint:
    """A webhook of these workspaces. Raises NoSuchWebhook, also for one of another server."""
    for endpoint in await interaction.client.store.pushes.list_endpoints():
        if str(endpoint.id) == number.strip() and endpoint.workspace_id in workspace_ids:
            return endpoint
    raise NoSuchWebhook


async def _announce(
    interaction: BotInteraction, workspace: Workspace, endpoint: PushEndpoint, sentence: Sentence
) -> None:
    """Say in the log channel, and in the log, who changed a webhook."""
    log.info(
        "A manager of the server changed a webhook",
        extra={"workspace_id": workspace.id, "endpoint_id": endpoint.id, "actor_id": interaction.user.id},
    )
    name = escape_markdown(_label(endpoint), 150)
    told = sentence.with_parts(user=interaction.user.mention, name=name)
    await notify(interaction.client, workspace, lambda: alert_embed(translate(told), WARNING))


def _label(endpoint: PushEndpoint) -> str:
    return plain_line(f"{endpoint.label} ({endpoint.source})", 100)


def _secret_embed(secret: str) -> discord.Embed:
    hint = _("Its secret, by which its events are verified. Copy it now; it cannot be shown again:")
    return discord.Embed(description=f"{hint}\n```\n{secret}\n```", colour=discord.Colour.blurple())
