"""The SQLite engine and connections of a store, for tests that hinder them."""

import aiosqlite

from storage import Store
from storage.sqlite.engine import SqliteEngine


def engine_of(store: Store) -> SqliteEngine:
    engine = store._engine
    assert isinstance(engine, SqliteEngine)
    return engine


def writer_of(store: Store) -> aiosqlite.Connection:
    return engine_of(store)._writer


def reader_of(store: Store) -> aiosqlite.Connection:
    return engine_of(store)._reader
