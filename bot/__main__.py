"""Entry point: `ticketbridge`, the same as `python -m bot`."""

from bot.cli.app import app, main

__all__ = ["app", "main"]

if __name__ == "__main__":
    main()
