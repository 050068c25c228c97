"""The code of docs/webhooks.md that verifies events, in each of its languages, as readers copy it."""

import base64
import json
import re
import shutil
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from bot.clock import utc_now
from bot.outbox.push_client import sign
from bot.tickets.push_endpoints import generate_webhook_secret

PAGE = (Path(__file__).parents[2] / "docs" / "webhooks.md").read_text("utf-8")
SECRET, OTHER = generate_webhook_secret(), generate_webhook_secret()
BODY = '{"id":"evt_1","reply":{"text":"größer ✅"}}'

# Each reads secret, id, timestamp, signatures and body, and prints whether the event verifies: the last one
# for each line, because it takes long to start.
PYTHON = """
import json, sys
secret, id, timestamp, signatures, body = json.load(sys.stdin)
headers = {"webhook-id": id, "webhook-timestamp": timestamp, "webhook-signature": signatures}
print("yes" if verify(secret, headers, body.encode()) is not None else "no")
"""
NODE = """
const [secret, id, timestamp, signatures, body] = JSON.parse(require("node:fs").readFileSync(0, "utf8"));
const headers = {"webhook-id": id, "webhook-timestamp": timestamp, "webhook-signature": signatures};
console.log(verify(secret, headers, body) ? "yes" : "no");
"""
JAVA = """
final class Main {
    public static void main(String[] ignored) throws Exception {
        for (var line : new String(System.in.readAllBytes(), StandardCharsets.US_ASCII).split("\\n")) {
            var words = line.split(" ");
            boolean verifies = Webhooks.verify(
                text(words[0]), text(words[1]), text(words[2]), text(words[3]), text(words[4]));
            System.out.println(verifies ? "yes" : "no");
        }
    }

    static String text(String word) {
        return new String(Base64.getDecoder().decode(word), StandardCharsets.UTF_8);
    }
}
"""


def code(language: str) -> str:
    (block,) = re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
    return str(block)


def events() -> dict[str, tuple[list[str], str]]:
    """What a receiver gets, and whether it is an event of the bridge."""
    now = utc_now()
    fresh, old = sign("evt_1", BODY, [SECRET], now), sign("evt_1", BODY, [SECRET], now - timedelta(minutes=6))
    rotating, foreign = sign("evt_1", BODY, [OTHER, SECRET], now), sign("evt_1", BODY, [OTHER], now)
    return {
        "valid": (_input(fresh), "yes"),
        "signed with two secrets": (_input(rotating), "yes"),
        "tampered": (_input(fresh, BODY.replace("größer", "kleiner")), "no"),
        "another id": (_input({**fresh, "webhook-id": "evt_2"}), "no"),
        "too old": (_input(old), "no"),
        "of another secret": (_input(foreign), "no"),
        "without a signature": (_input({**fresh, "webhook-signature": "v1a,x"}), "no"),
        "with something else instead": (_input({**fresh, "webhook-signature": "x"}), "no"),
    }


def _input(headers: dict[str, str], body: str = BODY) -> list[str]:
    names = ("webhook-id", "webhook-timestamp", "webhook-signature")
    return [SECRET, *(headers[name] for name in names), body]


def run(command: list[str], text: str) -> str:
    done = subprocess.run(command, input=text.encode(), capture_output=True, timeout=60)  # noqa: S603
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode().strip()


def need(*tools: str) -> None:
    absent = [tool for tool in tools if shutil.which(tool) is None]
    if absent:
        pytest.skip(f"{' and '.join(absent)} not found")


@pytest.mark.parametrize("case", events())
def test_the_python_code_verifies(case: str, tmp_path: Path) -> None:
    (tmp_path / "main.py").write_text(code("python") + PYTHON, "utf-8")
    given, verdict = events()[case]

    assert run([sys.executable, str(tmp_path / "main.py")], json.dumps(given)) == verdict


@pytest.mark.parametrize("case", events())
def test_the_node_code_verifies(case: str, tmp_path: Path) -> None:
    need("node")
    (tmp_path / "main.js").write_text(code("js") + NODE, "utf-8")
    given, verdict = events()[case]

    assert run(["node", str(tmp_path / "main.js")], json.dumps(given)) == verdict


def test_the_java_code_verifies(tmp_path: Path) -> None:
    need("javac", "java")
    (tmp_path / "Main.java").write_text(code("java") + JAVA, "utf-8")
    run(["javac", "-Xlint:all", "-Werror", "-d", str(tmp_path), str(tmp_path / "Main.java")], "")

    cases = events()
    lines = [
        " ".join(base64.b64encode(one.encode()).decode() for one in given) for given, _ in cases.values()
    ]
    verdicts = run(["java", "-cp", str(tmp_path), "Main"], "\n".join(lines)).split()

    assert dict(zip(cases, verdicts, strict=True)) == {case: verdict for case, (_, verdict) in cases.items()}
