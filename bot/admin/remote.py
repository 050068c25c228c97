"""Runs an operator's command in the process that holds the database: here, or in the running bridge."""

from collections.abc import Collection, Sequence
from contextlib import AbstractAsyncContextManager
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path

from bot.admin.service import COMMANDS, AdminError, AdminService, Command, JsonObject
from bot.tickets.errors import TicketError
from storage import DatabaseLock, StorageError, ask_owner, open_store, serve_owner


def require_database(database: Path) -> None:
    """Raises AdminError if there is no database: a command that reads never creates one."""
    if not database.exists():
        raise AdminError(
            f"There is no database at {database.absolute()}. Change to the folder it is in, name its "
            "configuration with --config, or begin a new one: `ticketbridge workspace create`."
        )


async def execute(
    database: Path,
    sources: Collection[str],
    command: Command,
    push_networks: Sequence[IPv4Network | IPv6Network] = (),
    /,
    **arguments: object,
) -> list[JsonObject]:
    """Run a method of AdminService: here if no process holds the database, else in the running bridge.

    Only `create_workspace` creates a database. Raises StorageError and AdminError, each with a sentence.
    """
    if command is not AdminService.create_workspace:
        require_database(database)
    request: JsonObject = {"command": command.__name__, "arguments": arguments}

    async def run_here() -> JsonObject:
        store = await open_store(database)
        try:
            return await answer(AdminService(store, sources, push_networks=push_networks), request)
        finally:
            await store.close()

    reply = await ask_owner(database, request, run_here)
    if "error" in reply:
        raise AdminError(str(reply["error"]))
    records: list[JsonObject] = reply["records"]  # type: ignore[assignment]  # of `answer`
    return records


async def answer(service: AdminService, request: JsonObject) -> JsonObject:
    """Run a command; the reply has its records, or the sentence of its error."""
    name = request["command"]
    if name not in COMMANDS:
        return {"error": "The running ticketbridge is another version, without this command. Restart it."}
    try:
        return {"records": await getattr(service, str(name))(**request["arguments"])}  # type: ignore[arg-type]  # a dict
    except (StorageError, AdminError, TicketError) as error:
        return {"error": str(error)}


def serve_control_api(service: AdminService, lock: DatabaseLock) -> AbstractAsyncContextManager[None]:
    """Answer `execute` of other processes until the block ends."""
    return serve_owner(lock, lambda request: answer(service, request))
