"""What a run is too short to know is null, with the reason in result.json and in the text; and short warm-ups."""

from __future__ import annotations

import re
from typing import Any

import pytest
from fake_results import MS, S, record, scenario, workload

from netsim.cli.summary import summary
from netsim.engine.record import RunRecord
from netsim.model.build import build_model
from netsim.results.build import build_result
from netsim.results.result import Result
from netsim.results.settling import unsettled_ps
from netsim.scenario.load import loads
from netsim.scenario.schema import Scenario


def built(records: list[RunRecord], of: Scenario | None = None) -> Result:
    small = of or scenario()
    return build_result(small, build_model(small), records, "reference", 1.0)


@pytest.mark.parametrize("replications", [1, 5])
def test_p999_of_200_requests(replications: int) -> None:
    found = built([record(k, count=200) for k in range(replications)])
    latency = found.data["workloads"]["users"]["latency_s"]
    assert latency["p999"] == {"value": None, "low": None, "high": None}
    assert latency["p99"]["value"] is not None
    reason = found.data["unknown"]["workloads.users.latency_s.p999"]
    assert reason == "unknown: 200 requests completed in a replication, and fewer than 1,000 do not tell p999"
    assert f"users: p999: {reason}" in summary(found)
    assert found.data["samples"]["workloads.users.latency_s.p999"] == [None] * replications


def test_a_quantile_that_is_unknown_has_no_attribution() -> None:
    users = built([record(k, count=99) for k in range(3)]).data["workloads"]["users"]
    assert users["latency_s"]["p99"]["value"] is None and users["attribution"]["p99"] == {}
    assert users["attribution"]["p50"]


def test_no_interval_has_a_reason_too() -> None:
    found = built([record(count=1000)])
    assert "its interval needs 1,000" in found.data["unknown"]["workloads.users.latency_s.p99"]
    assert found.data["unknown"]["workloads.users.outage_s"].startswith(
        "no interval: known in one replication"
    )
    nothing_open = built([record(k, count=2000) for k in range(3)]).data["unknown"]
    assert nothing_open == {}


def test_one_reason_for_many_stations() -> None:
    few = [record(k) for k in range(3)]
    for one in few:
        for station in one.stations.values():
            station.waits = 7
    reason = built(few).data["unknown"]["stations.*.wait_s.p99"]
    assert reason == "unknown: fewer than 100 visits in a replication do not tell p99 (8 stations)"


def settling(replications: int, first_ms: int, extra: str = "", until: int = 2) -> list[str]:
    """Latency of 20 ms with a spread, ``first_ms`` more in the first ``until`` seconds; warnings."""
    records = []
    for k in range(replications):
        one = record(k)
        starts = list(range(0, 10 * S, 10 * MS))
        late = [20 * MS + (i * 7919 + k * 104729) % 5000 * MS // 1000 for i in range(len(starts))]
        late = [t + (first_ms * MS if s < until * S else 0) for s, t in zip(starts, late, strict=True)]
        one.workloads["users"] = workload(starts, late)
        records.append(one)
    from fake_results import TEXT

    text = TEXT.replace("poisson: 100/s", extra) if extra.startswith("poisson") else TEXT
    warnings: Any = built(records, loads(text)).data["manifest"]["warnings"]
    return list(warnings)


@pytest.mark.parametrize("replications", [1, 3])
def test_a_short_warm_up_is_told(replications: int) -> None:
    (told,) = settling(replications, 10)
    match = re.fullmatch(
        r"The warm-up of 5s is too short for users: its latency still differs in the first (\d+)ms after it "
        r"\(MSER-5\); try warmup: (\d+)ms",
        told.replace("2s", "2000ms").replace("7s", "7000ms"),
    )
    assert match is not None, told
    more = int(match[1])
    assert 2000 <= more <= 5000 and int(match[2]) == 5000 + more


def test_only_until_the_first_fault() -> None:
    """What happens from 4 s on is no matter of the warm-up."""
    starts = list(range(0, 10 * S, 10 * MS))
    late = [(20 if s < 4 * S else 60) * MS + s % 7 for s in starts]
    part = workload(starts, late)
    assert unsettled_ps([part], 10 * S) >= 4 * S
    assert unsettled_ps([part], 4 * S) == 0


def test_a_settled_load_and_one_that_changes() -> None:
    assert settling(3, 0) == []
    assert settling(3, 10, "poisson: [[0s, 100/s], [10s, 200/s]]") == []
