"""What a core carries where many flows share it or the card: into how many skbs their packets are merged, as a real kernel does
it, and what follows for the throughput of a core (docs/validation.md, Many flows)."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from helpers import ROOT, scenario_from

from netsim.datapath.gro import merged_packets, poll_packets
from netsim.engine.fast.simulate import FastPlane
from netsim.engine.machinery import run_out
from netsim.engine.world import World
from netsim.model.build import build_model
from netsim.picoseconds import PS_PER_S

SECONDS = 0.02
LONG_PS = PS_PER_S  # a poll finds all that is to come

TEXT = """netsim: 1
duration: 20ms
warmup: 30ms
nodes:
  a: {{role: manager, cores: {sends}, profile: skylake.yaml, nic: {{rate: {rate}, mtu: 9000, rx_queues: {sends}, offloads: [{offloads}]}}}}
  b: {{cores: {receives}, profile: skylake.yaml, nic: {{rate: {rate}, mtu: 9000, rx_queues: {receives}, offloads: [{offloads}]}}}}
fabric: {{latency: 1us, buffer: 16MiB}}
services:
  src: {{networks: [host], placement: {{constraints: [node.role == manager]}}, work: {{cpu: 0s}}}}
  dst: {{networks: [host], placement: {{constraints: [node.role == worker]}}, work: {{cpu: 0s}}}}
load: {{copy: {{from: src, to: dst, bulk: 4TiB, flows: {flows}}}}}
"""
OFFLOADS = "tx-checksum, rx-checksum, tso, gro, rfs"


def recorded() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((ROOT / "tests/data/lab/gro.json").read_text(encoding="utf-8"))
    return found


@cache
def measured(
    folder: Path, sends: int, receives: int, flows: int, rate: str = "100Gbit"
) -> tuple[float, float]:
    """Gbit/s for each core that the sender uses, and for each that the receiver does."""
    (folder / "skylake.yaml").write_text(
        (ROOT / "scenarios/profiles/skylake.yaml").read_text(encoding="utf-8")
    )
    text = TEXT.format(sends=sends, receives=receives, flows=flows, rate=rate, offloads=OFFLOADS)
    scenario = scenario_from(text, folder)
    record = run_out(FastPlane(World(scenario, build_model(scenario), 1, 0, keep_requests=True)))
    gbits = record.workloads["copy"].goodput_bytes_in_period * 8 / SECONDS / 1e9
    busy = [
        sum(s.busy_ps for n, s in record.stations.items() if n.startswith(f"{node}-1/cpu"))
        / (SECONDS * PS_PER_S)
        for node in "ab"
    ]
    return gbits / busy[0], gbits / busy[1]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("many")


def test_flows_that_alternate_share_a_poll() -> None:
    """As a real kernel merged them, for as many flows as one bucket of its table holds (8; a card's hash spreads more over eight
    buckets, which the recorded packets do not have)."""
    rows = {r["flows"]: r["packets"] / r["skbs"] for r in recorded()["by_hand"] if r["in_a_row"] == 1}
    for flows in (2, 4, 8):
        assert merged_packets(poll_packets(), 1, LONG_PS, flows) == pytest.approx(rows[flows], rel=0.01)


def test_flows_that_do_not_alternate_keep_their_skbs(folder: Path) -> None:
    """A real kernel made skbs of 39 packets of one connection and of 30 of sixteen, whose units follow each other in one queue. In
    the model a sender of one core has one queue, and a receiver's core carries as much of sixteen flows as of one, within a fifth."""
    rows = {r["flows"]: r["packets"] / r["skbs"] for r in recorded()["iperf3"] if r["sender_cores"] == 1}
    assert rows[16] > 0.75 * rows[1]
    in_a_row = {r["flows"]: r["packets"] / r["skbs"] for r in recorded()["by_hand"] if r["in_a_row"] == 16}
    assert in_a_row[64] == pytest.approx(16, rel=0.01)
    one, sixteen = (measured(folder, 1, 24, flows)[1] for flows in (1, 16))
    assert sixteen == pytest.approx(one, rel=0.2)


def test_one_core_sends_what_was_published(folder: Path) -> None:
    """One sending core to 8 receiving ones: 89 Gbit/s (Cai et al., SIGCOMM 2021), to which nothing was fitted."""
    assert measured(folder, 1, 24, 8)[0] == pytest.approx(89, rel=0.05)


def test_the_more_cores_send_the_less_each_receiving_core_carries(folder: Path) -> None:
    """The card is full from three flows on; what each further one does is to come between the others' packets."""
    found = [measured(folder, 24, 24, flows)[1] for flows in (1, 8, 24)]
    assert found[0] > 1.15 * found[1] > 1.15 * 1.1 * found[2]


def test_a_full_core_merges_what_waits_for_it(folder: Path) -> None:
    """24 cores send to one: its packets wait, so that a poll finds many of them, and it carries more than a core that is
    woken for each."""
    assert measured(folder, 24, 1, 24)[1] > 1.2 * measured(folder, 24, 24, 24)[1]


@pytest.mark.parametrize(("rate_gbits", "packets"), [(100, 8), (10, 2), (1, 1)])
def test_a_slow_card_brings_packets_one_by_one(rate_gbits: int, packets: int) -> None:
    """A jumbo frame takes 0.7, 7.2 and 72 us, and interrupts are 8 us apart: a unit of 8 packets is merged, by twos, or not at all."""
    gap = 9038 * 8 * 1000 // rate_gbits
    assert min(8, merged_packets(poll_packets(), gap, 8_000_000, 1)) == packets
