"""The nouns and the rules of ticketbridge: standard library only, and no knowledge of any other room."""

from bot.tickets.delivery import Delivery, Kind, Lane, Receipt, nonce_of
from bot.tickets.errors import (
    AlreadyClaimed,
    AlreadyInStatus,
    EmptyMessage,
    MessageTooLong,
    NotClaimed,
    Refusal,
    TicketClosed,
    UnknownTicket,
    ViewOnly,
)
from bot.tickets.message import IN_DISCORD, Message, MessageKind, Note, Person, Reply
from bot.tickets.naming import numbered_ids, stamped_ids
from bot.tickets.ticket import Fact, NewTicket, Player, Post, Priority, Status, Ticket
from bot.tickets.workspace import ApiKey, NewWorkspace, Workspace, hash_key, mint_key

__all__ = [
    "IN_DISCORD",
    "AlreadyClaimed",
    "AlreadyInStatus",
    "ApiKey",
    "Delivery",
    "EmptyMessage",
    "Fact",
    "Kind",
    "Lane",
    "Message",
    "MessageKind",
    "MessageTooLong",
    "NewTicket",
    "NewWorkspace",
    "NotClaimed",
    "Note",
    "Person",
    "Player",
    "Post",
    "Priority",
    "Receipt",
    "Refusal",
    "Reply",
    "Status",
    "Ticket",
    "TicketClosed",
    "UnknownTicket",
    "ViewOnly",
    "Workspace",
    "hash_key",
    "mint_key",
    "nonce_of",
    "numbered_ids",
    "stamped_ids",
]
