"""Tickets in Discord: slash commands, buttons, modals and embeds."""
