"""Search on SQLite: lists by bitmaps, texts by trigrams."""
