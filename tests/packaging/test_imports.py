"""What is imported when: start-up counts, and heavy libraries wait until they are needed."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = ("pandas", "plotly", "scipy.stats", "matplotlib")


def loaded(code: str) -> set[str]:
    script = f"import sys\n{code}\nprint('\\n'.join(sys.modules))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


@pytest.mark.parametrize("heavy", [*HEAVY, "numba", "scipy", "simpy"])
def test_importing_the_package_imports_nothing_heavy(heavy: str) -> None:
    assert heavy not in loaded("import netsim")


@pytest.mark.parametrize("heavy", HEAVY)
def test_the_way_to_a_result_needs_no_heavy_library(heavy: str) -> None:
    code = (
        "import netsim\n"
        "s = netsim.load('scenarios/single-host-bridge.yaml').model_copy(update={'duration': 10**12})\n"
        "r = netsim.run(s, replications=2)\n"
        "assert r.to_dict()['workloads']['calls']['completed'] > 0"
    )
    assert heavy not in loaded(code)


def test_imports_go_one_way() -> None:
    """No room imports a later one: scenario, model and drivers and datapath and workload, engine, results, ..."""
    from helpers import ROOT

    order = ["scenario", "model", "engine", "results", "report", "sweep", "cli"]
    rank = {name: i for i, name in enumerate(order)}
    rank |= {"drivers": 1, "datapath": 1, "workload": 1, "stats": 3}
    bad = []
    for path in (ROOT / "sim" / "netsim").rglob("*.py"):
        room = path.relative_to(ROOT / "sim" / "netsim").parts[0]
        if room not in rank:
            continue
        for line in path.read_text(encoding="utf-8").splitlines():
            words = line.split()
            if len(words) > 1 and words[0] in ("from", "import") and words[1].startswith("netsim."):
                other = words[1].split(".")[1]
                if rank.get(other, -1) > rank[room] and line.startswith(("from", "import")):
                    bad.append(f"{path.name}: {line}")
    assert bad == []
