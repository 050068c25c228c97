"""Draw messages as Discord shows them, side by side, as one SVG. Pure: the same messages give the same bytes.

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

_WIDTH, _GAP, _HEADER = 484, 16, 46  # of a channel, between two, and above its messages
_LEFT, _RIGHT = 62, 14  # room beside a message's content
_EMBED = _WIDTH - _LEFT - _RIGHT
_INSIDE_LEFT = _LEFT + 18
_INSIDE = _EMBED - 18 - 14
_THUMBNAIL, _COLUMNS, _BUTTON, _THREAD = 60, 3, 32, 58

_TEXT, _BRIGHT, _MUTED, _LINK = "#dbdee1", "#f2f3f5", "#949ba4", "#00a8fc"
_EMBED_COLOUR = "#2b2d31"
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
class Channel:
    """What is drawn of one channel. The next thing goes below `y`."""

    name: str
    y: float = 0
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


def draw(messages: Sequence[tuple[str, dict[str, Any]]], description: str) -> str:
    """An SVG of some channels, each a name and the message that stands in it."""
    channels = [_channel(name, message) for name, message in messages]
    return _TEMPLATE.render(
        description=description,
        channels=channels,
        width=_WIDTH,
        gap=_GAP,
        header=_HEADER,
        whole=len(channels) * (_WIDTH + _GAP) - _GAP,
        height=max(channel.y for channel in channels) + 18,
        link=_LINK,
        icons=_ICONS,
    )


def _channel(name: str, message: dict[str, Any]) -> Channel:
    channel = Channel(name=name, y=_HEADER + 14)
    _add_author(channel, message["author"])
    for embed in message["embeds"]:
        _add_embed(channel, embed)
    for row in message["components"]:
        _add_buttons(channel, row["components"])
    if "thread" in message:
        _add_thread(channel, message["thread"]["name"])
    return channel


def _add_author(channel: Channel, author: dict[str, Any]) -> None:
    channel.picture(14, channel.y + 2, 36, 18, "ticket")
    name = [Run(text=author["username"], bold=True)]
    channel.write(name, _LEFT, 15, _BRIGHT)
    x = _LEFT + width(name[0], 15) + 8
    if author.get("bot"):
        channel.box(x, channel.y - 18, 32, 16, _BUTTON_COLOURS[1], 4)
        channel.texts.append(_centred("APP", x + 16, channel.y - 6, 10))
        x += 40
    time = Text(x=x, y=channel.y - 5, runs=[Run(text=TIME)], size=11, colour=_MUTED)
    channel.texts.append(time)
    channel.y += 4


def _add_embed(channel: Channel, embed: dict[str, Any]) -> None:
    top, behind = channel.y, len(channel.boxes)
    channel.y += 12
    _add_head(channel, embed)
    _add_fields(channel, embed.get("fields", []))
    if "footer" in embed:
        channel.y += 6
        channel.paragraph(
            f"{embed['footer']['text']}  •  {TIME}", x=_INSIDE_LEFT, room=_INSIDE, size=12, colour=_MUTED
        )
    channel.y += 14
    height = channel.y - top
    bar = Box(x=_LEFT, y=top, width=12, height=height, colour=f"#{embed['color']:06x}", radius=4)
    body = Box(x=_LEFT + 4, y=top, width=_EMBED - 4, height=height, colour=_EMBED_COLOUR, radius=4)
    channel.boxes[behind:behind] = [bar, body]


def _add_head(channel: Channel, embed: dict[str, Any]) -> None:
    """Author, title and description, beside the thumbnail."""
    top, room = channel.y, _INSIDE
    if "thumbnail" in embed:
        room -= _THUMBNAIL + 12
        channel.picture(_INSIDE_LEFT + _INSIDE - _THUMBNAIL, top + 2, _THUMBNAIL, 6, "person")
    if "author" in embed:
        _add_reporter(channel, embed["author"], room)
    for part, size, colour in (("title", 16, _BRIGHT), ("description", 14, _TEXT)):
        if part in embed:
            channel.y += 4
            channel.paragraph(
                embed[part], x=_INSIDE_LEFT, room=room, size=size, colour=colour, bold=part == "title"
            )
    if "thumbnail" in embed:
        channel.y = max(channel.y, top + _THUMBNAIL + 2)


def _add_reporter(channel: Channel, author: dict[str, Any], room: float) -> None:
    indent = 0
    if "icon_url" in author:
        channel.picture(_INSIDE_LEFT, channel.y, 22, 11, "person")
        indent = 30
    for line in wrap([Run(text=printable(author["name"]), bold=True)], 14, room - indent):
        channel.write(line, _INSIDE_LEFT + indent, 14, _BRIGHT)
    channel.y += 3


def _add_fields(channel: Channel, fields: list[dict[str, Any]]) -> None:
    """Inline ones in columns, a row as high as its highest; others over the whole width."""
    for inline, together in groupby(fields, key=lambda field: bool(field.get("inline"))):
        fields_left = list(together)
        columns = _COLUMNS if inline else 1
        for start in range(0, len(fields_left), columns):
            _add_row(channel, fields_left[start : start + columns], columns)


def _add_row(channel: Channel, row: list[dict[str, Any]], columns: int) -> None:
    top = bottom = channel.y + 8
    column = _INSIDE / columns
    for number, one in enumerate(row):
        channel.y = top
        x = round(_INSIDE_LEFT + number * column, 1)
        channel.paragraph(one["name"], x=x, room=column - 6, size=13, colour=_BRIGHT, bold=True)
        channel.paragraph(one["value"], x=x, room=column - 6)
        bottom = max(bottom, channel.y)
    channel.y = bottom


def _add_buttons(channel: Channel, buttons: list[dict[str, Any]]) -> None:
    x, top = float(_LEFT), channel.y + 8
    for button in buttons:
        label = Run(text=button["label"], bold=True)
        size = round(width(label, 14) + 32)
        channel.box(x, top, size, _BUTTON, _BUTTON_COLOURS[button["style"]], 8)
        channel.texts.append(_centred(label.text, x + size / 2, top + 21, 14))
        x += size + 8
    channel.y = top + _BUTTON


def _add_thread(channel: Channel, name: str) -> None:
    top = channel.y + 10
    channel.box(_LEFT, top, _EMBED, _THREAD, _EMBED_COLOUR, 8)
    channel.y = top + 8
    link = Run(text="See thread ›", bold=True)
    room = _EMBED - 40 - width(link, 13)
    line = wrap([Run(text=name, bold=True)], 14, room)[0]
    channel.write(line, _LEFT + 14, 14, _BRIGHT)
    channel.texts.append(
        Text(x=_WIDTH - _RIGHT - 14, y=channel.y - 4, runs=[link], size=13, colour=_LINK, anchor="end")
    )
    channel.write([Run(text="There are no recent messages in this thread.")], _LEFT + 14, 13, _MUTED)
    channel.y = top + _THREAD


def _centred(text: str, x: float, y: float, size: float) -> Text:
    return Text(x=x, y=y, runs=[Run(text=text, bold=True)], size=size, colour="#ffffff", anchor="middle")
