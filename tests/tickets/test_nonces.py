"""Nonces: one per logical message, the same at every attempt, so that Discord recognises a repeat."""

from itertools import product

from bot.tickets.outbox import DeliveryKind, make_nonce


def test_a_nonce_always_fits_discord() -> None:
    for part in ("", "1", "9" * 400, "é😀|"):
        nonce = make_nonce("0123456789abcdef01234567", DeliveryKind.PRIVATE_THREAD, part, 2**63)

        assert 0 < len(nonce) <= 25
        assert nonce.isascii()


def test_no_two_logical_messages_share_a_nonce() -> None:
    messages = list(product(("a" * 24, "b" * 24), DeliveryKind, ("", "1", "2"), (1, 2, 12)))

    nonces = {make_nonce(uid, kind, part, channel) for uid, kind, part, channel in messages}

    assert len(nonces) == len(messages)


def test_the_same_message_in_another_channel_has_another_nonce() -> None:
    assert make_nonce("a", DeliveryKind.POST, "", 1) != make_nonce("a", DeliveryKind.POST, "", 2)


def test_a_nonce_never_changes_between_versions() -> None:
    nonce = make_nonce("0123456789abcdef01234567", DeliveryKind.POST, "", 1234567890)

    assert nonce == "01234567ecc439adfbb28521"
