"""Names looked up on both machineries: who is chosen, how long it takes, what is kept, what is not found."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from helpers import S, scenario_from
from scipy.stats import chisquare

from netsim.engine.fast.simulate import simulate as fast
from netsim.engine.record import FATES, RunRecord
from netsim.engine.reference import simulate as reference
from netsim.model.build import build_model

Engine = Callable[..., RunRecord]
both = pytest.mark.parametrize("engine", [reference, fast])

TEXT = """
netsim: 1
duration: 4s
warmup: 0s
nodes: {{m: {{role: manager, count: 2, cores: 8, profile: {profile}}}}}
networks: {{net: {{attachable: true}}}}
services:
  rr: {{replicas: {replicas}, networks: [net], endpoint_mode: dnsrr, work: {{cpu: 10us}}}}
containers: {{box: {{node: m-1, networks: [net]}}}}
load:
  asks: {{from: box, to: {target}, arrivals: {{constant: {rate}/s}}, connection: {connection}{more}}}
"""


def record(
    engine: Engine, folder: Path, replicas: int = 5, target: str = "rr", rate: int = 500, more: str = "",
    profile: str = "zero.yaml", seed: int = 1, connection: str = "new",
) -> RunRecord:  # fmt: skip
    text = TEXT.format(
        profile=profile, replicas=replicas, target=target, rate=rate, more=more, connection=connection
    )
    scenario = scenario_from(text, folder)
    return engine(scenario, build_model(scenario), seed, 0, keep_requests=True)


def served(found: RunRecord, replicas: int = 5) -> list[int]:
    return [found.stations[f"rr.{k}/workers"].served for k in range(1, replicas + 1)]


@both
def test_the_first_of_several_addresses_is_uniform(engine: Engine, tmp_path: Path) -> None:
    """Chi-square over 1,999 connections and 5 tasks for each of three seeds: three false alarms in 10^6."""
    for seed in (1, 2, 3):
        counts = served(record(engine, tmp_path, seed=seed))
        assert sum(counts) == 1999
        assert chisquare(counts).pvalue > 1e-6
        # In turns each would have 400 or 399, which has about the same probability.
        assert chisquare(counts).statistic > 0.001


@both
def test_one_and_two_addresses(engine: Engine, tmp_path: Path) -> None:
    """One address gets all, two half each (6 standard deviations: a false alarm in 5 * 10^8)."""
    scenario = record(engine, tmp_path, replicas=1, rate=500)
    assert served(scenario, 1) == [1999]
    few = served(record(engine, tmp_path, replicas=2), 2)
    assert abs(few[0] - 999.5) < 6 * np.sqrt(2000 / 4)


@both
def test_tasks_of_a_service_with_a_virtual_address(engine: Engine, tmp_path: Path) -> None:
    """By tasks.NAME the addresses are drawn; by the name IPVS takes them in turn."""
    text = TEXT.replace(", endpoint_mode: dnsrr", "")
    counts = {}
    for target in ("rr", "tasks.rr"):
        words = {"profile": "zero.yaml", "replicas": 5, "rate": 500, "more": "", "connection": "new"}
        scenario = scenario_from(text.format(target=target, **words), tmp_path)
        counts[target] = served(engine(scenario, build_model(scenario), 1, 0))
    assert counts["rr"] == [399, 400, 400, 400, 400]
    assert counts["tasks.rr"] != counts["rr"] and chisquare(counts["tasks.rr"]).pvalue > 1e-6


@both
def test_a_kept_answer_is_the_same_address(engine: Engine, tmp_path: Path) -> None:
    counts = served(record(engine, tmp_path, more=", dns: {cache: true}"))
    assert sorted(counts) == [0, 0, 0, 0, 1999]


@both
def test_an_answer_is_kept_for_its_time_to_live(engine: Engine, tmp_path: Path) -> None:
    """A request every minute. The tenth after a query comes before 600 s are over, since the query took time: the
    eleventh asks again."""
    text = TEXT.replace("duration: 4s", "duration: 35m").replace("{rate}/s", "1/m")
    words = {"profile": "stock", "replicas": 5, "target": "rr", "connection": "new"}
    scenario = scenario_from(text.format(more=", dns: {cache: true}", **words), tmp_path)
    log = engine(scenario, build_model(scenario), 1, 0, keep_requests=True).workloads["asks"].log
    asked = [
        at // (60 * 10**12) for at, split in zip(log.start_ps, log.split, strict=True) if "dns.query" in split
    ]
    assert len(log.split) in (34, 35)
    first = int(asked[0])
    assert [int(a) for a in asked] == [
        first + k for k in range(0, 35, 11) if first + k < first + len(log.split)
    ]


@both
def test_a_new_connection_waits_for_its_name(engine: Engine, tmp_path: Path) -> None:
    """One request at a time: the lookup's parts are what the profile says, and nothing queues."""
    found = record(engine, tmp_path, rate=20, profile="stock").workloads["asks"].log
    scenario = scenario_from(
        TEXT.format(profile="stock", replicas=5, target="rr", rate=20, more="", connection="new"), tmp_path
    )
    cost = build_model(scenario).nodes["m-1"].profile.cost
    for split in found.split:
        assert split["dns.query"] == cost("dns.query").fixed_ps
        assert split["dns.answer"] == cost("dns.answer").fixed_ps + 5 * cost("dns.answer").per_packet_ps
        assert "dns.tcp" not in split
    kept = record(engine, tmp_path, rate=20, profile="stock", connection="{pool: 1}").workloads["asks"].log
    assert sum("dns.query" in split for split in kept.split) == 1


@both
def test_queries_that_race_each_other_are_asked_again_after_5_s_and_twice_at_most(
    engine: Engine, tmp_path: Path
) -> None:
    """Of requests whose end the run sees, p (1 - p) wait once and p p fail; each within four standard deviations (a
    false alarm in 8,000 seeds)."""
    text = TEXT.format(profile="race.yaml", replicas=5, target="rr", rate=100, more="", connection="new")
    scenario = scenario_from(text.replace("duration: 4s", "duration: 16s"), tmp_path)
    log = engine(scenario, build_model(scenario), 1, 0, keep_requests=True).workloads["asks"].log
    early = [i for i, at in enumerate(log.start_ps) if at < 5 * S]
    took = [int(log.finish_ps[i] - log.start_ps[i]) // S for i in early]
    fates = [FATES[log.fate[i]] for i in early]
    once = sum(5 <= s < 6 and fate == "completed" for s, fate in zip(took, fates, strict=True))
    twice = sum(10 <= s < 11 and fate == "dns" for s, fate in zip(took, fates, strict=True))
    assert set(took) == {0, 5, 10}
    for found, share in ((once, 0.25 * 0.75), (twice, 0.25 * 0.25)):
        assert abs(found - len(early) * share) < 4 * (len(early) * share * (1 - share)) ** 0.5


@both
def test_more_addresses_than_a_datagram_holds(engine: Engine, tmp_path: Path) -> None:
    for replicas, times in ((30, 1), (31, 2)):
        log = record(engine, tmp_path, replicas=replicas, rate=10, profile="stock").workloads["asks"].log
        assert {"dns.tcp" in split for split in log.split} == {times == 2}
        assert {split["dns.query"] for split in log.split} == {8_000_000 * times}


@both
def test_a_name_without_tasks_is_not_found(engine: Engine, tmp_path: Path) -> None:
    """The engine asks the world outside, which does not know the name either: a round trip, then the cause dns."""
    log = record(engine, tmp_path, replicas=0, rate=20, profile="stock").workloads["asks"].log
    assert {FATES[f] for f in log.fate} == {"dns"}
    took = np.unique(log.finish_ps - log.start_ps)
    # outside.rtt 20 ms, two wake-ups of 55 us, 28.2 us of work
    assert took.tolist() == [20_000_000_000 + 110_000_000 + 28_000_000]


@both
def test_names_of_the_outside_take_a_round_trip(engine: Engine, tmp_path: Path) -> None:
    log = record(engine, tmp_path, target="outside", rate=20, profile="zero.yaml").workloads["asks"].log
    took = log.finish_ps - log.start_ps
    assert (took >= 60_000_000_000).all() and (took < 60_100_000_000).all()  # name, handshake, request
