"""Messages: what people type around tickets in Discord."""
