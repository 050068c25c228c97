"""Discord's rules for messages, channels, threads, reactions and interactions."""
