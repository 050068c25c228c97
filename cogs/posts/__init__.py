"""Posts: what the outbox delivers to Discord."""
