"""Reconcile: what people delete in Discord, and permissions that change."""
