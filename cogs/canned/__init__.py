"""Canned replies: saved by staff, offered where they reply."""
