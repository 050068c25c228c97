"""The operator's commands: workspaces, keys, refused requests and backups."""

from bot.cli.backups import backup, restore
from bot.cli.context import Config, abort, run_async, settings
from bot.cli.keys import keys
from bot.cli.outbox import outbox
from bot.cli.rejected import rejected
from bot.cli.workspaces import workspaces

__all__ = [
    "Config",
    "abort",
    "backup",
    "keys",
    "outbox",
    "rejected",
    "restore",
    "run_async",
    "settings",
    "workspaces",
]
