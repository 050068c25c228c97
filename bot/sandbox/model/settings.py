"""What can be set about the stand-in; each default is Discord's own or, where that is secret, a guess."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    token: str
    nonce_window: float = 300.0  # seconds; Discord says "the past few minutes"
    heartbeat_interval: int = 41_250  # milliseconds
    callback_deadline: float = 3.0  # seconds an application has for its first answer
    followup_patience: float = 10.0  # seconds an acting user waits for a deferred answer
    token_lifetime: float = 900.0  # seconds an interaction's token lives
    echo: bool = True  # whether the gateway tells the bot of what it posts; a gateway that is away does not
    disallowed_intents: int = 0  # asking for one of these closes the gateway with 4014
    attachment_size_limit: int = 10 * 1024 * 1024  # bytes a file may have
    seed: int | None = None  # of the luck that faults with a chance have
