"""Discord in and out: slash commands, buttons, forms, posts and alerts, as discord.py extensions."""

EXTENSIONS = (
    "cogs.core.interactions",
    "cogs.core.languages",
    "cogs.tickets.cog",
    "cogs.tickets.components",
    "cogs.linking.cog",
    "cogs.privacy.cog",
    "cogs.canned.cog",
    "cogs.blocks.cog",
    "cogs.posts.cog",
    "cogs.reconcile.cog",
    "cogs.setup.cog",
    "cogs.messages.cog",
    "cogs.alerts.cog",
)
