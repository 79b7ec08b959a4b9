"""The flow engine against the fast one on generated scenarios: throughput within 5 %, p50 within 10 %, p99 within 30 %.

Seeds are fixed, so nothing here is left to chance. At least nine of ten must keep all three (89 of 96 do), of those whose
busiest station the fast engine sees below 0.8; from there on, the result must carry a warning.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

import netsim

sys.path.insert(0, str(Path(__file__).parent))
from generated import generated  # noqa: E402

VALID = 0.8


def compare(number: int) -> tuple[float, dict[str, float], list[str]]:
    """The busiest station's share in the fast engine, relative differences of flow, and flow's warnings."""
    scenario = generated(number)
    fast, flow = (netsim.run(scenario, engine=engine).data for engine in ("fast", "flow"))
    old, new = fast["workloads"]["users"], flow["workloads"]["users"]
    found = {"throughput": new["throughput_per_s"]["value"] / old["throughput_per_s"]["value"] - 1}
    for q in ("p50", "p99"):
        found[q] = new["latency_s"][q]["value"] / old["latency_s"][q]["value"] - 1
    return fast["bottleneck"]["utilisation"]["value"], found, flow["manifest"]["warnings"]


def judge(numbers: range) -> None:
    near, valid, table = 0, 0, []
    for number in numbers:
        busiest, differences, warnings = compare(number)
        limits = {"throughput": 0.05, "p50": 0.1, "p99": 0.3}
        kept = all(abs(differences[name]) <= limit for name, limit in limits.items())
        if busiest < VALID:
            valid += 1
            near += kept
        elif busiest > VALID + 0.05:
            assert warnings, number
        table.append((number, round(busiest, 2), {k: round(v, 3) for k, v in differences.items()}))
    assert near >= 0.9 * valid, table
    assert valid >= len(numbers) / 2, table


def test_a_few() -> None:
    judge(range(7, 15))


@pytest.mark.slow
def test_all() -> None:
    judge(range(100))
