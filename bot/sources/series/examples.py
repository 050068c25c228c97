"""Example requests, as the contract's pages print them."""

from bot.sources.contract import JsonObject

GAME_REPORT: JsonObject = {
    "subject": "Rule violation report",
    "category": "reports",
    "message": "Player was exploiting",
    "priority": "high",
    "authorUserId": 123456789,
    "authorUsername": "reporter123",
    "authorDisplayName": "Reporter Name",
    "authorAvatarUrl": "https://tr.rbxcdn.com/avatar-url",
    "placeId": "123456789",
    "serverId": "game-server-id-123",
}

TICKET: JsonObject = {
    "subject": "Cannot join my private server",
    "category": "support",
    "message": "Since the update I am sent back to the menu.",
    "priority": "medium",
    "authorUserId": 123456789,
    "authorUsername": "reporter123",
    "authorDisplayName": "Reporter Name",
    "authorAvatarUrl": "https://tr.rbxcdn.com/avatar-url",
}
