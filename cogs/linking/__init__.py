"""Game accounts of Discord members: linking by codes, unlinking, and the list for staff."""
