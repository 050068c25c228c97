"""Search on SQLite: lists by plain indexes, texts by trigrams."""
