"""Alerts: what is late, forbidden, deleted or undeliverable, said in the log channels."""
