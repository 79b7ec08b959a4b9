"""The speed of the engines on the same work, interleaved in one run: ``python benchmarks/run.py [--json FILE]``.

Every round runs each engine once; the best of all rounds counts. Ratios are what to look at: absolute numbers
belong to the machine.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

from netsim.engine.fast.warmup import warm_up
from netsim.model.build import build_model
from netsim.results.run import simulator
from netsim.scenario import load

HERE = Path(__file__).parent
ENGINES = ("reference", "fast")


def measure(rounds: int) -> dict[str, dict[str, float]]:
    """Requests, visits and the best wall time (s) by engine."""
    scenario = load(HERE / "chain.yaml")
    model = build_model(scenario)
    warm_up()
    best: dict[str, dict[str, float]] = {}
    for _ in range(rounds):
        for engine in ENGINES:
            began = time.perf_counter()
            record = simulator(engine)(scenario, model, 1, 0)
            wall = time.perf_counter() - began
            requests = int(record.workloads["users"].fates.sum())
            if engine not in best or wall < best[engine]["wall_s"]:
                best[engine] = {"wall_s": wall, "visits": record.visits, "requests": requests}
    return best


def main() -> None:
    """Measure, print, and write JSON if asked to."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    found = measure(options.rounds)
    table = Table("engine", "wall s", "requests/s", "visits/s", "times the reference")
    base = found["reference"]["wall_s"]
    for engine, numbers in found.items():
        wall = numbers["wall_s"]
        table.add_row(
            engine,
            f"{wall:.2f}",
            f"{numbers['requests'] / wall:,.0f}",
            f"{numbers['visits'] / wall:,.0f}",
            f"{base / wall:.1f}",
        )
    Console().print(table)
    if options.json:
        options.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
