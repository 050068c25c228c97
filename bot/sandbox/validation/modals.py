"""Modals: validation, and filling one in as Discord's client does."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from bot.sandbox.model.json import Json
from bot.sandbox.rest.errors import ControlError, FormErrors
from bot.sandbox.validation.components import (
    CHECKBOX,
    CHECKBOX_GROUP,
    FILE_UPLOAD,
    LABEL,
    RADIO_GROUP,
    ROW,
    SELECTS,
    STRING_SELECT,
    TEXT_DISPLAY,
    TEXT_INPUT,
    check_custom_id,
    check_number_of_values,
    check_options,
    check_select,
    check_text_display,
    check_unique_custom_ids,
    with_component_ids,
)
from bot.sandbox.validation.fields import (
    Path,
    add_required_error,
    check_choice,
    check_list,
    check_range,
    check_text,
    json_objects,
)

WITH_OPTIONS = frozenset({STRING_SELECT, RADIO_GROUP, CHECKBOX_GROUP})
MAX_INPUT = 4000
MAX_GROUP = 10  # files, or options of a group
Check = Callable[[FormErrors, Json, Path], None]


def check_modal(data: Json) -> None:
    """Validate the data of a modal response (callback type 9)."""
    errors = FormErrors()
    path: Path = ("data", "components")
    check_text(errors, data, ("data", "custom_id"), 100, minimum=1)
    check_text(errors, data, ("data", "title"), 45, minimum=1)
    items = check_list(errors, data.get("components"), path, 5, minimum=1)
    for index, item in enumerate(items):
        if check_choice(errors, item.get("type"), (*path, index, "type"), _CHECKS):
            _CHECKS[item["type"]](errors, item, (*path, index))
    check_unique_custom_ids(errors, items, path)
    errors.raise_if_any()


def _check_row(errors: FormErrors, row: Json, path: Path) -> None:
    inside = (*path, "components")
    for index, field in enumerate(check_list(errors, row.get("components"), inside, 1, minimum=1)):
        if check_choice(errors, field.get("type"), (*inside, index, "type"), {TEXT_INPUT}):
            check_text(errors, field, (*inside, index, "label"), 45, minimum=1)
            _check_input(errors, field, (*inside, index))


def _check_label(errors: FormErrors, label: Json, path: Path) -> None:
    check_text(errors, label, (*path, "label"), 45, minimum=1)
    check_text(errors, label, (*path, "description"), 100)
    inside, field = (*path, "component"), label.get("component")
    if not isinstance(field, dict):
        add_required_error(errors, inside)
    elif check_choice(errors, field.get("type"), (*inside, "type"), _FIELD_CHECKS):
        _FIELD_CHECKS[field["type"]](errors, field, inside)


def _check_select(errors: FormErrors, field: Json, path: Path) -> None:
    check_select(errors, field, path)
    if field.get("disabled"):
        message = "Disabled components are not allowed in modals"
        errors.add((*path, "disabled"), "COMPONENT_DISABLED_NOT_ALLOWED", message)


def _check_input(errors: FormErrors, field: Json, path: Path) -> None:
    check_custom_id(errors, field, path)
    check_choice(errors, field.get("style"), (*path, "style"), {1, 2})
    check_text(errors, field, (*path, "placeholder"), 100)
    check_text(errors, field, (*path, "value"), MAX_INPUT)
    check_range(errors, field, (*path, "max_length"), 1, MAX_INPUT)
    longest = field.get("max_length")
    check_range(errors, field, (*path, "min_length"), 0, longest if isinstance(longest, int) else MAX_INPUT)


def _check_file_upload(errors: FormErrors, field: Json, path: Path) -> None:
    check_custom_id(errors, field, path)
    check_number_of_values(errors, field, path, MAX_GROUP)


def _check_radio_group(errors: FormErrors, field: Json, path: Path) -> None:
    check_custom_id(errors, field, path)
    check_options(errors, field, (*path, "options"), MAX_GROUP, minimum=2, defaults=1)


def _check_checkbox_group(errors: FormErrors, field: Json, path: Path) -> None:
    check_custom_id(errors, field, path)
    default = min(len(json_objects(field.get("options"))), MAX_GROUP)
    highest = check_number_of_values(errors, field, path, MAX_GROUP, default=default)
    check_options(errors, field, (*path, "options"), MAX_GROUP, minimum=highest, defaults=highest)


_FIELD_CHECKS: dict[int, Check] = dict.fromkeys(SELECTS, _check_select) | {
    TEXT_INPUT: _check_input,
    FILE_UPLOAD: _check_file_upload,
    RADIO_GROUP: _check_radio_group,
    CHECKBOX_GROUP: _check_checkbox_group,
    CHECKBOX: check_custom_id,
}
_CHECKS: dict[int, Check] = {
    ROW: _check_row,
    LABEL: _check_label,
    TEXT_DISPLAY: check_text_display,
}


def modal_inputs(modal: Json) -> list[Json]:
    """List the inputs of a modal, top to bottom."""
    return [field for _, field in labelled_inputs(modal)]


def labelled_inputs(modal: Json) -> Iterator[tuple[str, Json]]:
    """Yield the inputs of a modal with their labels, top to bottom."""
    for item in modal["components"]:
        if item["type"] == LABEL:
            yield item["label"], item["component"]
        for field in item.get("components", []):
            yield field["label"], field


def fill_modal(modal: Json, values: Json) -> list[Json]:
    """Return the submitted components; `values` by custom id or label.

    Raises `ControlError` where the client would not let the user submit.
    """
    known = {name for label, field in labelled_inputs(modal) for name in (label, field["custom_id"])}
    for name in values:
        if name not in known:
            has = [field["custom_id"] for field in modal_inputs(modal)]
            raise ControlError(f"The modal has no input {name!r}: it has {has}.", status=404)
    return [_submitted(item, values) for item in with_component_ids(modal["components"])]


def _submitted(item: Json, values: Json) -> Json:
    sent: Json = {"type": item["type"], "id": item["id"]}
    if item["type"] == LABEL:
        sent["component"] = _field_value(item["label"], item["component"], values)
    elif item["type"] == ROW:
        sent["components"] = [_field_value(field["label"], field, values) for field in item["components"]]
    return sent


def _field_value(label: str, field: Json, values: Json) -> Json:
    given = values.get(field["custom_id"], values.get(label))
    sent: Json = {"type": field["type"], "id": field["id"], "custom_id": field["custom_id"]}
    if field["type"] == TEXT_INPUT:
        return sent | {"value": _text_value(label, field, given)}
    if field["type"] == CHECKBOX:
        return sent | {"value": bool(field.get("default") if given is None else given)}
    selected = _selected_values(label, field, given)
    if field["type"] == RADIO_GROUP:
        return sent | {"value": selected[0] if selected else None}
    return sent | {"values": selected}


def _text_value(label: str, field: Json, given: Any) -> str:
    text = str(field.get("value") or "") if given is None else str(given)
    if not text.strip():
        if field.get("required", True):
            raise ControlError(f"{label!r} is required: write something.", status=400)
        return text
    minimum, maximum = field.get("min_length") or 0, field.get("max_length") or MAX_INPUT
    if not minimum <= len(text) <= maximum:
        raise ControlError(f"{label!r} takes {minimum} to {maximum} characters, not {len(text)}.", status=400)
    return text


def _selected_values(label: str, field: Json, given: Any) -> list[str]:
    selected = _preselected(field) if given is None else given if isinstance(given, list) else [given]
    selected = [str(value) for value in selected]
    if not selected and not field.get("required", True):
        return []
    minimum = 1 if field.get("min_values") is None else field["min_values"]
    maximum = field.get("max_values") or (len(field["options"]) if field["type"] == CHECKBOX_GROUP else 1)
    if not max(minimum, 1 if field.get("required", True) else 0) <= len(selected) <= maximum:
        raise ControlError(
            f"{label!r} takes {minimum} to {maximum} choices, not {len(selected)}.", status=400
        )
    known = [option["value"] for option in field.get("options") or []]
    if field["type"] in WITH_OPTIONS and not set(selected) <= set(known):
        raise ControlError(f"{label!r} has no option {selected}: it has {known}.", status=400)
    return selected


def _preselected(field: Json) -> list[str]:
    """Return the default values of a select."""
    options = [option["value"] for option in field.get("options") or [] if option.get("default")]
    return options or [value["id"] for value in field.get("default_values") or []]
