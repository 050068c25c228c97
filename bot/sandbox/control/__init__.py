"""Control of the stand-in: acting as users, changing the guild, injecting faults."""
