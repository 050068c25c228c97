"""API keys: unguessable, recognisable by a prefix, and saved as a hash alone."""

import hashlib
import re
from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest

from bot.tickets.api_keys import ApiKey, generate_api_key, hash_api_key
from tests.tickets.samples import MOMENT

KEY = ApiKey(prefix="abcdefgh", workspace_id="w", workspace_name="hub", source="somewhere", created_at=MOMENT)
TICK = timedelta(milliseconds=1)


def test_a_key_shows_its_prefix_and_hides_forty_more_characters() -> None:
    key, prefix = generate_api_key()

    assert re.fullmatch(rf"tb_{prefix}_[A-Za-z0-9]{{40}}", key)
    assert len(prefix) == 8


def test_no_two_keys_are_alike() -> None:
    keys = [generate_api_key() for _ in range(500)]

    assert len({key for key, _ in keys}) == len({prefix for _, prefix in keys}) == 500


def test_a_key_is_hashed_with_sha256() -> None:
    assert hash_api_key("tb_x_y") == hashlib.sha256(b"tb_x_y").hexdigest()


@pytest.mark.parametrize("header", [b"\xff", b"\xc3\x28", b"tb_\x80\xfe", "é".encode("latin-1"), b""])
def test_a_header_of_any_bytes_hashes_to_those_bytes(header: bytes) -> None:
    as_text = header.decode("utf-8", "surrogateescape")  # what aiohttp makes of it

    assert hash_api_key(as_text) == hashlib.sha256(header).hexdigest()


@pytest.mark.parametrize("now", [MOMENT - TICK, MOMENT, MOMENT + timedelta(days=36500)])
def test_a_key_without_expiry_is_valid_at_any_time(now: datetime) -> None:
    assert KEY.is_valid_for("somewhere", now)


@pytest.mark.parametrize("source", ["elsewhere", "Somewhere", "somewhere ", ""])
def test_a_key_is_valid_for_its_own_source_only(source: str) -> None:
    assert not KEY.is_valid_for(source, MOMENT)


def test_a_key_is_valid_until_it_expires() -> None:
    expiring = replace(KEY, expires_at=MOMENT)

    assert expiring.is_valid_for("somewhere", MOMENT - TICK)
    assert not expiring.is_valid_for("somewhere", MOMENT)
    assert not expiring.is_valid_for("somewhere", MOMENT + TICK)


def test_a_key_expires_at_the_same_moment_in_every_time_zone() -> None:
    expiring = replace(KEY, expires_at=MOMENT.astimezone(timezone(timedelta(hours=9))))

    assert expiring.is_valid_for("somewhere", MOMENT - TICK)
    assert not expiring.is_valid_for("somewhere", MOMENT)


@pytest.mark.parametrize("expires_at", [None, MOMENT + timedelta(days=1)])
def test_a_revoked_key_is_not_valid(expires_at: datetime | None) -> None:
    revoked = replace(KEY, expires_at=expires_at, revoked_at=MOMENT)

    assert not revoked.is_valid_for("somewhere", MOMENT + TICK)
