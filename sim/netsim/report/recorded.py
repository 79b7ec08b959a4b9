"""Record the results of the shipped scenarios again: ``python -m netsim.report.recorded [NAME ...]``.

Run it at the root of the repository. Every scenario of ``scenarios/`` that can work (or those named) is simulated, and
``reports/NAME`` gets result.json, the tables and latency.svg; the report itself is left out for its size.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from netsim.audit import audit
from netsim.model.build import build_model
from netsim.report.pages import write_report
from netsim.results.executor import usable_cores
from netsim.results.files import RESULT, STATIONS, TIMESERIES, save, write_atomic
from netsim.results.run import run
from netsim.scenario.load import load

KEPT = (RESULT, TIMESERIES, STATIONS, "latency.svg")


def record(scenarios: Path, reports: Path, names: Sequence[str] = ()) -> list[str]:
    """Simulate and write; returns the names of the scenarios that were recorded. Raises `ScenarioError`."""
    done = []
    for file in sorted(scenarios.glob("*.yaml")):
        if names and file.stem not in names:
            continue
        scenario = load(file)
        if any(limit.status == "exceeded" for limit in audit(build_model(scenario, audit=True))):
            continue  # what it shows is that it cannot work
        result = run(scenario, jobs=usable_cores())
        folder = reports / file.stem
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory() as scratch:
            save(result, scratch)
            write_report(Path(scratch), None)
            for name in KEPT:
                write_atomic(folder / name, (Path(scratch) / name).read_text(encoding="utf-8"))
        done.append(file.stem)
        print(f"{file.stem}: {result.data['manifest']['wall_s']:.1f} s")
    return done


if __name__ == "__main__":
    record(Path("scenarios"), Path("reports"), sys.argv[1:])
