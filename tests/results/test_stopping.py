"""Replications until the precision is reached: how many, why no more, and the same bytes for any number of jobs."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import count
from typing import Any

import pytest
from fake_results import TEXT, record
from helpers import ROOT, S

import netsim
from netsim.results import run as runner
from netsim.results import stopping
from netsim.results.result import Result
from netsim.scenario.load import loads


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """An engine that answers at once; the numbers of the replications that it was asked for."""
    asked: list[int] = []

    def simulate(s: Any, m: Any, seed: int, k: int, told: Any, stop: Callable[[], bool]) -> Any:
        asked.append(k)
        return record(k)

    monkeypatch.setattr(runner, "simulator", lambda name: simulate)
    return asked


def told(result: Result) -> dict[str, Any]:
    return dict(result.data["manifest"]["precision"])


def test_it_stops_when_every_number_is_known(engine: list[int]) -> None:
    found = netsim.run(loads(TEXT), precision=0.01)
    said = told(found)
    assert said["stopped"] == "precision" and said["reached"] <= 0.01 and said["wanted"] == 0.01
    assert engine == list(range(said["rounds"][-1])) and said["rounds"][0] == 5 and len(said["rounds"]) > 1
    users = found.data["workloads"]["users"]
    for number in (users["throughput_per_s"], users["latency_s"]["mean"], users["latency_s"]["p99"]):
        assert (number["high"] - number["low"]) / 2 <= 0.01 * number["value"] * (1 + 1e-9)
    same = netsim.run(loads(TEXT), replications=said["rounds"][-1])
    assert same.data["workloads"] == found.data["workloads"]


def test_words_of_the_scenario_and_a_fixed_number(engine: list[int]) -> None:
    text = TEXT + "precision: 0.1%\nmax_replications: 12\n"
    found = netsim.run(loads(text))
    assert (told(found)["stopped"], told(found)["rounds"]) == ("max_replications", [5, 12])
    exactly = netsim.run(loads(text), replications=3)
    assert exactly.data["manifest"]["replications"] == 3 and "precision" not in exactly.data["manifest"]


def test_the_budget_of_time(engine: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    clock = count()
    monkeypatch.setattr(stopping.time, "perf_counter", lambda: float(next(clock)))
    found = netsim.run(loads(TEXT), precision=0.0001, max_time_s=8.0)
    said = told(found)
    assert said["stopped"] == "max_time" and not found.interrupted
    assert 5 <= found.data["manifest"]["replications"] == said["rounds"][-1] < 20


def test_nothing_to_measure(engine: list[int]) -> None:
    found = netsim.run(loads(TEXT.split("load:")[0]), precision=0.05)
    assert told(found)["stopped"] == "nothing to measure" and told(found)["reached"] is None


@pytest.mark.parametrize("bad", [0.0, 1.0, -0.1])
def test_no_precision(bad: float) -> None:
    with pytest.raises(ValueError, match="a precision between 0 and 1"):
        netsim.run(loads(TEXT), precision=bad)


def test_any_number_of_jobs_gives_the_same_bytes() -> None:
    scenario = netsim.load(ROOT / "scenarios" / "single-host-bridge.yaml")
    scenario = scenario.model_copy(update={"duration": S // 2, "warmup": S // 10})

    def numbers(jobs: int) -> str:
        data = netsim.run(scenario, precision=0.003, max_replications=12, jobs=jobs).to_dict()
        data["manifest"].pop("wall_s")
        assert len(data["manifest"]["precision"]["rounds"]) > 1
        return json.dumps(data)

    assert numbers(1) == numbers(2)
