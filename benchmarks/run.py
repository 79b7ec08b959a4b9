"""The speed of netsim beside its peers on the same work: ``python benchmarks/run.py [--rounds 5] [--json FILE]``.

Every measurement runs in a process of its own; rounds are interleaved, the best of each counts. Ratios are what to
look at: absolute numbers belong to the machine. A peer that is not installed is left out, and the table says so;
``--python asyncflow=/path/to/python`` names another interpreter for it.
"""

from __future__ import annotations

import argparse
import glob
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Table
from transfers import star, write

HERE = Path(__file__).parent
Numbers = dict[str, float]
NS3 = ("applications", "bridge", "core", "internet", "network", "point-to-point", "stats", "traffic-control")

#: case -> who -> what runs; the first is what the others are compared with.
OURS = {
    "packet star (packet-hops)": {"netsim fast": "star fast", "netsim reference": "star reference"},
    "three-tier chain (requests)": {"netsim fast": "chain:60 fast", "netsim reference": "chain reference"},
    "transfers by max-min, 100 hosts": {"netsim flow": "fluid:100:10000 flow"},
    "transfers by max-min, 1,000 hosts": {"netsim flow": "fluid:1000:50000 flow"},
    "containers (visits)": {f"{n:,}": f"scale:{n}:1 fast" for n in (200, 1000, 5000, 20000)},
    "load, 1,000 containers (visits)": {f"x{k}": f"scale:1000:1:{k} fast" for k in (1, 2, 4)},
    "duration, chain (visits)": {f"{s} s": f"chain:{s} fast" for s in (10, 40, 160)},
}
PEERS = {
    "packet star (packet-hops)": {
        "plain SimPy": ("simpy", "simpy_star.py 32 0.01"),
        "ns.py": ("ns", "nspy_star.py 32 0.01"),
        "ns-3": ("ns3", "32 0.02"),
    },
    "three-tier chain (requests)": {
        "AsyncFlow, as many stages": ("asyncflow", "asyncflow_chain.py 2000 20 33"),
        "AsyncFlow, three servers": ("asyncflow", "asyncflow_chain.py 2000 20 8"),
    },
    "transfers by max-min, 100 hosts": {"SimGrid": ("simgrid", "100 10000")},
    "transfers by max-min, 1,000 hosts": {"SimGrid": ("simgrid", "1000 50000")},
}
#: Plain max-min sharing: neither traffic of acknowledgements nor windows. Without latency both solve the same problem.
SIMGRID_OPTIONS = ("--cfg=network/crosstraffic:0", "--cfg=network/model:CM02", "--log=root.thres:error")  # fmt: skip


def interpreter(module: str, given: dict[str, str]) -> str | None:
    """A Python that has the module; None if there is none."""
    python = given.get(module, sys.executable)
    found = subprocess.run([python, "-c", f"import {module}"], capture_output=True, check=False)
    return python if found.returncode == 0 else None


def ns3_star(folder: str) -> str | None:
    """The compiled ns-3 star; None without its libraries or a compiler."""
    paths = {
        name: glob.glob(f"/usr/lib/*/libns3*-{name}.so") + glob.glob(f"/usr/lib/*/libns3-{name}.so")
        for name in NS3
    }
    if not all(paths.values()):
        return None
    return compiled(folder, "ns3_star.cc", [found[0] for found in paths.values()])


def compiled(folder: str, source: str, libraries: list[str]) -> str | None:
    """A peer's program in C++; None if it cannot be built here."""
    program = str(Path(folder) / Path(source).stem)
    built = ["g++", "-O2", str(HERE / "peers" / source), "-o", program, *libraries]
    if shutil.which("g++") is None or subprocess.run(built, capture_output=True, check=False).returncode:
        return None
    return program


def peer(folder: str, module: str, what: str, pythons: dict[str, str]) -> list[str] | None:
    """The command of a peer; None if it is not there."""
    words = what.split()
    if module == "ns3":
        program = ns3_star(folder)
        return None if program is None else [program, *words]
    if module == "simgrid":
        program = compiled(folder, "simgrid_star.cpp", ["-lsimgrid"])
        if program is None:
            return None
        file = Path(folder) / f"transfers-{words[0]}"
        write(int(words[0]), star(int(words[0]), int(words[1])), file)
        return [program, str(file), str(ends(folder, f"SimGrid-{words[0]}")), *SIMGRID_OPTIONS]
    python = interpreter(module, pythons)
    return None if python is None else [python, str(HERE / "peers" / words[0]), *words[1:]]


def ends(folder: str, who: str) -> Path:
    """Where it is told when each transfer ended."""
    return Path(folder) / f"ends-{who}"


def ours(folder: str, what: str) -> list[str]:
    """The command of a measurement of netsim's."""
    case, engine = what.split()
    if case.startswith("fluid"):
        case = f"{case}:{ends(folder, 'netsim-' + case.split(':')[1])}"
    return [sys.executable, str(HERE / "one.py"), case, engine]


def commands(
    folder: str, pythons: dict[str, str], only: str
) -> tuple[dict[str, dict[str, list[str]]], list[str]]:
    """What to run, by case and name, and which peers are not there."""
    found: dict[str, dict[str, list[str]]] = {}
    missing = []
    for case, names in OURS.items():
        if not case.startswith(only):
            continue
        found[case] = {who: ours(folder, what) for who, what in names.items()}
        for who, (module, what) in PEERS.get(case, {}).items():
            command = peer(folder, module, what, pythons)
            if command is None:
                missing.append(who)
            else:
                found[case][who] = command
    return found, missing


def measure(plan: dict[str, dict[str, list[str]]], rounds: int) -> dict[str, dict[str, Numbers]]:
    """The best of all rounds, interleaved."""
    best: dict[str, dict[str, Numbers]] = {case: {} for case in plan}
    steps = [(case, who, command) for case, names in plan.items() for who, command in names.items()]
    for case, who, command in track([*steps] * rounds, "measuring", console=Console(stderr=True)):
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        numbers = json.loads(done.stdout.strip().splitlines()[-1])
        numbers["per_s"] = numbers["visits" if "visits" in case else "work"] / numbers["wall_s"]
        if who not in best[case] or numbers["per_s"] > best[case][who]["per_s"]:
            best[case][who] = numbers
    return best


def apart(folder: str) -> dict[str, float]:
    """By hosts: how far apart, at most and relatively, netsim's and SimGrid's times are at which transfers ended."""
    found = {}
    for path in sorted(Path(folder).glob("ends-SimGrid-*")):
        hosts = path.name.rsplit("-", 1)[1]
        other, mine = np.loadtxt(path), np.loadtxt(ends(folder, f"netsim-{hosts}"))
        found[hosts] = float(np.max(np.abs(mine / other - 1)))
    return found


def show(found: dict[str, dict[str, Numbers]], missing: list[str]) -> None:
    """One table for each case; the ratio says how many times faster the first row is."""
    for case, rows in found.items():
        table = Table("who", "per second", "visits/s", "wall s", "peak MB", "first is faster by", title=case)
        first = next(iter(rows.values()))["per_s"]
        for who, n in rows.items():
            visits = f"{n['visits'] / n['wall_s']:,.0f}" if "visits" in n else ""
            peak = f"{n['peak_bytes'] / 1e6:.0f}" if "peak_bytes" in n else ""
            table.add_row(
                who, f"{n['per_s']:,.0f}", visits, f"{n['wall_s']:.2f}", peak, f"{first / n['per_s']:.2f}"
            )
        Console().print(table)
    if missing:
        Console().print("Not installed here, so not measured: " + ", ".join(missing))


def main() -> None:
    """Measure, print, and write JSON if asked to."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--only", default="", help="cases whose name begins so")
    parser.add_argument("--python", action="append", default=[], metavar="MODULE=PATH")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        plan, missing = commands(folder, dict(pair.split("=", 1) for pair in options.python), options.only)
        found = measure(plan, options.rounds)
        differ = apart(folder)
    show(found, missing)
    for hosts, most in differ.items():
        Console().print(
            f"Transfers over {hosts} hosts end when they do in SimGrid, within {most:.1e} of the time"
        )
    if options.json:
        options.json.write_text(
            json.dumps({"cases": found, "missing": missing, "ends_differ_by": differ}, indent=1) + "\n",
            encoding="utf-8",
        )


if __name__ == "__main__":
    main()
