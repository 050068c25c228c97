"""Settings from a TOML file and the environment; each error is a sentence that says what to do."""

import os
import re
import tomllib
from pathlib import Path

import pytest
from pydantic import BaseModel, SecretStr, ValidationError

import bot.config
from bot.config import (
    DISCORD_API,
    ENVIRONMENT_PREFIX,
    ConfigError,
    Settings,
    exposed_token_warning,
    load_settings,
    setting_names,
)

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


def error_of(path: Path, text: str) -> str:
    with pytest.raises(ConfigError) as error:
        read(path, text)
    return str(error.value)


def every_setting() -> list[tuple[str, str]]:
    return [(section, key) for section, keys in setting_names().items() for key in keys]


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


def test_every_setting_has_a_default(path: Path) -> None:
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
        "allowed_networks": "127.0.0.1/32",
        "duplicate_window": "5",
        "unknown_outcome_delay": "5.0",
        "typed_replies": "True",
        "format": "json",
        "hours": "5",
        "keep": "5",
        "public_url": "https://tickets.example.com",
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


def test_a_missing_file_is_an_error_that_names_the_example(path: Path) -> None:
    with pytest.raises(ConfigError, match=r"config\.toml does not exist\. Copy config\.example\.toml there"):
        load_settings(path)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[discord]\ntokne = 'x'\n", "[discord] tokne is not a setting. Did you mean [discord] token?"),
        ("[discord]\nport = 1\n", "[discord] port is not a setting. Did you mean [webhook] port?"),
        ("[discrod]\ntoken = 'x'\n", "[discrod] is not a setting. Did you mean [discord]?"),
        ("discrod = 1\n", "[discrod] is not a setting. Did you mean [discord]?"),
        ("port = 1\n", "[port] is not a setting. Did you mean [webhook] port?"),
        ("[backup]\nzzz = 1\n", "[backup] zzz is not a setting. [backup] takes folder, hours, keep."),
        (
            "zzz = 1\n",
            "[zzz] is not a setting. "
            "The sections are [discord], [webhook], [push], [storage], [backup], [log].",
        ),
    ],
)
def test_an_unknown_setting_is_an_error_that_names_a_similar_one(path: Path, text: str, problem: str) -> None:
    assert error_of(path, text) == f"{path}: {problem}"


@pytest.mark.parametrize(
    ("name", "similar"),
    [
        ("TICKETBRIDGE_WEBHOOK_PROT", "TICKETBRIDGE_WEBHOOK_PORT"),
        ("TICKETBRIDGE_DISCRD_TOKEN", "TICKETBRIDGE_DISCORD_TOKEN"),
        ("TICKETBRIDGE_TOKEN", "TICKETBRIDGE_DISCORD_TOKEN"),
        ("ticketbridge_storge_path", "TICKETBRIDGE_STORAGE_PATH"),
    ],
)
def test_an_unknown_environment_variable_is_an_error_that_names_a_similar_one(
    path: Path, monkeypatch: pytest.MonkeyPatch, name: str, similar: str
) -> None:
    monkeypatch.setenv(name, "secret")

    assert error_of(path, WHOLE) == f"{name} is not a setting. Did you mean {similar}?"


def test_unknown_environment_variables_are_listed_with_the_other_errors(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TICKETBRIDGE_DISCRD_TOKEN", "secret")
    wrong_value = error_of(path, "[webhook]\nport = -1\n")
    monkeypatch.setenv("TICKETBRIDGE_DISCORD", "x")
    section = error_of(path, "")

    for error in (wrong_value, section):
        assert error.startswith("2 settings are wrong:\n")
        assert error.splitlines()[2] == (
            "TICKETBRIDGE_DISCRD_TOKEN is not a setting. Did you mean TICKETBRIDGE_DISCORD_TOKEN?"
        )
        assert "secret" not in error


def test_variables_that_kubernetes_sets_for_a_service_of_this_name_are_no_settings(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in (
        *("SERVICE_HOST", "SERVICE_PORT", "SERVICE_PORT_HTTP", "PORT", "PORT_8080_TCP"),
        *("PORT_8080_TCP_PROTO", "PORT_8080_TCP_PORT", "PORT_8080_TCP_ADDR"),
    ):
        monkeypatch.setenv(f"TICKETBRIDGE_{name}", "x")

    assert read(path, WHOLE).webhook.port == 9000


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[webhook]\nport = 65536\n", "[webhook] port must be 65535 or less."),
        ("[webhook]\nport = -1\n", "[webhook] port must be 0 or more."),
        ("[webhook]\nport = 'http'\n", "[webhook] port must be a whole number."),
        ("[webhook]\nport = 8080.5\n", "[webhook] port must be a whole number."),
        ("[webhook]\nhost = 5\n", "[webhook] host must be text, in quotes."),
        ("[webhook]\nhost = ''\n", "[webhook] host must not be empty."),
        ("[storage]\npath = 5\n", "[storage] path must be a path, in quotes."),
        ("[storage]\npath = '/'\n", "[storage] path must be the path of a file, not of a folder."),
        ("[discord]\ntyped_replies = 'maybe'\n", "[discord] typed_replies must be true or false."),
        ("[log]\nformat = 'xml'\n", "[log] format must be 'text' or 'json'."),
        (
            "[webhook]\ntrusted_proxies = ['10.0.0.0/8', 'here', 'there']\n",
            "[webhook] trusted_proxies must list networks such as 10.0.0.0/8; 'here' is none.",
        ),
        ("discord = 5\n", "[discord] is a section and takes no value of its own."),
    ],
)
def test_a_wrong_value_is_an_error_that_says_what_it_must_be(path: Path, text: str, problem: str) -> None:
    assert f"{path}: {problem}" in error_of(path, text)


@pytest.mark.parametrize("value", ["discord.com", "ftp://discord.com", "https://x/?y=z"])
def test_the_discord_api_must_be_an_address(path: Path, value: str) -> None:
    sentence = error_of(path, f"[discord]\napi_base = '{value}'\n")

    assert sentence == f"{path}: [discord] api_base must be an http:// or https:// address without ? and #."


@pytest.mark.parametrize("slashes", ["", "/", "//"])
def test_the_public_address_is_kept_without_slashes_at_its_end(path: Path, slashes: str) -> None:
    settings = read(path, f"[webhook]\npublic_url = 'https://example.com/tickets{slashes}'\n")

    assert settings.webhook.public_url == "https://example.com/tickets"


@pytest.mark.parametrize("value", ["tickets.example.com", "https://", "https:///x", "https://x/?y=z", ""])
def test_the_public_address_must_be_one(path: Path, value: str) -> None:
    sentence = error_of(path, f"[webhook]\npublic_url = '{value}'\n")

    assert sentence == f"{path}: [webhook] public_url must be an http:// or https:// address without ? and #."


def test_all_errors_are_listed_at_once(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TICKETBRIDGE_WEBHOOK_PORT", "http")

    sentences = error_of(path, "[discord]\ntokn = 'x'\n[webhook]\nport = 1\n[backup]\nhours = 0\n[lgo]\n")

    assert sentences.splitlines() == [
        "4 settings are wrong:",
        f"{path}: [discord] tokn is not a setting. Did you mean [discord] token?",
        "TICKETBRIDGE_WEBHOOK_PORT must be a whole number.",
        f"{path}: [backup] hours must be 1 or more.",
        f"{path}: [lgo] is not a setting. Did you mean [log]?",
    ]


ODD_VALUES = ("'x'", "''", "-1", "1.5", "nan", "inf", "true", "[]", "['x']", "[5]", "{a = 1}", "9" * 40)


@pytest.mark.parametrize(("section", "name"), every_setting())
@pytest.mark.parametrize("value", ODD_VALUES)
def test_every_error_is_in_our_own_words(path: Path, section: str, name: str, value: str) -> None:
    path.write_text(f"[{section}]\n{name} = {value}\n", encoding="utf-8")

    sentence = ""
    try:
        load_settings(path)
    except ConfigError as error:
        sentence = str(error)

    known = rf"{re.escape(str(path))}: \[{section}\] {name} must [^\n]+\."
    assert not sentence or re.fullmatch(known, sentence)


@pytest.mark.parametrize("port", [0, 65535])
def test_every_port_can_be_set(path: Path, port: int) -> None:
    assert read(path, f"[webhook]\nport = {port}\n").webhook.port == port


@pytest.mark.parametrize("text", ["[discord", "token = ", "[a]\n[a]\n"])
def test_a_file_that_is_no_toml_is_an_error_that_names_the_example(path: Path, text: str) -> None:
    assert re.search(
        r"cannot be read as TOML: .*Compare it with config\.example\.toml\.", error_of(path, text)
    )


def test_a_file_that_is_no_text_is_an_error(path: Path) -> None:
    path.write_bytes(b"\xff\xfe")

    with pytest.raises(ConfigError, match="cannot be read as TOML"):
        load_settings(path)


def test_a_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read as TOML"):
        load_settings(tmp_path)


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ("x", "is no setting. Set TICKETBRIDGE_DISCORD_TOKEN or another of its keys."),
        ("5", "is a section and takes no value of its own."),
    ],
)
def test_a_section_in_the_environment_is_an_error(
    path: Path, monkeypatch: pytest.MonkeyPatch, value: str, problem: str
) -> None:
    monkeypatch.setenv("TICKETBRIDGE_DISCORD", value)

    with pytest.raises(ConfigError) as error:
        load_settings(path, required=False)

    assert str(error.value) == f"TICKETBRIDGE_DISCORD {problem}"


@pytest.mark.parametrize(
    ("mode", "token", "is_exposed"),
    [
        (0o600, "secret", False),
        (0o640, "secret", True),
        (0o604, "secret", True),
        (0o622, "secret", False),
        (0o644, "", False),
    ],
)
def test_a_file_with_a_token_that_others_can_read_is_named_with_the_cure(
    path: Path, mode: int, token: str, is_exposed: bool
) -> None:
    path.write_text(f"[discord]\ntoken = '{token}'\n", encoding="utf-8")
    path.chmod(mode)

    warning = exposed_token_warning(path)

    assert (warning is not None) == is_exposed
    if warning:
        assert str(path) in warning
        assert warning.endswith(f"Run: chmod 600 {path}")
        assert "secret" not in warning


def test_a_file_without_the_token_can_be_read_by_others(path: Path) -> None:
    assert exposed_token_warning(path) is None
    path.write_text("[webhook]\nport = 1\n", encoding="utf-8")
    path.chmod(0o644)
    assert exposed_token_warning(path) is None


def test_the_token_is_never_shown(path: Path) -> None:
    assert "from-the-file" not in repr(read(path, WHOLE))
    assert "from-the-file" not in error_of(path, WHOLE.replace("port = 9000", "port = 'x'"))
    assert "not-a-text" not in error_of(path, "[discord]\ntoken = ['not-a-text']\n")


def test_settings_cannot_be_changed(path: Path) -> None:
    settings = read(path, WHOLE)

    with pytest.raises(ValidationError, match="frozen"):
        settings.webhook.port = 1  # type: ignore[misc]  # that is what is tried
    with pytest.raises(ValidationError, match="frozen"):
        settings.webhook = settings.webhook  # type: ignore[misc]  # likewise


def test_the_example_is_valid() -> None:
    assert load_settings(EXAMPLE)


@pytest.mark.parametrize(("section", "name"), every_setting())
def test_the_example_names_every_setting_in_its_section(section: str, name: str) -> None:
    text = EXAMPLE.read_text(encoding="utf-8")

    body = re.split(r"^\[", text.partition(f"\n[{section}]\n")[2], maxsplit=1, flags=re.MULTILINE)[0]
    assert re.search(rf"^(# ?)?{name} = ", body, re.MULTILINE)


def test_the_example_has_no_unknown_setting() -> None:
    text = EXAMPLE.read_text(encoding="utf-8")
    uncommented = re.sub(r"^# ?(\w+ = )", r"\1", text, flags=re.MULTILINE)

    named = [(section, name) for section, settings in tomllib.loads(uncommented).items() for name in settings]

    assert sorted(named) == sorted(every_setting())


@pytest.mark.parametrize(("section", "name"), every_setting())
def test_every_setting_has_a_description(section: str, name: str) -> None:
    annotation = Settings.model_fields[section].annotation
    assert isinstance(annotation, type)
    assert issubclass(annotation, BaseModel)

    assert annotation.model_fields[name].description


@pytest.mark.parametrize(
    ("variable", "value", "problem"),
    [
        ("WEBHOOK_HOST", "", "must not be empty."),
        ("STORAGE_PATH", "", "must be the path of a file, not of a folder."),
        ("STORAGE_PATH", "/", "must be the path of a file, not of a folder."),
    ],
)
def test_a_wrong_value_in_the_environment_is_named_by_its_variable(
    path: Path, monkeypatch: pytest.MonkeyPatch, variable: str, value: str, problem: str
) -> None:
    monkeypatch.setenv(f"{ENVIRONMENT_PREFIX}{variable}", value)

    assert error_of(path, WHOLE) == f"TICKETBRIDGE_{variable} {problem}"
