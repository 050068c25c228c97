"""The operator's commands: workspaces, keys, refused requests and backups."""

from bot.operator.asking import Config, fail, finish, settings
from bot.operator.backups import backup, restore
from bot.operator.keys import keys
from bot.operator.outbox import outbox
from bot.operator.rejected import rejected
from bot.operator.workspaces import workspaces

__all__ = [
    "Config",
    "backup",
    "fail",
    "finish",
    "keys",
    "outbox",
    "rejected",
    "restore",
    "settings",
    "workspaces",
]
