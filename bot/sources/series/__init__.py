"""The Series API: tickets and game reports from Roblox game servers."""

from bot.sources import Intake, Limit, Source
from bot.sources.series import examples
from bot.sources.series.answer import kept, kept_game_report, refuse
from bot.sources.series.payload import parse_game_report, parse_ticket
from bot.tickets import stamped_ids

SOURCE = Source(
    name="series",
    prefixes=("/tickets", "/basic"),
    key_headers=("apikey", "x-api-key"),
    limit=Limit(requests=25, seconds=1, per="key"),
    intakes=(
        Intake(
            path="/tickets/create-game-report",
            parse=parse_game_report,
            answer=kept_game_report,
            example=examples.GAME_REPORT,
        ),
        Intake(path="/tickets/create", parse=parse_ticket, answer=kept, example=examples.TICKET),
    ),
    ids=lambda new, now: stamped_ids("TICKET", now),
    refuse=refuse,
)
