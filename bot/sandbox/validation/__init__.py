"""Validation of request bodies against Discord's documented limits."""
