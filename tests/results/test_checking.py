"""The flow engine held against the fast one: which time is replayed, what is told, and where there is nothing to check."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest

import netsim
from netsim.engine.flow.rates import mean_rate
from netsim.engine.flow.sample import Sampler
from netsim.results.checking import Window, refuse_unfit, windowed, windows
from netsim.results.errors import EngineError
from netsim.results.files import schema
from netsim.scenario.load import loads
from netsim.scenario.schema import Scenario

S = 10**12


def scenario(more: str = "", duration: str = "20s") -> Scenario:
    return loads(
        f"""netsim: 1
name: shop
duration: {duration}
warmup: 2s
replications: 1
nodes: {{worker: {{role: manager, count: 2, cores: 4, nic: {{rate: 10Gbit}}}}}}
networks: {{net: {{driver: overlay}}}}
services:
  web: {{replicas: 2, networks: [net], ports: [{{published: 8080, target: 80}}],
        work: {{cpu: {{exponential: {{mean: 1ms}}}}, workers: 16}}}}
load:
  users: {{from: outside, to: "web:8080", arrivals: {{poisson: [[0s, 200/s], [20s, 800/s]]}}, response: 4KiB,
          connection: {{pool: 40}}}}
{more}"""
    )


@pytest.mark.parametrize("percent", [1, 20, 50, 100])
def test_windows_are_so_much_of_the_time_and_do_not_meet(percent: float) -> None:
    found = windows(scenario(), 7, percent)
    assert found == windows(scenario(), 7, percent)
    assert found != windows(scenario(), 8, percent) or percent == 100
    assert sum(w.end_ps - w.start_ps for w in found) == pytest.approx(20 * S * percent / 100, rel=1e-9)
    assert found[0].start_ps >= 0 and found[-1].end_ps <= 20 * S
    assert all(a.end_ps <= b.start_ps for a, b in zip(found, found[1:], strict=False))
    assert len(found) == (2 if percent == 1 else min(5, percent // 5))


def test_windows_before_the_first_fault_and_one_around_it() -> None:
    found = windows(scenario("faults: [{at: 10s, kill_task: web.1}]"), 1, 50)
    assert [w.changes for w in found] == [False] * 5 + [True]
    assert found[-2].end_ps <= 10 * S and sum(w.end_ps - w.start_ps for w in found[:-1]) == pytest.approx(
        5 * S
    )
    assert found[-1] == Window(5 * S, 15 * S, True)


def test_a_change_at_the_begin_is_replayed_from_it_on() -> None:
    found = windows(scenario("faults: [{at: 0s, kill_task: web.1}]"), 1, 50)
    assert found == [Window(0, 10 * S, True)]


def test_a_window_has_the_faults_of_its_time() -> None:
    whole = scenario(
        "faults: [{at: 10s, kill_task: web.1}, {at: 12s, kill_task: web.2}, {at: 18s, kill_task: web.1}]"
    )
    cut = windowed(whole, windows(whole, 1, 50)[-1])
    assert [(fault.at, fault.kill_task) for fault in cut.faults] == [(5 * S, "web.1"), (7 * S, "web.2")]
    assert not windowed(whole, Window(0, 10 * S)).faults


def test_a_window_has_the_rates_of_its_time() -> None:
    whole, cut = scenario(), windowed(scenario(), Window(5 * S, 9 * S))
    assert cut.duration == 4 * S and cut.warmup_ps == whole.warmup_ps
    here, there = cut.load["users"].arrivals, whole.load["users"].arrivals
    assert here is not None and there is not None
    for a, b in ((0, 1), (1, 4), (-2, 0)):
        found = mean_rate(here, a * S, b * S)
        assert found == pytest.approx(mean_rate(there, (a + 5) * S, (b + 5) * S))
    assert mean_rate(here, 0, 4 * S) == pytest.approx(200 + 600 * 7 / 20, rel=1e-6)


@pytest.mark.parametrize(
    ("engine", "percent", "more", "words"),
    [
        ("fast", 20, "", "this run uses fast; say --engine flow"),
        ("flow", 0, "", r"above 0 and up to 100 \(% of the measured time\), got 0"),
        ("flow", 101, "", "got 101"),
    ],
)
def test_where_there_is_nothing_to_check(engine: str, percent: float, more: str, words: str) -> None:
    with pytest.raises(EngineError, match=words):
        refuse_unfit(scenario(more), engine, percent)


def test_both_engines_on_the_same_windows(tmp_path: Path) -> None:
    result = netsim.run(scenario(), engine="flow", check=20)
    found = result.data["check"]
    jsonschema.validate(result.data, schema())
    assert found["share"] == 0.2 and found["engine"] == "fast" and len(found["windows"]) == 4
    users = found["workloads"]["users"]
    # The same arrivals; only what is under way at the ends differs.
    assert abs(users["throughput_per_s"]["difference"]["value"]) < 0.01
    for key in ("latency_s.p50", "latency_s.p99"):
        row = users[key]
        assert row["difference"]["value"] == pytest.approx(row["flow"] / row["fast"] - 1)
        assert row["difference"]["low"] < row["difference"]["high"] and not row["outside"], row
    assert not any("The flow engine is off" in warning for warning in result.warnings)
    result.save(tmp_path)
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "How far the flow engine is from the fast one" in page and "within 30%" in page


def test_what_is_off_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    honest = Sampler.draw

    def slow(self: Sampler, state: Any, rng: np.random.Generator, count: int) -> Any:
        return honest(self, state, rng, count) * 1.2

    monkeypatch.setattr(Sampler, "draw", slow)
    result = netsim.run(scenario(duration="10s"), engine="flow", check=20)
    users = result.data["check"]["workloads"]["users"]
    assert users["latency_s.p50"]["outside"] and not users["latency_s.p99"]["outside"]
    assert any("users latency.p50 by +" in warning for warning in result.warnings)


def test_what_is_off_after_a_change_only_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """A flow engine that takes no notice of a node that is gone: right before it, wrong from it on."""
    lost = scenario("faults: [{at: 6s, crash: worker-2}]", "12s")
    honest = netsim.run(lost, engine="flow", check=50)
    found = honest.data["check"]
    jsonschema.validate(honest.data, schema())
    assert [w["changes"] for w in found["windows"]] == [False] * 3 + [True]
    assert not any(row["outside"] for row in found["workloads"]["users"].values())
    monkeypatch.setattr(netsim.engine.flow.simulate, "replay", lambda *_: ({}, []))
    told = netsim.run(lost, engine="flow", check=50)
    assert not any(row["outside"] for row in told.data["check"]["workloads"]["users"].values())
    assert any("around the first change: users" in warning for warning in told.warnings), told.warnings
