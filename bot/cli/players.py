"""`ticketbridge player`: what is stored about a player, and how it is erased."""

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from bot.admin.service import AdminService, JsonObject
from bot.cli.backups import progress_bar
from bot.cli.context import Config, abort, call_service
from bot.cli.output import pluralize, print_table
from bot.sources.registry import load_sources
from bot.tickets.message import DISCORD_SOURCE

players = typer.Typer(help="Players: export what is stored about them, and erase it.", no_args_is_help=True)

PlayerId = Annotated[str, typer.Argument(metavar="ID", help="The player's id in the game, or in Discord.")]
PlayerSource = Annotated[str, typer.Option(help="What kind of id that is: a source, or discord.")]
OptionalWorkspace = Annotated[
    str | None, typer.Option(help="Only what one workspace has (default: what all have).")
]


@players.command("export")
def export(
    player: PlayerId,
    source: PlayerSource,
    workspace: OptionalWorkspace = None,
    output: Annotated[
        Path | None, typer.Option(metavar="PATH", help="A new file for it (default: print it).")
    ] = None,
    config: Config = None,
) -> None:
    """Write everything that is stored about a player, as JSON: their tickets, their messages, their links."""
    found: dict[str, Any] = {"source": source, "player": _normalized(source, player)}
    found |= {"tickets": [], "reported_in": [], "links": []}
    after: Any = 0
    while after is not None:
        (part,) = call_service(
            config,
            AdminService.export_player,
            source=source,
            player=found["player"],
            workspace=workspace,
            after=after,
        )
        for name in ("tickets", "reported_in", "links"):
            found[name] += part[name]
        after = part["next_after"]
    if output is None:
        # On a terminal, characters that could act on it are escaped with all others beyond ASCII.
        typer.echo(json.dumps(found, indent=2, ensure_ascii=sys.stdout.isatty()))
    else:
        _write_new(output, json.dumps(found, indent=2, ensure_ascii=False))
        typer.echo(f"{output} has {pluralize(len(found['tickets']), 'ticket')}; only you can read it.")


@players.command("erase")
def erase(
    player: PlayerId,
    source: PlayerSource,
    workspace: OptionalWorkspace = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    config: Config = None,
) -> None:
    """Erase what a player wrote, and who they are. Their tickets stay, and are counted."""
    player = _normalized(source, player)
    if not yes:
        typer.confirm(f"Erase all that {source} player {player} wrote? This cannot be undone.", abort=True)
    (begun,) = call_service(
        config, AdminService.erase_player, source=source, player=player, workspace=workspace
    )
    erasure = _finish(config, begun)
    purge_files(config)
    tickets, messages = int(str(erasure["tickets"])), int(str(erasure["messages"]))
    typer.echo(f"Erased: {pluralize(tickets, 'ticket')}, {pluralize(messages, 'message')} on them.")
    typer.echo("Backups made before still have it, and Discord has what people typed there themselves.")


def _finish(config: Config, begun: JsonObject) -> JsonObject:
    while True:
        (erasure,) = call_service(config, AdminService.continue_erasure, erasure_id=int(str(begun["id"])))
        if erasure["finished_at"] is not None:
            return erasure
        typer.echo(f"{pluralize(int(str(erasure['tickets'])), 'ticket')} so far", err=True)


def purge_files(config: Config) -> None:
    """Take what was erased out of the database's files; a backup that is being made is not waited for."""
    state = "more"
    with progress_bar("Cleaning the files"):
        while state == "more":
            (step,) = call_service(config, AdminService.purge_erased)
            state = str(step["state"])
    if state == "busy":
        typer.echo(
            "A backup is being made, and the file whose name ends in -wal has copies until then: "
            "ticketbridge empties it afterwards, while it runs.",
            err=True,
        )


@players.command("erasures")
def list_erasures(
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="How many, at most.")] = 50,
    config: Config = None,
) -> None:
    """Show what was erased, newest first: when, by whom and how much, with a hash of the player's id."""
    print_table(
        call_service(config, AdminService.list_erasures, limit=limit),
        (
            *("id", "requested_at", "requested_by", "workspace_name", "source", "player_hash"),
            *("tickets", "messages", "finished_at"),
        ),
        empty="Nothing was erased.",
    )


@players.command("webhook")
def webhook(
    workspace: Annotated[str, typer.Option(help="Whose players it erases.")],
    source: Annotated[str, typer.Option(help="The game API whose platform sends such requests.")],
    remove: Annotated[bool, typer.Option("--remove", help="Take no more of them.")] = False,
    config: Config = None,
) -> None:
    """Take requests to erase players from a game's platform: prints the path for them, and a new secret."""
    path = _webhook_path(source)
    if remove:
        call_service(config, AdminService.remove_erasure_secret, workspace=workspace, source=source)
        typer.echo("Requests to erase players are not taken any more.")
        return
    (saved,) = call_service(config, AdminService.set_erasure_secret, workspace=workspace, source=source)
    typer.echo(f"Path: {path.replace('{workspace}', str(saved['workspace_id']))}")
    typer.echo(f"Secret: {saved['secret']}")
    typer.echo("It is shown only this once. A secret from before is not valid any more.")


def _webhook_path(source: str) -> str:
    """The path at which a source's platform asks to erase players."""
    webhooks = {name: one.erasure_webhook for name, one in load_sources().items()}
    found = webhooks.get(source)
    if found is None:
        choice = ", ".join(name for name, one in webhooks.items() if one is not None)
        abort(f"{source} has no platform that asks to erase players. Choose: {choice}.")
    return found.path


def _normalized(source: str, player: str) -> str:
    """The id as the tickets of a source have it."""
    if source == DISCORD_SOURCE:
        found = player.strip() if player.strip().isdecimal() else None
    else:
        sources = load_sources()
        if source not in sources:
            choice = ", ".join(sorted([*sources, DISCORD_SOURCE]))
            abort(f"There is no source {source}. Choose one of: {choice}.")
        found = sources[source].normalize_player_id(player)
    if found is None:
        abort(f"{player} is not the id of a player of {source}.")
    return found


def _write_new(path: Path, text: str) -> None:
    try:
        path.touch(mode=0o600, exist_ok=False)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        abort(f"{path} cannot be written ({error.strerror}). Choose another name.")
