"""Modals: what Discord refuses in one, and how its client fills one in."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from bot.sandbox.model.json import Json
from bot.sandbox.rest.errors import Declined, FormErrors
from bot.sandbox.validation.components import (
    LABEL,
    ROW,
    SELECTS,
    STRING_SELECT,
    TEXT_DISPLAY,
    TEXT_INPUT,
    check_custom_id,
    check_custom_ids_differ,
    check_select,
    check_text_display,
    with_ids,
)
from bot.sandbox.validation.fields import Path, check_choice, check_list, check_range, check_text, required

IN_LABEL = SELECTS | {TEXT_INPUT}
MAX_INPUT = 4000


def check_modal(data: Json) -> None:
    """Checks the data of a callback of type 9."""
    errors = FormErrors()
    path: Path = ("data", "components")
    check_text(errors, data, ("data", "custom_id"), 100, least=1)
    check_text(errors, data, ("data", "title"), 45, least=1)
    items = check_list(errors, data.get("components"), path, 5, least=1)
    for index, item in enumerate(items):
        if check_choice(errors, item.get("type"), (*path, index, "type"), _ITEMS):
            _ITEMS[item["type"]](errors, item, (*path, index))
    check_custom_ids_differ(errors, items, path)
    errors.settle()


def _check_row(errors: FormErrors, row: Json, path: Path) -> None:
    inside = (*path, "components")
    for index, field in enumerate(check_list(errors, row.get("components"), inside, 1, least=1)):
        if check_choice(errors, field.get("type"), (*inside, index, "type"), {TEXT_INPUT}):
            check_text(errors, field, (*inside, index, "label"), 45, least=1)
            _check_input(errors, field, (*inside, index))


def _check_label(errors: FormErrors, label: Json, path: Path) -> None:
    check_text(errors, label, (*path, "label"), 45, least=1)
    check_text(errors, label, (*path, "description"), 100)
    inside, field = (*path, "component"), label.get("component")
    if not isinstance(field, dict):
        required(errors, inside)
    elif check_choice(errors, field.get("type"), (*inside, "type"), IN_LABEL):
        _check_field(errors, field, inside)


def _check_field(errors: FormErrors, field: Json, path: Path) -> None:
    if field["type"] == TEXT_INPUT:
        _check_input(errors, field, path)
        return
    check_select(errors, field, path)
    if field.get("disabled"):
        told = "Disabled components are not allowed in modals"
        errors.add((*path, "disabled"), "COMPONENT_DISABLED_NOT_ALLOWED", told)


def _check_input(errors: FormErrors, field: Json, path: Path) -> None:
    check_custom_id(errors, field, path)
    check_choice(errors, field.get("style"), (*path, "style"), {1, 2})
    check_text(errors, field, (*path, "placeholder"), 100)
    check_text(errors, field, (*path, "value"), MAX_INPUT)
    check_range(errors, field, (*path, "min_length"), 0, MAX_INPUT)
    check_range(errors, field, (*path, "max_length"), 1, MAX_INPUT)


_ITEMS: dict[int, Callable[[FormErrors, Json, Path], None]] = {
    ROW: _check_row,
    LABEL: _check_label,
    TEXT_DISPLAY: check_text_display,
}


def inputs_of(modal: Json) -> list[Json]:
    """The inputs of a modal, top to bottom, each with its custom_id and type."""
    return [field for _, field in _labelled(modal)]


def _labelled(modal: Json) -> Iterator[tuple[str, Json]]:
    for item in modal["components"]:
        if item["type"] == LABEL:
            yield item["label"], item["component"]
        for field in item.get("components", []):
            yield field["label"], field


def fill_in(modal: Json, values: Json) -> list[Json]:
    """The components as the client sends them back; `values` by custom id or by label.

    Raises `Declined` where the client would not let the user submit.
    """
    known = {name for label, field in _labelled(modal) for name in (label, field["custom_id"])}
    for name in values:
        if name not in known:
            has = [field["custom_id"] for field in inputs_of(modal)]
            raise Declined(f"The modal has no input {name!r}: it has {has}.", status=404)
    return [_submitted(item, values) for item in with_ids(modal["components"])]


def _submitted(item: Json, values: Json) -> Json:
    sent: Json = {"type": item["type"], "id": item["id"]}
    if item["type"] == LABEL:
        sent["component"] = _answer(item["label"], item["component"], values)
    elif item["type"] == ROW:
        sent["components"] = [_answer(field["label"], field, values) for field in item["components"]]
    return sent


def _answer(label: str, field: Json, values: Json) -> Json:
    given = values.get(field["custom_id"], values.get(label))
    sent: Json = {"type": field["type"], "id": field["id"], "custom_id": field["custom_id"]}
    if field["type"] == TEXT_INPUT:
        return sent | {"value": _written(label, field, given)}
    return sent | {"values": _picked(label, field, given)}


def _written(label: str, field: Json, given: Any) -> str:
    text = str(field.get("value") or "") if given is None else str(given)
    if not text.strip():
        if field.get("required", True):
            raise Declined(f"{label!r} is required: write something.", status=400)
        return text
    least, most = field.get("min_length") or 0, field.get("max_length") or MAX_INPUT
    if not least <= len(text) <= most:
        raise Declined(f"{label!r} takes {least} to {most} characters, not {len(text)}.", status=400)
    return text


def _picked(label: str, field: Json, given: Any) -> list[str]:
    picked = _preset(field) if given is None else given if isinstance(given, list) else [given]
    picked = [str(value) for value in picked]
    if not picked and not field.get("required", True):
        return []
    least, most = field.get("min_values", 1), field.get("max_values", 1)
    if not max(least, 1 if field.get("required", True) else 0) <= len(picked) <= most:
        raise Declined(f"{label!r} takes {least} to {most} choices, not {len(picked)}.", status=400)
    known = [option["value"] for option in field.get("options") or []]
    if field["type"] == STRING_SELECT and not set(picked) <= set(known):
        raise Declined(f"{label!r} has no option {picked}: it has {known}.", status=400)
    return picked


def _preset(field: Json) -> list[str]:
    """What a select shows before anybody picks."""
    options = [option["value"] for option in field.get("options") or [] if option.get("default")]
    return options or [value["id"] for value in field.get("default_values") or []]
