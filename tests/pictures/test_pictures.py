"""The pictures of the documents show what the demo posts today, and hostile text stays text in them."""

from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.pictures.drawing import draw
from tests.pictures.markdown import Run, printable, runs, width, wrap
from tests.pictures.posts import pictures

_HOSTILE = "</tspan></text><script>alert(1)</script> & \" ' \x00\x1b\u202e **bold** ]]>"


def message(**embed: Any) -> dict[str, Any]:
    return {
        "author": {"username": "ticketbridge", "bot": True},
        "embeds": [{"title": "Title", "color": 0x3498DB, **embed}],
        "components": [],
    }


def texts(svg: str) -> str:
    """Every word of an SVG, and a failure if it is not well-formed."""
    return " ".join(ElementTree.fromstring(svg).itertext())  # noqa: S314  # it was drawn here


async def test_each_picture_is_what_the_demo_posts_today() -> None:
    for path, svg in (await pictures()).items():
        assert path.exists(), f"{path.name} is missing: run `make pictures`"
        assert path.read_text(encoding="utf-8") == svg, (
            f"{path.name} shows other posts than today's: run `make pictures`"
        )


@pytest.mark.parametrize("part", ["title", "description"])
def test_hostile_text_stays_text(part: str) -> None:
    svg = draw([("tickets", message(**{part: _HOSTILE}))], "A post")

    assert "<script" not in svg
    assert "script" in texts(svg)


def test_a_hostile_name_button_and_thread_stay_text() -> None:
    post = message(author={"name": _HOSTILE}, fields=[{"name": _HOSTILE, "value": _HOSTILE, "inline": True}])
    post["components"] = [{"components": [{"label": "<b>", "style": 1}]}]
    post["thread"] = {"name": "<a href='javascript:'>"}

    svg = draw([("<tickets>", post)], "<post>")

    assert "<script" not in svg
    assert "<b>" in texts(svg)


def test_marks_are_not_shown_and_escaped_ones_are() -> None:
    seen = runs(r"**GAME REPORT** of [Notch](https://example.com/n) \*as typed\* `code` 🟢")

    assert "".join(run.text for run in seen) == "GAME REPORT of Notch *as typed* code 🟢"
    assert [run.text for run in seen if run.bold] == ["GAME REPORT"]
    assert [run.text for run in seen if run.link] == ["Notch"]
    assert [run.text for run in seen if run.code] == ["code"]
    assert [run.text for run in seen if run.emoji] == ["🟢"]


@given(st.text(alphabet=st.characters(categories=["L", "N", "P", "Zs"]) | st.just("\n"), max_size=300))
def test_no_line_is_wider_than_its_room_and_no_word_is_lost(text: str) -> None:
    lines = wrap([Run(text=printable(text))], 14, 120)

    assert all(sum(width(run, 14) for run in line) <= 120.01 for line in lines)
    shown = "".join(run.text for line in lines for run in line)
    assert "".join(shown.split()) == "".join(printable(text).split())


def test_fields_that_are_inline_share_a_row() -> None:
    fields = [{"name": f"Name {n}", "value": "x", "inline": n < 3} for n in range(4)]

    svg = draw([("tickets", message(fields=fields))], "A post")

    rows = {
        text[0].text: text.get("y")
        for text in ElementTree.fromstring(svg).iter("{http://www.w3.org/2000/svg}text")  # noqa: S314
        if len(text) and str(text[0].text).startswith("Name")
    }
    assert rows["Name 0"] == rows["Name 1"] == rows["Name 2"] != rows["Name 3"]
