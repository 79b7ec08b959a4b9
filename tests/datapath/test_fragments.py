"""Tunnels over cards that take less than the overlay thinks: what is told, what is cut, and what a lost fragment costs.

Seen on Linux 6.18 (docs/validation.md): outer packets of 1500 B over cards of 1400 B leave as two fragments each, all of which the
other node puts together, if the inner packets have no DF, so that nobody is told; if they have it, the sender sends less.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from helpers import scenario_from

from netsim.datapath.paths import reach, reply_path, request_path
from netsim.datapath.stage import Context
from netsim.datapath.stage import Path as Way
from netsim.engine.border import Change, LinkState, What
from netsim.engine.fast.simulate import FastPlane
from netsim.engine.fast.simulate import simulate as fast
from netsim.engine.kernel import Kernel
from netsim.engine.machine import Machine
from netsim.engine.machinery import Machinery, run_out
from netsim.engine.record import FATES, RunRecord
from netsim.engine.reference import Reference
from netsim.engine.reference import simulate as reference
from netsim.engine.route import Route
from netsim.engine.unit import Unit
from netsim.engine.world import World
from netsim.model.build import build_model

TEXT = """netsim: 1
duration: 2s
warmup: 100ms
nodes: {m: {role: manager, count: 2, cores: 4, profile: PROFILE, nic: {mtu: CARD}}}
networks: {shop: {attachable: true, encrypted: SECRET}}
containers:
  a: {node: m-1, networks: [shop]}
  b: {node: m-2, networks: [shop], work: {cpu: 10us}}
load:
  large: {from: a, to: b, arrivals: {constant: 50/s}, request: 600B, response: 100KiB, connection: {pool: 2}}
  small: {from: a, to: b, arrivals: {constant: 50/s}, request: 600B, response: 600B, connection: {pool: 2}}
  bulk: {from: a, to: b, bulk: 5MB}
"""


def text(card: int, encrypted: bool = False, version: str = "5.4") -> str:
    return (
        TEXT.replace("PROFILE", f"kernel{version}.yaml")
        .replace("CARD", str(card))
        .replace("SECRET", str(encrypted).lower())
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for version in ("5.4", "6.1"):
        kernel = f"name: k{version}\nbase: stock\nkernel: {{version: {version}}}\n"
        (tmp_path / f"kernel{version}.yaml").write_text(kernel)
    return tmp_path


def way(folder: Path, card: int, encrypted: bool = False, version: str = "5.4") -> Way:
    model = build_model(scenario_from(text(card, encrypted, version), folder))
    return request_path(model, reach(model, "a", "b"), "a", "b", None, False)


def wires(path: Way) -> set[tuple[int, int | None]]:
    """Into how many frames packets are cut on links, and what stays whole (TCP payload)."""
    return {(s.fragments, s.most_bytes) for s in path.stages if s.context == Context.LINK}


@pytest.mark.parametrize(
    ("card", "encrypted", "version", "mss", "cut"),
    [
        (1500, False, "5.4", 1398, (1, None)),
        (1400, False, "6.1", 1298, (1, None)),  # since 5.9 the sender is told
        (1400, False, "5.4", 1398, (2, 1298)),
        (1500, True, "5.4", 1372, (1, None)),
        (1400, True, "5.4", 1372, (2, 1272)),
        (1400, True, "6.1", 1298, (2, 1272)),  # told of VXLAN's 50 B, and not of ESP's 26 B
        (576, False, "5.4", 1398, (3, 474)),  # 1480 B behind the first header, at most 552 in each
    ],
)
def test_what_is_told_and_what_is_cut(
    card: int, encrypted: bool, version: str, mss: int, cut: tuple[int, int | None], folder: Path
) -> None:
    path = way(folder, card, encrypted, version)
    assert path.mss_bytes == mss and wires(path) == {cut}
    names = [stage.stage for stage in path.stages]
    assert ("ip.fragment" in names) == ("ip.reassemble" in names) == (cut[0] > 1)


def test_small_packets_stay_whole_and_cost_nothing_more(folder: Path) -> None:
    cut = Route(way(folder, 1400))
    names = ("ip.fragment", "ip.reassemble")
    of = [cost for visit in cut.visits for cost in visit.costs(1298, 1)] + cut.send_cost(1298)
    assert {ps for name, ps in of if name in names} == {0}
    of = [cost for visit in cut.visits for cost in visit.costs(1398, 1)] + cut.send_cost(1398)
    assert all(ps > 0 for name, ps in of if name in names)


def test_what_leaves_a_tunnel_is_merged_again(folder: Path) -> None:
    """A real kernel made 13,134 skbs of 277,106 packets that it had put together, on cards that merge nothing (docs/validation.md)."""
    path = way(folder, 1400)
    names = [stage.stage for stage in path.stages]
    tunnel = names.index("vxlan.decap")
    before, after = path.stages[names.index("nic.rx") + 1 : tunnel + 1], path.stages[tunnel + 1 :]
    assert path.pieces == 0
    assert {s.fixed_ps for s in before} == {0} and all(s.per_packet_ps for s in before)
    assert {s.per_packet_ps for s in after} == {0} and all(s.fixed_ps for s in after)


LAB = """netsim: 1
duration: 60ms
warmup: 20ms
nodes: {m: {role: manager, count: 2, cores: 2, profile: before.yaml, nic: {rate: 100Gbit, mtu: 1400}}}
hypervisors: {hv: {cores: 2, nodes: [m-*]}}
networks: {shop: {driver: overlay, attachable: true}}
containers: {a: {node: m-1, networks: [shop]}, b: {node: m-2, networks: [shop]}}
load: {bulk: {from: a, to: b, bulk: 4TiB, write: 128KiB}}
"""


def test_an_overlay_of_fragments_carries_what_was_measured(tmp_path: Path) -> None:
    """2.26 Gbit/s in namespaces of a machine of two cores, within 15 %; nothing of the profile was fitted to it."""
    (tmp_path / "before.yaml").write_text("name: before\nbase: lab\nkernel: {version: 5.4}\n")
    scenario = scenario_from(LAB, tmp_path)
    record = run_out(FastPlane(World(scenario, build_model(scenario), 1, 0)))
    assert record.workloads["bulk"].goodput_bytes_in_period * 8 / 0.06 / 1e9 == pytest.approx(2.26, rel=0.15)


def test_a_card_that_takes_less_than_the_senders_still_drops_fragments(folder: Path) -> None:
    """The first fragment is as large as the sender's card allows."""
    scenario = scenario_from(
        text(1450).replace("count: 2", "count: 1").replace(
            "networks: {shop", "  w: {count: 1, cores: 4, profile: kernel5.4.yaml, nic: {mtu: 1400}}\nnetworks: {shop"
        ).replace("nodes: {m: {role: manager, count: 1, cores: 4, profile: kernel5.4.yaml, nic: {mtu: 1450}}}",
                  "nodes:\n  m: {role: manager, count: 1, cores: 4, profile: kernel5.4.yaml, nic: {mtu: 1450}}"
        ).replace("node: m-2", "node: w-1"), folder)  # fmt: skip
    scenario.tolerate()
    model = build_model(scenario)
    found = reach(model, "a", "b")
    there = request_path(model, found, "a", "b", None, False)
    back = reply_path(model, found, "a", "b", None)
    most = [[s.most_bytes for s in path.stages if s.stage == "nic.rx"] for path in (there, back)]
    assert most == [[1400 - 102], [None]]


def runs(card: int, folder: Path, encrypted: bool = False, loss: str = "") -> tuple[RunRecord, RunRecord]:
    scenario = scenario_from(text(card, encrypted), folder)
    one, other = (
        simulate(scenario, build_model(scenario), 3, 0, keep_requests=True) for simulate in (reference, fast)
    )
    return one, other


@pytest.mark.parametrize("encrypted", [False, True])
def test_both_machineries_agree_and_the_wire_carries_the_headers_of_fragments(
    encrypted: bool, folder: Path
) -> None:
    one, other = runs(1400, folder, encrypted)
    for name, workload in one.workloads.items():
        a, b = workload.log, other.workloads[name].log
        assert len(a.fate) and {FATES[fate] for fate in a.fate} == {"completed"}
        assert np.array_equal(a.finish_ps, b.finish_ps)
    whole = runs(1500, folder, encrypted)[0]
    sent, more = (found.stations["m-1/eth0.tx"].bytes_sent for found in (whole, one))
    packets = -(-5_000_000 // (1372 if encrypted else 1398))
    # Beside bulk a sends nothing that is cut; the last packet of each unit may count as cut though it is not.
    assert 58 * packets * 0.95 <= more - sent <= 58 * packets * 1.05


def lossy(kind: type[Machinery], folder: Path) -> RunRecord:
    scenario = scenario_from(text(1400), folder)
    plane = kind(World(scenario, build_model(scenario), 3, 0, keep_requests=True))
    plane.apply([Change(What.LINK, "m-2", -(10**11), link=LinkState(loss=0.02, direction="receives"))])
    return run_out(plane)


def test_both_machineries_lose_the_same_fragments(folder: Path) -> None:
    one, other = lossy(Reference, folder), lossy(FastPlane, folder)
    for name, workload in one.workloads.items():
        assert np.array_equal(workload.log.finish_ps, other.workloads[name].log.finish_ps)


def test_a_packet_is_lost_with_any_of_its_fragments(folder: Path) -> None:
    """With a loss of p for each frame, packets of two are lost with 1 - (1 - p) ** 2."""
    machine, trials, p = Machine(Kernel(0), [], {}, 1, 1), 4000, 0.1
    route = Route(way(folder, 1400))
    units = [
        Unit(route, 1398, key, 0, lambda now: None, lambda now, where: None, None, None, None, 0, ())
        for key in range(trials)
    ]
    lost = sum(not machine._survives(unit, p, 2) for unit in units)
    share = 1 - (1 - p) ** 2
    assert lost / trials == pytest.approx(share, abs=4 * (share * (1 - share) / trials) ** 0.5)
