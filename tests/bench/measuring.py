"""One run of a load against one server; every 2xx must be a row in the database afterwards."""

from dataclasses import dataclass

from tests.bench.load import Load, run_load
from tests.bench.plan import Bench
from tests.bench.serving import Contract, RunningServer
from tests.bench.wrk import run_wrk


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """The figures of a run. With `wrong`, it is reported and not counted."""

    load: Load
    processor: float  # processor seconds of the server for each 2xx
    wrong: str | None


async def measure(bench: Bench, served: RunningServer, contract: Contract, connections: int) -> Measurement:
    """Run the load and count the rows. Raises LoadFailed."""
    plan, process = bench.plan, served.process
    load_spec = contract.load_spec(
        process.port, served.key, connections=connections, warm=plan.warm_seconds, seconds=plan.seconds
    )
    before, used = await process.stored_rows(), process.processor_seconds()
    load = await (run_wrk(load_spec, bench.cores) if bench.wrk else run_load(load_spec, bench.cores))
    used = process.processor_seconds() - used
    after = await process.stored_rows()
    stored = None if before is None or after is None else after - before
    return Measurement(load=load, processor=used / max(1, load.accepted), wrong=load.wrong(stored))
