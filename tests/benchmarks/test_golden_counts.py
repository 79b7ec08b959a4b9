"""How many events the benchmarks' work consists of: it does not depend on the machine, only on the model."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
GOLDEN = json.loads((BENCHMARKS / "golden.json").read_text())


@pytest.mark.parametrize(
    "case", [pytest.param(case, marks=[pytest.mark.slow] * (case == "chain:1 reference")) for case in GOLDEN]
)
def test_counts_are_golden(case: str) -> None:
    done = subprocess.run(
        [sys.executable, str(BENCHMARKS / "one.py"), *case.split()],
        capture_output=True,
        text=True,
        check=True,
    )
    found = json.loads(done.stdout)
    assert {"work": found["work"], "visits": found["visits"]} == GOLDEN[case]
