"""Alerts: what is late, forbidden, deleted or undeliverable, reported in the log channels."""
