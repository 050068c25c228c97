"""Fake Discord server on loopback, for the demo and the tests."""

from bot.sandbox.control.demo_guild import DemoGuild, demo_guild
from bot.sandbox.model.permissions import Permission
from bot.sandbox.rest.errors import ControlError, DiscordApiError
from bot.sandbox.server import Sandbox

__all__ = ["ControlError", "DemoGuild", "DiscordApiError", "Permission", "Sandbox", "demo_guild"]
