"""The command line: `ticketbridge`, a command group per file."""
