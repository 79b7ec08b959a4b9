"""IPVS against a real kernel, choice by choice: recorded traces, and fresh ones where user-mode Linux is installed."""

from __future__ import annotations

import json
import os
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import uml

from netsim.testing.ipvs import main, replay
from netsim.testing.ipvs_tables import Node

HERE = Path(__file__).parent
DATA = HERE.parent / "data" / "ipvs"


@pytest.mark.parametrize(
    ("name", "choices"),
    [
        ("linux-6.1.json", 1793),
        ("linux-6.1-flags.json", 2863),
        ("linux-6.1-udp.json", 730),
        ("linux-6.1-settings.json", 470),
    ],
)
def test_recorded_traces_are_reproduced(name: str, choices: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(DATA / name)]) == 0
    assert capsys.readouterr().out == f"matched {choices} of {choices} choices\n"


def test_entries_are_dropped_at_random_as_fast_as_the_kernel_does() -> None:
    """Counts every 10 s within four standard deviations of a hundred runs, and what one look takes (a 64th), since nobody
    knows when the kernel's seconds begin. The recording is one, so the answer is always the same."""
    trace = json.loads((DATA / "linux-6.1-drop-entry.json").read_text())[0]
    asked = [i for i, op in enumerate(trace["ops"]) if op[0] == "entries"]
    runs = []
    for seed in range(100):
        found = list(Node(trace, seed=seed).run())
        runs.append([found[i] for i in asked])
    for i, counts in zip(asked, np.transpose(runs), strict=True):
        assert abs(trace["results"][i] - counts.mean()) <= 4 * counts.std(ddof=1) + 400 / 64, (
            i,
            counts.mean(),
        )
    assert trace["results"][asked[-1]] < 130


def test_every_scheduler_that_does_not_draw_was_recorded() -> None:
    traces = [
        t
        for name in ("linux-6.1.json", "linux-6.1-flags.json")
        for t in json.loads((DATA / name).read_text())
    ]
    seen = Counter(trace["scheduler"] for trace in traces)
    assert set(seen) >= set(uml.SCHEDULERS)
    assert {trace.get("flags") for trace in traces} >= {
        None,
        "sh-port",
        "sh-fallback",
        "mh-port",
        "mh-fallback",
    }


def test_a_changed_choice_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    trace = json.loads((DATA / "linux-6.1.json").read_text())[0]
    step = next(i for i, op in enumerate(trace["ops"]) if op[0] == "open" and i > 10)
    right, trace["results"][step] = trace["results"][step], 99
    path = tmp_path / "changed.json"
    path.write_text(json.dumps([trace]))
    assert main([str(path)]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert (
        lines[1]
        == f"trace 0 (rr): operation {step} {trace['ops'][step]}: the kernel chose 99, netsim {right}"
    )


@pytest.mark.slow
@pytest.mark.skipif(bool(uml.missing()), reason=f"no kernel to ask: {uml.missing()} is not installed")
def test_fresh_traces_are_reproduced(tmp_path: Path) -> None:
    """Cases that no recording has; NETSIM_SEED draws others. Of seed 48530 one connection of trace 34 finds no host (OSError or
    TimeoutError, by the machine's load) where netsim chooses destination 3, which is not explained yet."""
    seed = int(os.environ.get("NETSIM_SEED", 20_001))
    cases, traces = tmp_path / "cases.json", tmp_path / "traces.json"
    settings = uml.persistent_cases(seed, 2) + uml.reuse_cases(seed, 4)
    cases.write_text(json.dumps(uml.cases(seed, 2) + uml.udp_cases(seed, 1) + settings))
    told = uml.run(HERE / "kernel_ipvs.py", str(cases), str(traces))
    if "put_fp_registers" in told and "Attempted to kill init" in told:
        pytest.skip(
            "user-mode Linux cannot take up this processor's registers, and ends before its first process"
        )
    assert traces.exists(), told
    found = json.loads(traces.read_text())
    wrong = [(i, r.first) for i, r in enumerate(map(replay, found)) if not r.same]
    assert not wrong, f"NETSIM_SEED={seed}: {wrong}"
