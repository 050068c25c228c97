"""Pictures for the documents, drawn from the messages of the running demo."""
