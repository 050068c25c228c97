"""What all cogs use: answers to interactions, checks, permissions and the escaping of text."""
