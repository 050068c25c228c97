"""`/setup`: workspaces, their rules, and the outbox."""
