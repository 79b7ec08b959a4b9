"""One measurement in a process of its own: ``python benchmarks/one.py CASE ENGINE`` prints one line of JSON."""

from __future__ import annotations

import json
import resource
import sys
import time
from pathlib import Path

from scale import scenario as scaled
from transfers import LINK_BYTES_PER_S
from transfers import star as transfers

from netsim.engine.fast.warmup import warm_up
from netsim.engine.star import Setup
from netsim.model.build import build_model
from netsim.results.run import simulator
from netsim.scenario import Scenario, load
from netsim.scenario.load import loads

HERE = Path(__file__).parent
STAR_HOSTS = 32
STAR_NS = {"fast": 500_000_000, "reference": 10_000_000}


def star(engine: str) -> dict[str, float]:
    """The packet star: packet-hops."""
    Setup(4, 100_000).run(engine)
    setup = Setup(STAR_HOSTS, STAR_NS[engine])
    began = time.perf_counter()
    found = setup.run(engine)
    return {"work": found.hops, "visits": found.hops, "wall_s": time.perf_counter() - began}


def requests(scenario: Scenario, engine: str) -> dict[str, float]:
    """Completed requests of a scenario, model and set-up included."""
    warm_up()
    began = time.perf_counter()
    record = simulator(engine)(scenario, build_model(scenario), 1, 0)
    wall = time.perf_counter() - began
    done = sum(workload.completed_in_period for workload in record.workloads.values())
    return {"work": done, "visits": record.visits, "wall_s": wall}


def fluid(hosts: int, count: int, ends: str = "") -> dict[str, float]:
    """Transfers at max-min fair rates, each begin and end solved; when each one ended goes into a file, if one is named."""
    import numpy as np

    from netsim.engine.flow.fluid import run

    run(np.full(8, LINK_BYTES_PER_S), transfers(4, 20))
    found = transfers(hosts, count)
    began = time.perf_counter()
    played = run(np.full(2 * hosts, LINK_BYTES_PER_S), found)
    wall = time.perf_counter() - began
    if ends:
        np.savetxt(ends, played.ends_s, "%.17g")
    return {"work": count, "wall_s": wall}


def measure(case: str, engine: str) -> dict[str, float]:
    """The case ``star``, ``fluid:HOSTS:TRANSFERS[:FILE]``, ``chain`` (``chain:SECONDS``), or
    ``scale:CONTAINERS:SECONDS:LOAD``."""
    name, *numbers = case.split(":")
    if name == "star":
        found = star(engine)
    elif name == "fluid":
        found = fluid(int(numbers[0]), int(numbers[1]), *numbers[2:])
    elif name == "chain":
        change = {"duration": int(float(numbers[0]) * 10**12)} if numbers else {}
        found = requests(load(HERE / "chain.yaml").model_copy(update=change), engine)
    else:
        containers, seconds, share = (*numbers, "1", "1")[:3]
        found = requests(loads(scaled(int(containers), float(seconds), float(share)), "scale"), engine)
    return found | {"peak_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024}


if __name__ == "__main__":
    print(json.dumps(measure(sys.argv[1], sys.argv[2])))
