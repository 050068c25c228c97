"""Jobs that run beside the bridge: scheduled backups, search index."""
