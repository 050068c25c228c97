"""Control of the fake Discord: acting as users, changing the guild, injecting faults."""
