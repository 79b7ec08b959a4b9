"""A run tells the same in every process, whatever the order of its sets."""

from __future__ import annotations

import os
import subprocess
import sys

from helpers import ROOT

RUN = """
import json, sys, netsim
found = netsim.run(sys.argv[1], replications=1, engine="flow").data
del found["manifest"]["wall_s"]
print(json.dumps(found))
"""


def test_two_processes_tell_the_same() -> None:
    """Of many full cores the first one is named."""
    told = [
        subprocess.run(
            [sys.executable, "-c", RUN, str(ROOT / "scenarios/offload-ladder.yaml")],
            env=os.environ | {"PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT / "sim")},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    ]
    assert told[0] == told[1] and "cores are full" in told[0]
