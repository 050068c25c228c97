"""wrk as the load, where it is installed: it takes less of a core than any client in Python."""

import asyncio
import json
import os
import shutil
from collections import Counter
from dataclasses import replace
from pathlib import Path

from tests.bench.client import Errand
from tests.bench.cores import Cores, on
from tests.bench.load import Load, LoadFailed

_SCRIPT = Path(__file__).with_name("wrk.lua")


def installed() -> bool:
    return shutil.which("wrk") is not None


async def put_on_with_wrk(errand: Errand, cores: Cores) -> Load:
    """The same errand. It has no end by number of requests. Raises LoadFailed."""
    assert errand.requests is None
    if not errand.warm_seconds:
        return await _run(errand, cores)
    warm = await _run(replace(errand, seconds=errand.warm_seconds), cores)
    told = await _run(errand, cores)
    return replace(
        told,
        accepted=told.accepted + warm.accepted,
        unheard=told.unheard + warm.unheard,
        refused=told.refused + warm.refused,
        broken=told.broken + warm.broken,
    )


async def _run(errand: Errand, cores: Cores) -> Load:
    threads = max(1, min(len(cores.client), errand.connections))
    # wrk counts in whole seconds.
    lasts = max(1, round(errand.seconds))
    command = ["wrk", f"-t{threads}", f"-c{errand.connections}", f"-d{lasts}s", "--timeout", "30s"]
    with on(cores.client):
        process = await asyncio.create_subprocess_exec(
            *command, "-s", str(_SCRIPT), errand.url, env=os.environ | _told(errand),
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
    said, trouble = await process.communicate()
    last = said.decode().strip().rpartition("\n")[2]
    if process.returncode or not last.startswith("{"):
        raise LoadFailed(trouble.decode(errors="replace").strip() or last)
    return _load(json.loads(last), errand.connections)


def _told(errand: Errand) -> dict[str, str]:
    headers = "\n".join(f"{name}: {value}" for name, value in errand.headers.items())
    return {
        "BENCH_BODY": errand.body,
        "BENCH_HEADERS": headers,
        "BENCH_NAME": f"{errand.name}-{os.urandom(6).hex()}",
    }


def _load(told: dict[str, int], connections: int) -> Load:
    accepted = told["requests"] - told["refused"]
    return Load(
        rate=accepted / (told["microseconds"] / 1e6),
        p50=told["p50"] / 1e6,
        p99=told["p99"] / 1e6,
        accepted=accepted,
        different=None,
        refused=Counter({"not 2xx": told["refused"]}) if told["refused"] else Counter(),
        broken=told["broken"],
        unheard=connections,  # wrk hangs up on what is under way at its end
    )
