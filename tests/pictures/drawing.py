"""Draw messages as Discord shows them, in panels, as one SVG. Pure: the same messages give the same bytes.

Sizes and colours are those of Discord's dark theme. Pictures behind addresses are not fetched: an icon stands
for them, and a fixed time for every time.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from tests.pictures.markdown import Run, printable, runs, width, wrap

TIME = "Today at 10:30"

PANEL_WIDTH, _GAP, _HEADER = 484, 16, 46  # of a panel, between two, and above its messages
_BETWEEN, _BELOW, _MARGIN = 14, 18, 18  # two messages, below the last one, and beside code
_CODE_LENGTH = 56  # characters of a line of code
_LEFT, _RIGHT = 62, 14  # room beside a message's content
_EMBED = PANEL_WIDTH - _LEFT - _RIGHT
_INSIDE_LEFT = _LEFT + 18
_INSIDE = _EMBED - 18 - 14
_THUMBNAIL, _COLUMNS, _BUTTON, _SELECT, _THREAD = 60, 3, 32, 36, 58

_TEXT, _BRIGHT, _MUTED, _LINK = "#dbdee1", "#f2f3f5", "#949ba4", "#00a8fc"
_EMBED_COLOUR, _FIELD_COLOUR = "#2b2d31", "#1e1f22"
_BUTTON_COLOURS = {1: "#5865f2", 2: "#4e5058", 3: "#248046", 4: "#da373c"}

_ICONS = {  # paths in a square of 36
    "person": "M18 8a6 6 0 1 1 0 12a6 6 0 1 1 0-12M7.5 30a10.5 8.5 0 0 1 21 0z",
    "ticket": "M8 12h20v3.5a2.5 2.5 0 0 0 0 5v3.5h-20v-3.5a2.5 2.5 0 0 0 0-5zM21.5 13.5v2h1.5v-2z"
    "m0 3.5v2h1.5v-2zm0 3.5v2h1.5v-2z",
}
_ICON_COLOURS = {"person": "#4e6a7a", "ticket": "#5865f2"}

_TEMPLATE = Environment(
    loader=FileSystemLoader(Path(__file__).parent),
    autoescape=True,
    finalize=lambda value: printable(value) if isinstance(value, str) else value,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
).get_template("messages.svg.jinja")


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """One line; `y` is its baseline."""

    x: float
    y: float
    runs: list[Run]
    size: float
    colour: str
    anchor: str = "start"


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """A filled rectangle with round corners, and perhaps an icon in it: "person" or "ticket"."""

    x: float
    y: float
    width: float
    height: float
    colour: str
    radius: float
    icon: str | None = None


@dataclass(slots=True, kw_only=True)
class Panel:
    """A channel, a person's direct messages, or what a program sends. The next thing goes below `y`."""

    name: str
    mark: str = "#"  # before the name
    left: float = 0  # of the panel in the picture
    top: float = 0
    y: float = _HEADER + 14
    height: float = 0
    boxes: list[Box] = field(default_factory=list)
    texts: list[Text] = field(default_factory=list)

    def box(self, x: float, y: float, width: float, height: float, colour: str, radius: float) -> None:
        """A box, over those that are there."""
        self.boxes.append(Box(x=x, y=y, width=width, height=height, colour=colour, radius=radius))

    def picture(self, x: float, y: float, size: float, radius: float, icon: str) -> None:
        """A square picture; the icon stands for what is not fetched."""
        colour = _ICON_COLOURS[icon]
        self.boxes.append(Box(x=x, y=y, width=size, height=size, colour=colour, radius=radius, icon=icon))

    def write(self, text: list[Run], x: float, size: float, colour: str) -> None:
        """One line, below what is there."""
        self.y += round(size * 1.35)
        self.texts.append(Text(x=x, y=self.y - round(size * 0.3), runs=text, size=size, colour=colour))

    def paragraph(
        self,
        markdown: str,
        *,
        x: float,
        room: float,
        size: float = 14,
        colour: str = _TEXT,
        bold: bool = False,
    ) -> None:
        """As many lines as it takes, below what is there."""
        text = [replace(run, bold=run.bold or bold) for run in runs(markdown)]
        for line in wrap(text, size, room):
            self.write(line, x, size, colour)


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrow:
    """A level arrow from one panel to another, with a few words above it."""

    x: float
    to_x: float
    y: float
    words: str


def draw(messages: Sequence[tuple[str, dict[str, Any]]], description: str) -> str:
    """An SVG of some channels side by side, each a name and the message that stands in it."""
    panels = [message_panel(name, [message]) for name, message in messages]
    for number, panel in enumerate(panels):
        panel.left = number * (PANEL_WIDTH + _GAP)
        panel.height = max(one.height for one in panels)
    return draw_panels(panels, [], description)


def draw_panels(panels: Sequence[Panel], arrows: Sequence[Arrow], description: str) -> str:
    """An SVG of panels where they are placed, and arrows between them."""
    return _TEMPLATE.render(
        description=description,
        panels=panels,
        arrows=arrows,
        width=PANEL_WIDTH,
        header=_HEADER,
        whole=max(panel.left for panel in panels) + PANEL_WIDTH,
        height=max(panel.top + panel.height for panel in panels),
        link=_LINK,
        icons=_ICONS,
    )


def message_panel(name: str, messages: Sequence[dict[str, Any]], *, mark: str = "#") -> Panel:
    """A channel, or a person's direct messages, with some messages in it."""
    panel = Panel(name=name, mark=mark)
    for message in messages:
        _add_message(panel, message)
    panel.height = panel.y + _BELOW - _BETWEEN
    return panel


def code_panel(name: str, lines: Sequence[str], *, mark: str) -> Panel:
    """What a program sends or gets: the first line as a heading, the others as code."""
    panel = Panel(name=name, mark=mark)
    heading, *rest = lines
    panel.paragraph(heading, x=_MARGIN, room=PANEL_WIDTH - 2 * _MARGIN, bold=True, colour=_BRIGHT)
    panel.y += 4
    for line in rest:
        shown = line if len(line) <= _CODE_LENGTH else f"{line[: _CODE_LENGTH - 1]}…"
        code = shown.lstrip()
        panel.write([Run(text=code, code=True)], _MARGIN + 8 * (len(shown) - len(code)), 13, _TEXT)
    panel.height = panel.y + _BELOW
    return panel


def _add_message(panel: Panel, message: dict[str, Any]) -> None:
    _add_author(panel, message["author"])
    for embed in message["embeds"]:
        _add_embed(panel, embed)
    for row in message["components"]:
        if "placeholder" in row["components"][0]:
            _add_select(panel, row["components"][0]["placeholder"])
        else:
            _add_buttons(panel, row["components"])
    if "thread" in message:
        _add_thread(panel, message["thread"]["name"])
    panel.y += _BETWEEN


def _add_author(panel: Panel, author: dict[str, Any]) -> None:
    panel.picture(14, panel.y + 2, 36, 18, "ticket")
    name = [Run(text=author["username"], bold=True)]
    panel.write(name, _LEFT, 15, _BRIGHT)
    x = _LEFT + width(name[0], 15) + 8
    if author.get("bot"):
        panel.box(x, panel.y - 18, 32, 16, _BUTTON_COLOURS[1], 4)
        panel.texts.append(_centred("APP", x + 16, panel.y - 6, 10))
        x += 40
    time = Text(x=x, y=panel.y - 5, runs=[Run(text=TIME)], size=11, colour=_MUTED)
    panel.texts.append(time)
    panel.y += 4


def _add_embed(panel: Panel, embed: dict[str, Any]) -> None:
    top, behind = panel.y, len(panel.boxes)
    panel.y += 12
    _add_head(panel, embed)
    _add_fields(panel, embed.get("fields", []))
    if "footer" in embed:
        panel.y += 6
        panel.paragraph(
            f"{embed['footer']['text']}  •  {TIME}", x=_INSIDE_LEFT, room=_INSIDE, size=12, colour=_MUTED
        )
    panel.y += 14
    height = panel.y - top
    bar = Box(x=_LEFT, y=top, width=12, height=height, colour=f"#{embed['color']:06x}", radius=4)
    body = Box(x=_LEFT + 4, y=top, width=_EMBED - 4, height=height, colour=_EMBED_COLOUR, radius=4)
    panel.boxes[behind:behind] = [bar, body]


def _add_head(panel: Panel, embed: dict[str, Any]) -> None:
    """Author, title and description, beside the thumbnail."""
    top, room = panel.y, _INSIDE
    if "thumbnail" in embed:
        room -= _THUMBNAIL + 12
        panel.picture(_INSIDE_LEFT + _INSIDE - _THUMBNAIL, top + 2, _THUMBNAIL, 6, "person")
    if "author" in embed:
        _add_reporter(panel, embed["author"], room)
    for part, size, colour in (("title", 16, _BRIGHT), ("description", 14, _TEXT)):
        if part in embed:
            panel.y += 4
            panel.paragraph(
                embed[part], x=_INSIDE_LEFT, room=room, size=size, colour=colour, bold=part == "title"
            )
    if "thumbnail" in embed:
        panel.y = max(panel.y, top + _THUMBNAIL + 2)


def _add_reporter(panel: Panel, author: dict[str, Any], room: float) -> None:
    indent = 0
    if "icon_url" in author:
        panel.picture(_INSIDE_LEFT, panel.y, 22, 11, "person")
        indent = 30
    for line in wrap([Run(text=printable(author["name"]), bold=True)], 14, room - indent):
        panel.write(line, _INSIDE_LEFT + indent, 14, _BRIGHT)
    panel.y += 3


def _add_fields(panel: Panel, fields: list[dict[str, Any]]) -> None:
    """Inline ones in columns, a row as high as its highest; others over the whole width."""
    for inline, together in groupby(fields, key=lambda field: bool(field.get("inline"))):
        fields_left = list(together)
        columns = _COLUMNS if inline else 1
        for start in range(0, len(fields_left), columns):
            _add_row(panel, fields_left[start : start + columns], columns)


def _add_row(panel: Panel, row: list[dict[str, Any]], columns: int) -> None:
    top = bottom = panel.y + 8
    column = _INSIDE / columns
    for number, one in enumerate(row):
        panel.y = top
        x = round(_INSIDE_LEFT + number * column, 1)
        panel.paragraph(one["name"], x=x, room=column - 6, size=13, colour=_BRIGHT, bold=True)
        panel.paragraph(one["value"], x=x, room=column - 6)
        bottom = max(bottom, panel.y)
    panel.y = bottom


def _add_buttons(panel: Panel, buttons: list[dict[str, Any]]) -> None:
    x, top = float(_LEFT), panel.y + 8
    for button in buttons:
        label = Run(text=button["label"], bold=True)
        size = round(width(label, 14) + 32)
        panel.box(x, top, size, _BUTTON, _BUTTON_COLOURS[button["style"]], 8)
        panel.texts.append(_centred(label.text, x + size / 2, top + 21, 14))
        x += size + 8
    panel.y = top + _BUTTON


def _add_select(panel: Panel, placeholder: str) -> None:
    top = panel.y + 8
    panel.box(_LEFT, top, _EMBED, _SELECT, _FIELD_COLOUR, 8)
    panel.y = top + 5
    panel.paragraph(placeholder, x=_LEFT + 12, room=_EMBED - 60, size=14, colour=_MUTED)
    arrow = [Run(text="⌄", bold=True)]
    x, y = PANEL_WIDTH - _RIGHT - 20, top + 24
    panel.texts.append(Text(x=x, y=y, runs=arrow, size=16, colour=_MUTED, anchor="middle"))
    panel.y = top + _SELECT


def _add_thread(panel: Panel, name: str) -> None:
    top = panel.y + 10
    panel.box(_LEFT, top, _EMBED, _THREAD, _EMBED_COLOUR, 8)
    panel.y = top + 8
    link = Run(text="See thread ›", bold=True)
    room = _EMBED - 40 - width(link, 13)
    line = wrap([Run(text=name, bold=True)], 14, room)[0]
    panel.write(line, _LEFT + 14, 14, _BRIGHT)
    panel.texts.append(
        Text(x=PANEL_WIDTH - _RIGHT - 14, y=panel.y - 4, runs=[link], size=13, colour=_LINK, anchor="end")
    )
    panel.write([Run(text="There are no recent messages in this thread.")], _LEFT + 14, 13, _MUTED)
    panel.y = top + _THREAD


def _centred(text: str, x: float, y: float, size: float) -> Text:
    return Text(x=x, y=y, runs=[Run(text=text, bold=True)], size=size, colour="#ffffff", anchor="middle")
