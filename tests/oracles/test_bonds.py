"""Bonded cards: what they carry, and what a pulled cable costs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from helpers import scenario_from

from netsim.engine.fast.simulate import FastPlane
from netsim.engine.machinery import run_out
from netsim.engine.record import FATES, RunRecord
from netsim.engine.world import World
from netsim.model.build import build_model
from netsim.swarm.passes import simulate

TEXT = """netsim: 1
duration: {duration}
warmup: 0s
nodes: {{m: {{role: manager, cores: 8, profile: zero.yaml, nic: {{rate: 100Mbit{bond}}}}}}}
outside: {{rtt: 1ms, clients: 1000}}
networks: {{net: {{driver: overlay}}}}
services: {{web: {{networks: [net], ports: [{{published: 80, target: 80}}], work: {{cpu: 0s, workers: 100}}}}}}
load: {{{load}}}
"""
COPY = "copy: {from: web, to: outside, bulk: 1GiB, flows: 16}"


def run(folder: Path, bond: str, load: str = COPY, duration: str = "4s") -> RunRecord:
    scenario = scenario_from(TEXT.format(bond=bond, load=load, duration=duration), folder)
    return run_out(FastPlane(World(scenario, build_model(scenario), 1, 0)))


def test_many_flows_fill_all_cables_and_a_backup_none(tmp_path: Path) -> None:
    """100 Mbit/s for each cable that is used; 1448 of 1538 bytes are payload."""
    one = 100e6 / 8 * 1448 / 1538 * 4
    for bond, cables in (
        ("", 1),
        (", bond: {links: 2}", 2),
        (", bond: {links: 4}", 4),
        (", bond: {links: 4, mode: active-backup}", 1),
    ):
        sent = run(tmp_path, bond).workloads["copy"].goodput_bytes_in_period
        assert sent / (cables * one) == pytest.approx(1, abs=0.03), bond


def test_one_flow_keeps_to_one_cable(tmp_path: Path) -> None:
    record = run(tmp_path, ", bond: {links: 4}", "copy: {from: web, to: outside, bulk: 1GiB, flows: 1}")
    used = [record.stations[f"m-1/eth0.tx{k}"].bytes_sent for k in range(1, 5)]
    assert sorted(used)[:3] == [0, 0, 0]


@pytest.mark.parametrize(("mode", "share"), [("balance", 0.5), ("active-backup", 1.0)])
def test_a_pulled_cable_is_felt_until_the_next_look(tmp_path: Path, mode: str, share: float) -> None:
    """New connections of one SYN each second way round: those over the dead cable between the cut and the driver's next look
    (here within 2 s) repeat their SYN after a second; of others none. Nothing fails."""
    load = 'users: {from: outside, to: "web:80", arrivals: {constant: 200/s}, timeout: 20s}'
    text = TEXT.format(bond=f", bond: {{links: 2, mode: {mode}, miimon: 2s}}", load=load, duration="12s")
    scenario = scenario_from(text + "faults: [{at: 4s, cut: m-1, cable: 1}]\n", tmp_path)
    record = simulate(FastPlane, scenario, build_model(scenario), 3, 0, keep_requests=True)
    looked = next(float(str(line["t_s"])) for line in record.timeline if line["what"] == "bond")
    assert 4 < looked <= 6
    log = record.workloads["users"].log
    start, took = log.start_ps / 1e12, (log.finish_ps - log.start_ps) / 1e12
    assert {FATES[int(fate)] for fate in log.fate} == {"completed"}
    late = took > 0.5
    between = (start > 4) & (start < looked - 0.01)
    assert not late[(start < 3.99) | (start > looked)].any()
    assert np.mean(late[between]) == pytest.approx(share, abs=0.15)
