"""SQLite: everything of the storage that another engine would do differently."""
