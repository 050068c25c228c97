"""Blocked reporters: who they are, and the tickets that were kept without being posted."""
