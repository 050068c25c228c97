"""Settings: a TOML file and the environment. Whatever is wrong is told in one sentence with the cure."""

import os
import re
import tomllib
from pathlib import Path

import pytest
from pydantic import BaseModel, SecretStr, ValidationError

import bot.config
from bot.config import DISCORD_API, ENVIRONMENT_PREFIX, ConfigError, Settings, load_settings

EXAMPLE = Path(bot.config.__file__).parents[1] / "config.example.toml"

WHOLE = """
[discord]
token = "from-the-file"
api_base = "http://127.0.0.1:9/api/v10"

[webhook]
host = "0.0.0.0"
port = 9000

[storage]
path = "/var/lib/tickets.db"
"""


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.upper().startswith(ENVIRONMENT_PREFIX)]:
        monkeypatch.delenv(name)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "config.toml"


def read(path: Path, text: str) -> Settings:
    path.write_text(text, encoding="utf-8")
    return load_settings(path)


def refused(path: Path, text: str) -> str:
    with pytest.raises(ConfigError) as refusal:
        read(path, text)
    return str(refusal.value)


def every_setting() -> list[tuple[str, str]]:
    found = []
    for section, field in Settings.model_fields.items():
        assert isinstance(field.annotation, type)
        assert issubclass(field.annotation, BaseModel)
        found += [(section, name) for name in field.annotation.model_fields]
    return found


def _as_text(value: object) -> str:
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)


def test_a_file_sets_everything(path: Path) -> None:
    settings = read(path, WHOLE)

    assert settings.discord.token.get_secret_value() == "from-the-file"
    assert settings.discord.api_base == "http://127.0.0.1:9/api/v10"
    assert (settings.webhook.host, settings.webhook.port) == ("0.0.0.0", 9000)  # noqa: S104  # only read
    assert settings.storage.path == Path("/var/lib/tickets.db")


def test_what_is_not_set_has_a_value_that_works(path: Path) -> None:
    settings = read(path, "")

    assert settings.discord.token.get_secret_value() == ""
    assert settings.discord.api_base == DISCORD_API
    assert (settings.webhook.host, settings.webhook.port) == ("127.0.0.1", 8080)
    assert settings.storage.path == Path("ticketbridge.db")


@pytest.mark.parametrize(("section", "name"), every_setting())
def test_the_environment_wins_over_the_file(
    path: Path, monkeypatch: pytest.MonkeyPatch, section: str, name: str
) -> None:
    values = {
        "port": "7777",
        "api_base": "http://127.0.0.1:7",
        "trusted_proxies": "10.0.0.0/8,::1/128",
        "metrics_allowed_networks": "10.0.0.0/8",
        "duplicate_window": "5",
        "unknown_outcome_delay": "5.0",
        "typed_replies": "True",
        "format": "json",
        "hours": "5",
        "keep": "5",
    }
    value = values.get(name, "from-the-environment")
    before = read(path, WHOLE).model_dump()

    monkeypatch.setenv(f"{ENVIRONMENT_PREFIX}{section}_{name}".upper(), value)

    after = read(path, WHOLE).model_dump()
    was, now = before[section].pop(name), after[section].pop(name)
    assert was != now
    assert _as_text(now) == value
    assert after == before


def test_the_environment_is_enough(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TICKETBRIDGE_DISCORD_TOKEN", "secret")

    assert load_settings(path, required=False).discord.token.get_secret_value() == "secret"


def test_a_file_that_is_not_there_is_told_with_the_cure(path: Path) -> None:
    with pytest.raises(ConfigError, match=r"config\.toml does not exist\. Copy config\.example\.toml there"):
        load_settings(path)


def test_an_unknown_setting_is_told_with_the_known_ones(path: Path) -> None:
    sentence = refused(path, '[discord]\ntokne = "x"\n')

    assert sentence == (
        f"{path}: there is no setting [discord] tokne. "
        "[discord] takes token, api_base, unknown_outcome_delay, typed_replies."
    )


@pytest.mark.parametrize("text", ["[discrod]\ntoken = 'x'\n", "discrod = 1\n"])
def test_an_unknown_section_is_told_with_the_known_ones(path: Path, text: str) -> None:
    sentence = refused(path, text)

    assert sentence == (
        f"{path}: there is no setting [discrod]. "
        "The sections are [discord], [webhook], [storage], [backup], [log]."
    )


def test_an_unknown_setting_in_the_environment_is_told(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TICKETBRIDGE_WEBHOOK_PROT", "1")

    assert "there is no setting [webhook] prot. [webhook] takes host, port, " in refused(path, WHOLE)


@pytest.mark.parametrize(
    ("text", "setting"),
    [
        ("[webhook]\nport = 65536\n", "[webhook] port"),
        ("[webhook]\nport = -1\n", "[webhook] port"),
        ("[webhook]\nport = 'http'\n", "[webhook] port"),
        ("[webhook]\nhost = 5\n", "[webhook] host"),
        ("[storage]\npath = 5\n", "[storage] path"),
        ("[discord]\napi_base = 'discord.com'\n", "[discord] api_base"),
        ("[discord]\napi_base = 'ftp://discord.com'\n", "[discord] api_base"),
        ("[discord]\napi_base = 'https://x/?y=z'\n", "[discord] api_base"),
        ("discord = 5\n", "[discord]"),
    ],
)
def test_a_value_that_cannot_be_is_told_by_the_name_of_its_setting(
    path: Path, text: str, setting: str
) -> None:
    assert f": {setting} is wrong: " in refused(path, text)


@pytest.mark.parametrize("port", [0, 65535])
def test_every_port_there_is_can_be_set(path: Path, port: int) -> None:
    assert read(path, f"[webhook]\nport = {port}\n").webhook.port == port


@pytest.mark.parametrize("text", ["[discord", "token = ", "[a]\n[a]\n"])
def test_a_file_that_is_no_toml_is_told_with_the_cure(path: Path, text: str) -> None:
    assert re.search(
        r"cannot be read as TOML: .*Compare it with config\.example\.toml\.", refused(path, text)
    )


def test_a_file_that_is_no_text_is_told(path: Path) -> None:
    path.write_bytes(b"\xff\xfe")

    with pytest.raises(ConfigError, match="cannot be read as TOML"):
        load_settings(path)


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read as TOML"):
        load_settings(tmp_path)


def test_a_section_in_the_environment_that_is_no_section_is_told(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TICKETBRIDGE_DISCORD", "nonsense")

    with pytest.raises(ConfigError, match=r"^A TICKETBRIDGE_\.\.\. environment variable is wrong: "):
        load_settings(path, required=False)


def test_the_token_is_never_shown(path: Path) -> None:
    assert "from-the-file" not in repr(read(path, WHOLE))
    assert "from-the-file" not in refused(path, WHOLE.replace("port = 9000", "port = 'x'"))
    assert "not-a-text" not in refused(path, "[discord]\ntoken = ['not-a-text']\n")


def test_settings_never_change(path: Path) -> None:
    settings = read(path, WHOLE)

    with pytest.raises(ValidationError, match="frozen"):
        settings.webhook.port = 1  # type: ignore[misc]  # that is what is tried
    with pytest.raises(ValidationError, match="frozen"):
        settings.webhook = settings.webhook  # type: ignore[misc]  # likewise


def test_the_example_can_be_read() -> None:
    assert load_settings(EXAMPLE)


@pytest.mark.parametrize(("section", "name"), every_setting())
def test_the_example_names_every_setting_in_its_section(section: str, name: str) -> None:
    text = EXAMPLE.read_text(encoding="utf-8")

    body = re.split(r"^\[", text.partition(f"\n[{section}]\n")[2], maxsplit=1, flags=re.MULTILINE)[0]
    assert re.search(rf"^(# ?)?{name} = ", body, re.MULTILINE)


def test_the_example_names_no_setting_that_is_not_there() -> None:
    text = EXAMPLE.read_text(encoding="utf-8")
    uncommented = re.sub(r"^# ?(\w+ = )", r"\1", text, flags=re.MULTILINE)

    named = [(section, name) for section, settings in tomllib.loads(uncommented).items() for name in settings]

    assert sorted(named) == sorted(every_setting())


@pytest.mark.parametrize(("section", "name"), every_setting())
def test_every_setting_says_what_it_is(section: str, name: str) -> None:
    annotation = Settings.model_fields[section].annotation
    assert isinstance(annotation, type)
    assert issubclass(annotation, BaseModel)

    assert annotation.model_fields[name].description


@pytest.mark.parametrize(
    ("variable", "value", "setting"),
    [
        ("WEBHOOK_HOST", "", "[webhook] host"),
        ("STORAGE_PATH", "", "[storage] path"),
        ("STORAGE_PATH", "/", "[storage] path"),
    ],
)
def test_an_empty_variable_is_no_value(
    path: Path, monkeypatch: pytest.MonkeyPatch, variable: str, value: str, setting: str
) -> None:
    monkeypatch.setenv(f"{ENVIRONMENT_PREFIX}{variable}", value)

    assert f"{setting} is wrong" in refused(path, WHOLE)
