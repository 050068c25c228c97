"""Delivering what the outbox holds: dispatcher, circuit breaker, delivery errors."""
