"""Nonces: one per logical message, the same at every attempt, so that Discord recognises a repeat."""

from itertools import product

from bot.tickets.outbox import delivery_id_of, make_nonce

UID = "0123456789abcdef01234567"


def test_a_nonce_always_fits_discord() -> None:
    for delivery_id in (1, 2**40 - 1):
        nonce = make_nonce(delivery_id, UID, 2**63)

        assert 0 < len(nonce) <= 25
        assert nonce.isascii()


def test_no_two_logical_messages_share_a_nonce() -> None:
    messages = list(product((1, 2, 16, 17), ("a" * 24, "b" * 24), (1, 2, 12)))

    nonces = {make_nonce(delivery_id, uid, channel) for delivery_id, uid, channel in messages}

    assert len(nonces) == len(messages)


def test_the_same_message_in_another_channel_has_another_nonce() -> None:
    assert make_nonce(1, UID, 1) != make_nonce(1, UID, 2)


def test_a_nonce_says_which_delivery_it_was_made_for() -> None:
    assert delivery_id_of(make_nonce(4711, UID, 1)) == 4711
    assert [delivery_id_of(text) for text in ("", "4711", "x" * 24, UID + "0")] == [None] * 4


def test_a_nonce_never_changes_between_versions() -> None:
    assert make_nonce(4711, UID, 1234567890) == "0000001267f05130536d6de5"
