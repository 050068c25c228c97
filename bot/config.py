"""Settings from a TOML file and the environment, as frozen values. An unknown key is an error."""

import os
import re
import stat
import tomllib
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    IPvAnyNetwork,
    SecretStr,
    ValidationError,
)
from pydantic_core import ErrorDetails
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
)

DISCORD_API = "https://discord.com/api/v10"
ENVIRONMENT_PREFIX = "TICKETBRIDGE_"

# Kubernetes sets these in every container beside a service named ticketbridge.
_OF_A_SERVICE = re.compile(
    rf"{ENVIRONMENT_PREFIX}(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT(_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)?)"
)

# What a value must be, by the type of pydantic's error; {names} are its input or in its context.
_REQUIREMENTS: Mapping[str, str] = {
    "bool_parsing": "must be true or false",
    "bool_type": "must be true or false",
    "finite_number": "must be a whole number",
    "float_parsing": "must be a number",
    "float_type": "must be a number",
    "greater_than_equal": "must be {ge:g} or more",
    "int_from_float": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_parsing_size": "must be a smaller number",
    "int_type": "must be a whole number",
    "ip_any_network": "must list networks such as 10.0.0.0/8; {input!r} is none",
    "less_than_equal": "must be {le:g} or less",
    "literal_error": "must be {expected}",
    "model_type": "is a section and takes no value of its own",
    "path_type": "must be a path, in quotes",
    "string_pattern_mismatch": "must be an http:// or https:// address without ? and #",
    "string_too_short": "must not be empty",
    "string_type": "must be text, in quotes",
    "tuple_type": "must list networks such as 10.0.0.0/8",
    "value_error": "{error}",
}


class ConfigError(Exception):
    """The settings cannot be used. The message has a line for each error, and says what to do."""


def split_commas(value: object) -> object:
    """Split text from the environment, where a list is written with commas."""
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


def require_file_path(path: Path) -> Path:
    if not path.name or path.is_dir():
        raise ValueError("must be the path of a file, not of a folder")
    return path


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class DiscordSettings(_Section):
    token: SecretStr = Field(
        default=SecretStr(""), description="the bot's token, from Discord's developer portal"
    )
    api_base: str = Field(
        default=DISCORD_API,
        pattern=r"^https?://[^\s?#]+$",
        description="the address of the Discord API; any other server than Discord names its own gateway",
    )
    unknown_outcome_delay: float = Field(
        default=10.0,
        ge=0,
        le=300,
        description="seconds before a delivery of unknown outcome is looked for in Discord and tried again",
    )
    typed_replies: bool = Field(
        default=False,
        description="whether what staff type in a thread is a reply; needs the Message Content intent",
    )


class WebhookSettings(_Section):
    host: str = Field(
        default="127.0.0.1", min_length=1, description="the address on which the webhook listens"
    )
    port: int = Field(
        default=8080,
        ge=0,
        le=65535,
        description="the port on which the webhook listens; 0 takes any free one",
    )
    public_url: Annotated[str, AfterValidator(lambda url: url.rstrip("/"))] | None = Field(
        default=None,
        pattern=r"^https?://[^\s?#/]+[^\s?#]*$",
        description="the address under which players and game servers reach the webhook; "
        "without it, the one that a request came to",
    )
    trusted_proxies: Annotated[tuple[IPvAnyNetwork, ...], NoDecode, BeforeValidator(split_commas)] = Field(
        default=(),
        description="networks of reverse proxies whose X-Forwarded-* and Forwarded headers are trusted",
    )
    metrics_allowed_networks: Annotated[
        tuple[IPvAnyNetwork, ...], NoDecode, BeforeValidator(split_commas)
    ] = Field(
        default=(ip_network("127.0.0.0/8"), ip_network("::1/128")),
        description="networks that may read /metrics and the whole of /readyz",
    )
    duplicate_window: int = Field(
        default=60,
        ge=0,
        le=3600,
        description="seconds for which the same body from the same key is the same ticket",
    )


class LogSettings(_Section):
    format: Literal["text", "json"] = Field(
        default="text", description="text for people, or json for programs: a line for each event"
    )


class PushSettings(_Section):
    allowed_networks: Annotated[tuple[IPvAnyNetwork, ...], NoDecode, BeforeValidator(split_commas)] = Field(
        default=(),
        description="networks besides the internet that outgoing webhooks may be in, also by http://",
    )


class StorageSettings(_Section):
    path: Annotated[Path, AfterValidator(require_file_path)] = Field(
        default=Path("ticketbridge.db"), description="the SQLite file; `run` and `workspace create` create it"
    )


class BackupSettings(_Section):
    folder: Path | None = Field(default=None, description="where scheduled backups go; none without it")
    hours: int = Field(default=24, ge=1, le=24 * 365, description="hours between two scheduled backups")
    keep: int = Field(default=14, ge=1, le=10_000, description="how many scheduled backups are kept")


class Settings(BaseSettings):
    """All settings. The environment (TICKETBRIDGE_DISCORD_TOKEN, ...) wins over the file."""

    model_config = SettingsConfigDict(
        extra="forbid",
        frozen=True,
        env_prefix=ENVIRONMENT_PREFIX,
        env_nested_delimiter="_",
        env_nested_max_split=1,
    )

    discord: DiscordSettings = DiscordSettings()
    webhook: WebhookSettings = WebhookSettings()
    push: PushSettings = PushSettings()
    storage: StorageSettings = StorageSettings()
    backup: BackupSettings = BackupSettings()
    log: LogSettings = LogSettings()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return env_settings, init_settings


def load_settings(path: Path, *, required: bool = True) -> Settings:
    """Read the settings from a file and the environment. A file that is not required may be missing.

    Raises ConfigError, with all errors at once.
    """
    values = _read_toml(path) if required or path.exists() else {}
    unknown = _unknown_variables()
    try:
        settings = Settings(**values)
        if not unknown:
            return settings
        lines = unknown
    except ValidationError as error:
        details = error.errors(include_url=False)
        lines = [*dict.fromkeys(format_error(path, detail) for detail in details), *unknown]
    except SettingsError:  # an environment variable with the name of a section
        lines = [
            f"{_variable(section)} is no setting. Set {_variable(section, keys[0])} or another of its keys."
            for section, keys in setting_names().items()
            if _in_environment(section)
        ] + unknown
    header = [f"{len(lines)} settings are wrong:"] if len(lines) > 1 else []
    raise ConfigError("\n".join(header + lines))


def exposed_token_warning(path: Path) -> str | None:
    """How to protect a file with the Discord token that other users can read; None if it is no such file."""
    if not path.exists() or not path.stat().st_mode & (stat.S_IRGRP | stat.S_IROTH):
        return None
    if not _read_toml(path).get("discord", {}).get("token"):
        return None
    return f"{path} holds the Discord token, and other users can read it. Run: chmod 600 {path}"


def setting_names() -> dict[str, list[str]]:
    """The keys of each section."""
    return {
        section: list(field.annotation.model_fields)
        for section, field in Settings.model_fields.items()
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel)
    }


def format_error(path: Path, error: ErrorDetails) -> str:
    """Name the setting as it is written in the file or the environment, and what it must be."""
    section, key = (*map(str, error["loc"]), "")[:2]
    in_file = not _in_environment(section, key)
    to_name = _name if in_file else _variable
    if error["type"] == "extra_forbidden":
        problem = f"is not a setting. {_suggest(to_name, section, key)}"
    else:
        context = {"input": error["input"], **error.get("ctx", {})}
        problem = f"{_REQUIREMENTS[error['type']].format_map(context)}."
    return f"{path}: {to_name(section, key)} {problem}" if in_file else f"{to_name(section, key)} {problem}"


def _suggest(to_name: Callable[[str, str], str], section: str, key: str) -> str:
    """The section or setting that was probably meant, else all there are."""
    sections = setting_names()
    elsewhere = [name for name, keys in sections.items() if (key or section) in keys]
    similar = get_close_matches(key or section, sections.get(section, sections), n=1)
    if similar:
        return f"Did you mean {to_name(section, similar[0]) if key else _name(similar[0])}?"
    if elsewhere:
        return f"Did you mean {to_name(elsewhere[0], key or section)}?"
    if key:
        return f"[{section}] takes {', '.join(sections[section])}."
    return f"The sections are {', '.join(map(_name, sections))}."


def _name(section: str, key: str = "") -> str:
    """A setting or a section, as it is written in the file."""
    return f"[{section}] {key}".strip()


def _variable(section: str, key: str = "") -> str:
    """The environment variable of a setting."""
    return f"{ENVIRONMENT_PREFIX}{section}_{key}".rstrip("_").upper()


def _in_environment(section: str, key: str = "") -> bool:
    return any(name.upper() == _variable(section, key) for name in os.environ)


def _unknown_variables() -> list[str]:
    """A sentence for each variable that looks like a setting's, and is of no section: pydantic ignores it."""
    sections = setting_names()
    known = [_variable(section, key) for section, keys in sections.items() for key in keys]
    return [
        f"{name} is not a setting. Did you mean {get_close_matches(name.upper(), known, n=1, cutoff=0)[0]}?"
        for name in sorted(os.environ)
        if name.upper().startswith(ENVIRONMENT_PREFIX)
        and name.upper().split("_")[1].lower() not in sections
        and not _OF_A_SERVICE.fullmatch(name)
    ]


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            return tomllib.load(file)
    except FileNotFoundError as error:
        raise ConfigError(f"{path} does not exist. Copy config.example.toml there and fill it in.") from error
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(
            f"{path} cannot be read as TOML: {error}. Compare it with config.example.toml."
        ) from error
