"""Everything that is neither SQL nor a Discord command: nouns, sources, webhook, dispatcher, command line."""
