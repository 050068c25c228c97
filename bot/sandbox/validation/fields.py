"""Validation of single fields: type, length in code points after trimming, range, URL."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import urlsplit

from bot.sandbox.model.json import Json
from bot.sandbox.rest.errors import FormErrors

Path = tuple[str | int, ...]
LINKS = ("http", "https")
PICTURES = ("http", "https", "attachment")


def add_required_error(errors: FormErrors, path: Path) -> None:
    errors.add(path, "BASE_TYPE_REQUIRED", "This field is required")


def stripped(value: object) -> str:
    """Return text without surrounding whitespace, as Discord counts and stores it."""
    return value.strip() if isinstance(value, str) else ""


def json_objects(value: object) -> list[Json]:
    """Return the JSON objects in a value that should be a list of them."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def check_text(errors: FormErrors, body: Json, path: Path, maximum: int, *, minimum: int = 0) -> None:
    """Validate the text at the last step of `path` in `body`; with `minimum` it is required."""
    value = body.get(str(path[-1]))
    if value is not None and not isinstance(value, str):
        errors.add(path, "STRING_TYPE_CONVERT", f'Could not interpret "{value}" as string.')
        return
    length = len(stripped(value))
    if minimum and not length:
        add_required_error(errors, path)
    elif minimum and not minimum <= length <= maximum:
        errors.add(path, "BASE_TYPE_BAD_LENGTH", f"Must be between {minimum} and {maximum} in length.")
    elif length > maximum:
        errors.add(path, "BASE_TYPE_MAX_LENGTH", f"Must be {maximum} or fewer in length.")


def check_choice(errors: FormErrors, value: object, path: Path, choices: Iterable[int]) -> bool:
    known = sorted(choices)
    if value in known:
        return True
    message = ", ".join(str(choice) for choice in known)
    errors.add(path, "BASE_TYPE_CHOICES", f"Value must be one of {{{message}}}.")
    return False


def check_range(errors: FormErrors, body: Json, path: Path, minimum: int, maximum: int) -> None:
    """Validate the integer at the last step of `path` in `body`, if present."""
    value = body.get(str(path[-1]))
    if value is None:
        return
    if isinstance(value, bool) or not isinstance(value, int):
        errors.add(path, "NUMBER_TYPE_COERCE", f'Value "{value}" is not int.')
    elif value < minimum:
        errors.add(path, "NUMBER_TYPE_MIN", f"int value should be greater than or equal to {minimum}.")
    elif value > maximum:
        errors.add(path, "NUMBER_TYPE_MAX", f"int value should be less than or equal to {maximum}.")


def check_list(
    errors: FormErrors, value: object, path: Path, maximum: int, *, minimum: int = 0
) -> list[Json]:
    """Validate a list's length and return its JSON objects."""
    if value is None:
        value = []
    if not isinstance(value, list):
        errors.add(path, "LIST_TYPE_CONVERT", "Only iterables may be used in a ListType")
        return []
    if minimum and not minimum <= len(value) <= maximum:
        errors.add(path, "BASE_TYPE_BAD_LENGTH", f"Must be between {minimum} and {maximum} in length.")
    elif len(value) > maximum:
        errors.add(path, "BASE_TYPE_MAX_LENGTH", f"Must be {maximum} or fewer in length.")
    for index, item in enumerate(value):
        if not isinstance(item, dict):
            errors.add((*path, index), "MODEL_TYPE_CONVERT", "Only dictionaries may be used in a ModelType")
    return json_objects(value)


def check_url(
    errors: FormErrors, body: Json, path: Path, schemes: tuple[str, ...], *, maximum: int = 2048
) -> None:
    """Validate the URL at the last step of `path` in `body`, if present; "" is an invalid URL."""
    value = body.get(str(path[-1]))
    if value is None:
        return
    check_text(errors, body, path, maximum)
    scheme = _scheme(value)
    if scheme not in schemes:
        message = "Scheme must be one of " + str(tuple(schemes))
        errors.add(path, "URL_TYPE_INVALID_SCHEME", f'Scheme "{scheme}" is not supported. {message}.')
    elif not _has_host(value):
        errors.add(path, "URL_TYPE_INVALID_URL", "Not a well formed URL.")


def _scheme(value: object) -> str:
    return stripped(value).partition(":")[0].lower() if ":" in stripped(value) else ""


def _has_host(value: object) -> bool:
    try:
        return bool(urlsplit(stripped(value)).netloc)
    except ValueError:
        return False
