"""Every text that people read in Discord can be translated."""

from functools import cache

import pytest

from tests.i18n.extraction import Text, collect_texts, texts_in_code
from tests.i18n.literals import UNTRANSLATED, excuse, python_files, untranslatable

COMMAND_TEXTS = {"Close a ticket."}


@cache
def _texts() -> set[str]:
    return {str(message.id) for message in collect_texts() if isinstance(message.id, str)}


@pytest.mark.parametrize(("file", "source"), [pytest.param(*one, id=one[0]) for one in python_files()])
def test_every_text_in_discord_is_in_the_catalogues(file: str, source: str) -> None:
    found = [f"{one.line}: {one.text!r}" for one in untranslatable(source, file, _texts())]

    assert found == [], (
        "use _() or ngettext() of bot.i18n.translations, or Sentence, or name it in UNTRANSLATED"
    )


def test_every_exception_is_still_needed() -> None:
    excused = set()
    for file, source in python_files():
        for literal in untranslatable(source, file, _texts(), excuses=()):
            excused.add(excuse(literal))

    assert set(UNTRANSLATED) - excused == set()


@pytest.mark.parametrize(
    "source",
    [
        'reply("It is closed")',
        'reply(f"{ticket} is closed")',
        'Button(label="Close")',
        'embed.add_field(name="Status", value=status)',
        'reply(_(f"{ticket} is closed"))',
        'reply(_("{what}", what="is closed"))',
        'TEXT = "It is closed"',
        'reply("Close a ticket.")',
    ],
)
def test_a_text_outside_the_catalogues_is_found(source: str) -> None:
    assert len(untranslatable(source, "cogs/x.py", COMMAND_TEXTS)) == 1


@pytest.mark.parametrize(
    "source",
    [
        '"""What this is."""',
        'reply(_("It is closed"))',
        "reply(f\"{_('It is closed')} {id}\")",
        'reply(Sentence("It is closed"))',
        'reply(ngettext("{number} thing", "{number} things", 2))',
        'log.warning("It is closed: %s", error)',
        'embed.add_field(name="—", value="**")',
        'raise RetryLater("it is closed")',
        '@command(description="Close a ticket.")\ndef close(): pass',
        'HINT = "Close a ticket."',
        'id_ = "ticket-1"',
    ],
)
def test_a_text_in_the_catalogues_or_for_no_one_is_not_found(source: str) -> None:
    assert untranslatable(source, "cogs/x.py", COMMAND_TEXTS) == []


@pytest.mark.parametrize(
    ("source", "texts"),
    [
        ('_("one")', ["one"]),
        ('_("one " "line", x=f"{y}")', ["one line"]),
        ("f\"{_('one')}: {x}\"", ["one"]),
        ('ngettext("one", "more", n)', [("one", "more")]),
        ("_(label)", []),
    ],
)
def test_texts_are_collected_where_they_are_written_out(source: str, texts: list[Text]) -> None:
    assert list(texts_in_code(source)) == texts
