"""Load by wrk, where it is installed: it needs less of a core than a client in Python."""

import asyncio
import json
import os
import shutil
from collections import Counter
from dataclasses import replace
from pathlib import Path

from tests.bench.client import LoadSpec
from tests.bench.cores import Cores, on
from tests.bench.load import Load, LoadFailed

_SCRIPT = Path(__file__).with_name("wrk.lua")


def installed() -> bool:
    return shutil.which("wrk") is not None


async def run_wrk(load_spec: LoadSpec, cores: Cores) -> Load:
    """The same errand. It has no end by number of requests. Raises LoadFailed."""
    assert load_spec.requests is None
    if not load_spec.warm_seconds:
        return await _run(load_spec, cores)
    warm = await _run(replace(load_spec, seconds=load_spec.warm_seconds), cores)
    result = await _run(load_spec, cores)
    return replace(
        result,
        accepted=result.accepted + warm.accepted,
        unanswered=result.unanswered + warm.unanswered,
        refused=result.refused + warm.refused,
        broken=result.broken + warm.broken,
    )


async def _run(load_spec: LoadSpec, cores: Cores) -> Load:
    threads = max(1, min(len(cores.client), load_spec.connections))
    # wrk counts in whole seconds.
    lasts = max(1, round(load_spec.seconds))
    command = ["wrk", f"-t{threads}", f"-c{load_spec.connections}", f"-d{lasts}s", "--timeout", "30s"]
    with on(cores.client):
        process = await asyncio.create_subprocess_exec(
            *command, "-s", str(_SCRIPT), load_spec.url, env=os.environ | _parse(load_spec),
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
    output, trouble = await process.communicate()
    last = output.decode().strip().rpartition("\n")[2]
    if process.returncode or not last.startswith("{"):
        raise LoadFailed(trouble.decode(errors="replace").strip() or last)
    return _load(json.loads(last), load_spec.connections)


def _parse(load_spec: LoadSpec) -> dict[str, str]:
    headers = "\n".join(f"{name}: {value}" for name, value in load_spec.headers.items())
    return {
        "BENCH_BODY": load_spec.body,
        "BENCH_HEADERS": headers,
        "BENCH_NAME": f"{load_spec.name}-{os.urandom(6).hex()}",
    }


def _load(result: dict[str, int], connections: int) -> Load:
    accepted = result["requests"] - result["refused"]
    return Load(
        rate=accepted / (result["microseconds"] / 1e6),
        p50=result["p50"] / 1e6,
        p99=result["p99"] / 1e6,
        accepted=accepted,
        different=None,
        refused=Counter({"not 2xx": result["refused"]}) if result["refused"] else Counter(),
        broken=result["broken"],
        unanswered=connections,  # wrk hangs up on requests in progress at its end
    )
