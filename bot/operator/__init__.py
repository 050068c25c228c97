"""The operator's commands: workspaces, keys and refused requests, asked of whoever holds the database."""

from bot.operator.asking import Config, fail, finish, settings
from bot.operator.keys import keys
from bot.operator.rejected import rejected
from bot.operator.workspaces import workspaces

__all__ = ["Config", "fail", "finish", "keys", "rejected", "settings", "workspaces"]
