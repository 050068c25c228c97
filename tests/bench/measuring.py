"""One run of a load against one server, and whether every 2xx of it is a row in the file afterwards."""

from dataclasses import dataclass

from tests.bench.load import Load, put_on
from tests.bench.plan import Bench
from tests.bench.serving import Contract, Served
from tests.bench.wrk import put_on_with_wrk


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What a run came to. With `wrong`, it is told of and not counted."""

    load: Load
    processor: float  # seconds of the server's for each 2xx
    wrong: str | None


async def measured(bench: Bench, served: Served, contract: Contract, connections: int) -> Measured:
    """Raises LoadFailed."""
    plan, process = bench.plan, served.process
    errand = contract.errand(
        process.port, served.key, connections=connections, warm=plan.warm_seconds, seconds=plan.seconds
    )
    before, used = await process.kept(), process.processor_seconds()
    load = await (put_on_with_wrk(errand, bench.cores) if bench.wrk else put_on(errand, bench.cores))
    used = process.processor_seconds() - used
    after = await process.kept()
    kept = None if before is None or after is None else after - before
    return Measured(load=load, processor=used / max(1, load.accepted), wrong=load.wrong(kept))
