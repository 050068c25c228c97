"""The modl API: tickets from Minecraft servers."""

from bot.sources import Intake, Limit, Source
from bot.sources.modl import examples
from bot.sources.modl.answer import kept, kept_draft, refuse
from bot.sources.modl.payload import parse, parse_draft
from bot.tickets import numbered_ids

_ID_PREFIXES = {
    "bug": "BUG",
    "player": "PLAYER",
    "chat": "CHAT",
    "appeal": "APPEAL",
    "staff": "STAFF",
    "support": "SUPPORT",
}

SOURCE = Source(
    name="modl",
    # The plugin calls all but the last, which is the link it shows to a player. What it calls and is not
    # served here must still be refused in words it can read.
    prefixes=("/v1", "/v2", "/v3", "/api/public", "/ticket"),
    key_headers=("X-API-Key",),
    limit=Limit(requests=1000, seconds=60, per="address"),
    intakes=(
        Intake(path="/v1/minecraft/tickets", parse=parse, answer=kept, example=examples.TICKET),
        Intake(path="/v1/minecraft/tickets/unfinished", parse=parse_draft, answer=kept_draft),
    ),
    ids=lambda new, now: numbered_ids(_ID_PREFIXES[new.category]),
    refuse=refuse,
)
