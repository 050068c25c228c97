"""An example request, as the contract's page prints it."""

from bot.sources.contract import JsonObject

TICKET: JsonObject = {
    "creatorUuid": "550e8400-e29b-41d4-a716-446655440000",
    "creatorName": "Notch",
    "type": "player",
    "subject": "Player using fly hacks",
    "description": "Observed player flying in survival mode near spawn.",
    "reportedPlayerUuid": "660e8400-e29b-41d4-a716-446655440001",
    "reportedPlayerName": "Hacker123",
    "tags": ["cheating", "fly"],
    "priority": "high",
}
