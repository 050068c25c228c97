"""The domain: tickets, messages, workspaces, the outbox and their rules. Standard library only."""
