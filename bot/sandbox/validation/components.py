"""Validation of message components: action rows with buttons or a select."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

from bot.sandbox.model.json import Json
from bot.sandbox.rest.errors import FormErrors
from bot.sandbox.validation.fields import (
    LINKS,
    Path,
    check_choice,
    check_list,
    check_range,
    check_text,
    check_url,
    json_objects,
)

ROW, BUTTON, STRING_SELECT, TEXT_INPUT = 1, 2, 3, 4
USER_SELECT, ROLE_SELECT, MENTIONABLE_SELECT, CHANNEL_SELECT = 5, 6, 7, 8
TEXT_DISPLAY, LABEL = 10, 18  # these and the next: of modals
FILE_UPLOAD, RADIO_GROUP, CHECKBOX_GROUP, CHECKBOX = 19, 21, 22, 23
SELECTS = frozenset({STRING_SELECT, USER_SELECT, ROLE_SELECT, MENTIONABLE_SELECT, CHANNEL_SELECT})
LINK = 5  # a button style
PREMIUM = 6  # a button style
MAX_ROWS = 5
MAX_TEXT_DISPLAY = 4000


def walk_components(components: list[Json], path: Path = ()) -> Iterator[tuple[Path, Json]]:
    """Yield every component with its path, parents before children."""
    for index, component in enumerate(components):
        yield from _walk_component((*path, index), component)


def _walk_component(path: Path, component: Json) -> Iterator[tuple[Path, Json]]:
    yield path, component
    if isinstance(component.get("component"), dict):
        yield from _walk_component((*path, "component"), component["component"])
    children = component.get("components")
    if isinstance(children, list):
        yield from walk_components(json_objects(children), (*path, "components"))


def with_component_ids(components: list[Json]) -> list[Json]:
    """Return a copy in which every component has an integer id."""
    filled = copy.deepcopy(components)
    taken = {component.get("id") for _, component in walk_components(filled)}
    free = (number for number in range(1, 10_000) if number not in taken)
    for _, component in walk_components(filled):
        if not component.get("id"):
            component["id"] = next(free)
    return filled


def check_rows(errors: FormErrors, components: Any, path: Path = ("components",)) -> None:
    """Validate up to five action rows of five buttons or one select."""
    for index, row in enumerate(check_list(errors, components, path, MAX_ROWS)):
        if check_choice(errors, row.get("type"), (*path, index, "type"), {ROW}):
            _check_row(errors, row, (*path, index))
    check_unique_custom_ids(errors, components, path)


def _check_row(errors: FormErrors, row: Json, path: Path) -> None:
    inside = (*path, "components")
    children = check_list(errors, row.get("components"), inside, 5, minimum=1)
    width = sum(5 if child.get("type") in SELECTS else 1 for child in children)
    if len(children) <= 5 < width:
        errors.add(
            inside, "COMPONENT_LAYOUT_WIDTH_EXCEEDED", "The specified component exceeds the maximum width"
        )
    for index, child in enumerate(children):
        check_row_item(errors, child, (*inside, index))


def check_row_item(errors: FormErrors, component: Json, path: Path) -> None:
    kind = component.get("type")
    if not check_choice(errors, kind, (*path, "type"), SELECTS | {BUTTON}):
        return
    if kind == BUTTON:
        _check_button(errors, component, path)
    else:
        check_select(errors, component, path)


def _check_button(errors: FormErrors, button: Json, path: Path) -> None:
    check_text(errors, button, (*path, "label"), 80)
    if not check_choice(errors, button.get("style"), (*path, "style"), range(1, 7)):
        return
    style = button["style"]
    if style != PREMIUM and not button.get("label") and not button.get("emoji"):
        message = "A button must have a label or an emoji"
        errors.add(path, "BUTTON_COMPONENT_LABEL_OR_EMOJI_REQUIRED", message)
    if style == LINK:
        _check_link(errors, button, path)
    elif style != PREMIUM:
        if button.get("url") is not None:
            _add_url_and_custom_id_error(errors, path)
        check_custom_id(errors, button, path)


def _check_link(errors: FormErrors, button: Json, path: Path) -> None:
    if button.get("custom_id") is not None:
        _add_url_and_custom_id_error(errors, path)
    if button.get("url") is None:
        errors.add((*path, "url"), "BUTTON_COMPONENT_URL_REQUIRED", "A url is required")
    check_url(errors, button, (*path, "url"), (*LINKS, "discord"), maximum=512)


def _add_url_and_custom_id_error(errors: FormErrors, path: Path) -> None:
    message = "A custom id and url cannot both be specified"
    errors.add(path, "BUTTON_COMPONENT_CUSTOM_ID_URL_MUTUALLY_EXCLUSIVE", message)


def check_custom_id(errors: FormErrors, component: Json, path: Path) -> None:
    check_text(errors, component, (*path, "custom_id"), 100, minimum=1)


def check_select(errors: FormErrors, select: Json, path: Path) -> None:
    check_custom_id(errors, select, path)
    check_text(errors, select, (*path, "placeholder"), 150)
    highest = check_number_of_values(errors, select, path, 25)
    if select.get("type") == STRING_SELECT:
        check_options(errors, select, (*path, "options"), 25, minimum=highest, defaults=highest)
    elif len(json_objects(select.get("default_values"))) > highest:
        add_too_many_defaults_error(errors, (*path, "default_values"), highest)


def check_number_of_values(
    errors: FormErrors, field: Json, path: Path, maximum: int, *, default: int = 1
) -> int:
    """Validate min_values and max_values; return how many values can be chosen."""
    check_range(errors, field, (*path, "max_values"), 1, maximum)
    given = field.get("max_values")
    highest = given if isinstance(given, int) and given <= maximum else default
    check_range(errors, field, (*path, "min_values"), 0, highest)
    return highest


def check_options(
    errors: FormErrors, field: Json, path: Path, maximum: int, *, minimum: int, defaults: int
) -> None:
    """Validate the number of options, their texts, and that at most `defaults` are chosen by default."""
    options = check_list(errors, field.get("options"), path, maximum, minimum=max(minimum, 1))
    if sum(option.get("default") is True for option in options) > defaults:
        add_too_many_defaults_error(errors, path, defaults)
    seen = set()
    for index, option in enumerate(options):
        check_text(errors, option, (*path, index, "label"), 100, minimum=1)
        check_text(errors, option, (*path, index, "value"), 100, minimum=1)
        check_text(errors, option, (*path, index, "description"), 100)
        if str(option.get("value")) in seen:
            message = "The specified option value is already used"
            errors.add((*path, index, "value"), "SELECT_COMPONENT_OPTION_VALUE_DUPLICATED", message)
        seen.add(str(option.get("value")))


def add_too_many_defaults_error(errors: FormErrors, path: Path, highest: int) -> None:
    # Discord's own code for this is not documented.
    errors.add(path, "BASE_TYPE_MAX_LENGTH", f"Must have {highest} or fewer default values.")


def check_unique_custom_ids(errors: FormErrors, components: Any, path: Path) -> None:
    seen = set()
    for where, component in walk_components(json_objects(components), path):
        custom_id = component.get("custom_id")
        if not isinstance(custom_id, str):
            continue
        if custom_id in seen:
            message = "Component custom id cannot be duplicated"
            errors.add((*where, "custom_id"), "COMPONENT_CUSTOM_ID_DUPLICATED", message)
        seen.add(custom_id)


def check_text_display(errors: FormErrors, component: Json, path: Path) -> None:
    check_text(errors, component, (*path, "content"), MAX_TEXT_DISPLAY, minimum=1)
