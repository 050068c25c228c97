"""Settings: a TOML file and the environment, made into frozen values. An unknown key is an error."""

import tomllib
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
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

DISCORD_API = "https://discord.com/api/v10"
ENVIRONMENT_PREFIX = "TICKETBRIDGE_"


class ConfigError(Exception):
    """The settings cannot be used. The message is one sentence that says what to do."""


def split_commas(value: object) -> object:
    """In the environment, a list is text with commas."""
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


def require_file_path(path: Path) -> Path:
    if not path.name or path.is_dir():
        raise ValueError("it must name a file, not a folder")
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
        description="where the Discord API is; another Discord-compatible server is asked for its gateway",
    )
    unknown_outcome_delay: float = Field(
        default=10.0,
        ge=0,
        le=300,
        description="how long a post of unknown outcome is left alone before it is tried again",
    )
    typed_replies: bool = Field(
        default=False,
        description="whether what staff type in a thread is a reply; needs the Message Content intent",
    )


class WebhookSettings(_Section):
    host: str = Field(
        default="127.0.0.1", min_length=1, description="the address game servers reach the webhook at"
    )
    port: int = Field(default=8080, ge=0, le=65535, description="its port; 0 takes any free one")
    trusted_proxies: Annotated[tuple[IPvAnyNetwork, ...], NoDecode, BeforeValidator(split_commas)] = Field(
        default=(), description="networks of reverse proxies whose X-Forwarded-For is believed"
    )
    metrics_allowed_networks: Annotated[
        tuple[IPvAnyNetwork, ...], NoDecode, BeforeValidator(split_commas)
    ] = Field(
        default=(ip_network("127.0.0.0/8"), ip_network("::1/128")),
        description="networks that may read /metrics and the whole of /readyz",
    )
    duplicate_window: int = Field(
        default=60, ge=0, le=3600, description="how long the same body from the same key is the same ticket"
    )


class LogSettings(_Section):
    format: Literal["text", "json"] = Field(
        default="text", description="text for people, json for programs: a line for each event"
    )


class StorageSettings(_Section):
    path: Annotated[Path, AfterValidator(require_file_path)] = Field(
        default=Path("ticketbridge.db"), description="the SQLite file; made if it is not there"
    )


class BackupSettings(_Section):
    folder: Path | None = Field(default=None, description="where scheduled backups go; none without it")
    hours: int = Field(default=24, ge=1, le=24 * 365, description="how many hours between two of them")
    keep: int = Field(default=14, ge=1, le=10_000, description="how many of them stay")


class Settings(BaseSettings):
    """Everything that can be set. The environment (TICKETBRIDGE_DISCORD_TOKEN, ...) wins over the file."""

    model_config = SettingsConfigDict(
        extra="forbid",
        frozen=True,
        env_prefix=ENVIRONMENT_PREFIX,
        env_nested_delimiter="_",
        env_nested_max_split=1,
    )

    discord: DiscordSettings = DiscordSettings()
    webhook: WebhookSettings = WebhookSettings()
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
    """The settings of a file and the environment. Raises BadConfig; a file not required may be missing."""
    try:
        return Settings(**(_read_toml(path) if required or path.exists() else {}))
    except ValidationError as error:
        raise ConfigError(format_error(path, error)) from error
    except ValueError as error:  # pydantic-settings: an environment value that is not what the field takes
        raise ConfigError(f"A {ENVIRONMENT_PREFIX}... environment variable is wrong: {error}.") from error


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


def format_error(path: Path, error: ValidationError) -> str:
    first = error.errors(include_input=False, include_url=False)[0]
    location = [str(part) for part in first["loc"]]
    setting = f"[{location[0]}] {'.'.join(location[1:])}" if len(location) > 1 else f"[{location[0]}]"
    if first["type"] == "extra_forbidden":
        return f"{path}: there is no setting {setting}. {valid_keys_hint(location[0])}"
    return f"{path} (or the environment): {setting} is wrong: {first['msg']}."


def valid_keys_hint(section: str) -> str:
    field = Settings.model_fields.get(section)
    if field is None or not isinstance(field.annotation, type) or not issubclass(field.annotation, BaseModel):
        return f"The sections are {', '.join(f'[{name}]' for name in Settings.model_fields)}."
    return f"[{section}] takes {', '.join(field.annotation.model_fields)}."
