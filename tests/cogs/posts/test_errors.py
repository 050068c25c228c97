"""What each of Discord's errors means to the delivery that met it."""

from types import SimpleNamespace
from typing import Any, cast

import aiohttp
import discord
import pytest
from multidict import CIMultiDict

from bot.discord_client.middlewares import LimitReached
from bot.outbox.errors import (
    BotForbidden,
    ChannelForbidden,
    DeliveryError,
    PermanentFailure,
    QueueLimited,
    RateLimited,
    RetryLater,
    UnknownOutcome,
)
from bot.tickets.outbox import Delivery, DeliveryKind, queue_key
from cogs.posts.errors import EDIT_LIMIT, THREAD_EXISTS, THREAD_LIMIT, classify_error, is_text_refused
from tests.storage.samples import NOW


def response_with(status: int) -> aiohttp.ClientResponse:
    response = SimpleNamespace(status=status, reason="", headers=CIMultiDict({"Via": "1.1 google"}))
    return cast(aiohttp.ClientResponse, response)


def delivery(kind: DeliveryKind, attempts: int = 0) -> Delivery:
    return Delivery(
        id=1,
        ticket_id=1,
        guild_id=1,
        kind=kind,
        queue=queue_key(kind, 5, 1),
        channel_id=5,
        nonce="n",
        message_id=None,
        attempts=attempts,
        created_at=NOW,
    )


def http_error(status: int, code: int) -> discord.HTTPException:
    kind: Any = {403: discord.Forbidden, 404: discord.NotFound}.get(status, discord.HTTPException)
    error = kind(response_with(status), {"code": code, "message": "Discord's words"})
    assert isinstance(error, discord.HTTPException)
    return error


@pytest.mark.parametrize(
    ("status", "code", "meaning"),
    [
        (400, 50035, PermanentFailure),  # invalid form body
        (400, 200000, PermanentFailure),  # AutoMod
        (403, 240000, PermanentFailure),  # harmful links
        (404, 10008, PermanentFailure),
        (401, 0, BotForbidden),
        (403, 50001, ChannelForbidden),
        (403, 50013, ChannelForbidden),
        (404, 10003, ChannelForbidden),
        (404, 10007, PermanentFailure),  # about a person, as the next four
        (404, 10013, PermanentFailure),
        (403, 50007, PermanentFailure),
        (403, 40007, PermanentFailure),
        (403, 50278, PermanentFailure),
        (429, 0, RateLimited),
        (429, 20028, RateLimited),
        (400, 20029, RateLimited),
        (400, THREAD_LIMIT, RetryLater),
        (400, 160007, RetryLater),
        (400, 50083, RetryLater),
        (403, 40006, RetryLater),
        (403, 40004, RetryLater),
        (429, 20016, RetryLater),
        (429, 20022, RetryLater),
        (429, EDIT_LIMIT, RetryLater),
        (429, 40062, RetryLater),
        (503, 130000, RetryLater),
        (503, 110001, RetryLater),
        (503, 0, UnknownOutcome),
    ],
)
def test_each_error_has_its_meaning(status: int, code: int, meaning: type[DeliveryError]) -> None:
    assert type(classify_error(http_error(status, code), delivery(DeliveryKind.POST))) is meaning


@pytest.mark.parametrize("kind", list(DeliveryKind))
def test_a_limit_of_edits_or_threads_is_one_of_their_queue_and_of_no_other(kind: DeliveryKind) -> None:
    limited = (DeliveryKind.UPDATE_POST, DeliveryKind.THREAD)

    error = classify_error(http_error(400, THREAD_LIMIT), delivery(kind))

    assert type(error) is (QueueLimited if kind in limited else RetryLater)


def test_a_limit_that_the_library_did_not_wait_for_has_its_meaning_too() -> None:
    redraw = delivery(DeliveryKind.UPDATE_POST)
    edit = classify_error(LimitReached(response_with(429), EDIT_LIMIT, 0.2), redraw)
    write = classify_error(LimitReached(response_with(429), 20028, 7.5), redraw)
    unknown = classify_error(LimitReached(response_with(429), 99999, 3.0), redraw)

    assert (type(edit), edit.seconds) == (QueueLimited, 10.0)
    assert (type(write), write.seconds) == (RateLimited, 7.5)
    assert (type(unknown), unknown.seconds) == (RateLimited, 3.0)


def test_the_wait_for_a_temporary_error_grows_with_each_attempt() -> None:
    def waits(code: int) -> list[float | None]:
        redraws = [delivery(DeliveryKind.UPDATE_POST, attempts) for attempts in (0, 1, 2, 3, 6, 50)]
        return [classify_error(http_error(400, code), redraw).seconds for redraw in redraws]

    assert waits(EDIT_LIMIT) == [10, 20, 40, 80, 600, 600]
    assert waits(THREAD_LIMIT) == [10, 20, 40, 60, 60, 60]


def test_a_temporary_error_waits_at_least_as_long_as_discord_says() -> None:
    error = LimitReached(response_with(429), EDIT_LIMIT, 500.0)

    assert classify_error(error, delivery(DeliveryKind.UPDATE_POST)).seconds == 500.0


@pytest.mark.parametrize(
    ("status", "code", "refused"),
    [
        (400, 50035, True),
        (400, 200000, True),
        (403, 200000, True),
        (400, 200001, True),
        (400, 20031, True),
        (400, THREAD_LIMIT, False),
        (400, THREAD_EXISTS, False),
        (400, 20029, False),
        (400, 50083, False),
        (400, 30033, False),
        (403, 50013, False),
        (500, 0, False),
    ],
)
def test_only_a_rejected_text_is_sent_again_without_it(status: int, code: int, refused: bool) -> None:
    assert is_text_refused(http_error(status, code)) is refused
