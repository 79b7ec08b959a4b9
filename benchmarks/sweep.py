"""How well a sweep uses several cores: ``python benchmarks/sweep.py [--jobs 2] [--points 200] [--replications 10]``.

The quickstart under many loads. A quarter of the points runs in one process before and after the whole sweep runs in
``--jobs`` processes; the efficiency is the wall time that the single process would take for all, over ``jobs`` times
the wall time that the sweep took. Then the sweep is started once more elsewhere, killed at a random moment, and started again: it has to finish
with the same table, without a point run twice.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

QUICKSTART = Path(__file__).parents[1] / "scenarios" / "quickstart.yaml"


def written(folder: Path, name: str, points: int, replications: int) -> Path:
    """A sweep over so many arrival rates from 100 to 240 requests a second."""
    rates = ", ".join(f"{100 + 140 * k / points:.3f}/s" for k in range(points))
    file = folder / f"{name}.yaml"
    file.write_text(
        f"sweep:\n  scenario: {QUICKSTART}\n  vary:\n    load.users.arrivals: [{rates}]\n"
        f"  replications: {replications}\n",
        encoding="utf-8",
    )
    return file


def command(file: Path, out: Path, jobs: int) -> list[str]:
    """A sweep that prints JSON."""
    words = ["sweep", str(file), "--out", str(out), "--jobs", str(jobs), "--format", "json"]
    return [sys.executable, "-m", "netsim", *words]


def timed(file: Path, folder: Path, name: str, jobs: int) -> float:
    """Wall seconds of a sweep that knows no point from before."""
    began = time.perf_counter()
    subprocess.run([*command(file, folder / name, jobs), "--no-cache"], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began


def killed_and_resumed(file: Path, folder: Path, jobs: int, wall_s: float) -> dict[str, object]:
    """What a sweep that was killed had kept, and what the next one took from that."""
    kept = folder / "cache"
    place = os.environ | {"NETSIM_CACHE_DIR": str(kept)}
    subprocess.run([sys.executable, "-m", "netsim", "warmup", "--quiet"], check=True, env=place)
    before = {path for path in kept.rglob("*") if path.is_file()}
    again = command(file, folder / "again", jobs)
    with subprocess.Popen(again, env=place, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        time.sleep(random.uniform(0.2, 0.8) * wall_s)
        process.kill()
    time.sleep(2)  # its processes notice, and end

    def points() -> dict[Path, int]:
        return {path: path.stat().st_mtime_ns for path in kept.rglob("*.json") if path not in before}

    first = points()
    subprocess.run(again, check=True, env=place, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    second = points()
    tables = [(folder / out / "points.csv").read_bytes() for out in ("all", "again")]
    return {
        "kept": len(first),
        "run_after": len(second) - len(first),
        "run_twice": sum(second[path] != when for path, when in first.items()),
        "same_table": tables[0] == tables[1],
    }


def main() -> None:
    """Measure, and print two lines of JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--points", type=int, default=200)
    parser.add_argument("--replications", type=int, default=10)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        part = max(1, given.points // 4)
        small = written(folder, "small", part, given.replications)
        whole = written(folder, "whole", given.points, given.replications)
        before = timed(small, folder, "before", 1)
        wall = timed(whole, folder, "all", given.jobs)
        after = timed(small, folder, "after", 1)
        serial = (before + after) / 2 * given.points / part
        found = {"efficiency": serial / given.jobs / wall, "wall_s": wall, "one_process_s": serial}
        print(json.dumps(found), flush=True)
        print(json.dumps(killed_and_resumed(whole, folder, given.jobs, wall)))


if __name__ == "__main__":
    main()
