"""Wire contracts, one folder each: translate between a game server's requests and tickets.

A source is found by its folder: `bot/sources/<name>/__init__.py` exports `SOURCE`. It owns its paths, its key
headers, its vocabulary and the formats of its responses and errors.
"""
