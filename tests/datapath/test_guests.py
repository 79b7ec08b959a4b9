"""Nodes behind a hypervisor's card: which links a packet takes, and who pays for vhost."""

from __future__ import annotations

from pathlib import Path

from helpers import scenario_from

import netsim
from netsim.datapath.paths import link_specs, reach, request_path
from netsim.datapath.profile import load_profile
from netsim.datapath.stage import Context
from netsim.model.build import build_model
from netsim.model.entities import Model

TEXT = """netsim: 1
duration: 2s
warmup: 0s
replications: 1
nodes:
  m: {role: manager, count: 4, cores: 2}
hypervisors:
  a: {cores: 4, nodes: [m-1, m-2], nic: {rate: 1Gbit}}
  b: {cores: 4, nodes: [m-3], nic: {rate: 1Gbit}}
outside: {rtt: 1ms, entry: {nodes: [m-1]}}
networks: {net: {attachable: true}}
services: {web: {replicas: 4, networks: [net], ports: ["8080:80"], work: {cpu: 10us}}}
containers: {box: {node: m-1, networks: [net]}}
load:
  down: {from: outside, to: "web:8080", arrivals: {constant: 100/s}, response: 64KiB}
"""


def model(folder: Path) -> Model:
    return build_model(scenario_from(TEXT, folder))


def links(made: Model, dst: str) -> list[str]:
    """The transmitters from box on m-1 to a task."""
    path = request_path(made, reach(made, "box", "web"), "box", dst, None, False)
    return [str(stage.station) for stage in path.stages if stage.context == Context.LINK]


def task_on(made: Model, node: str) -> str:
    return next(task.name for task in made.services["web"] if task.node.name == node)


def test_guests_of_one_machine_meet_on_its_virtual_switch(tmp_path: Path) -> None:
    made = model(tmp_path)
    assert links(made, task_on(made, "m-2")) == ["m-1/eth0.tx", "switch/m-2"]


def test_guests_of_two_machines_pass_both_cards(tmp_path: Path) -> None:
    made = model(tmp_path)
    way = links(made, task_on(made, "m-3"))
    assert way == ["m-1/eth0.tx", "a/eth0.tx", "switch/b", "switch/m-3"]
    assert set(way) <= set(link_specs(made))


def test_to_a_machine_of_its_own_there_is_no_second_port(tmp_path: Path) -> None:
    made = model(tmp_path)
    assert links(made, task_on(made, "m-4")) == ["m-1/eth0.tx", "a/eth0.tx", "switch/m-4"]


def test_vhost_is_paid_once_on_each_side_of_a_guest(tmp_path: Path) -> None:
    made, cost = model(tmp_path), load_profile("stock").cost("vhost")
    for node, times in (("m-2", 2), ("m-3", 2), ("m-4", 1), ("m-1", 0)):
        path = request_path(made, reach(made, "box", "web"), "box", task_on(made, node), None, False)
        stages = [stage for stage in path.stages if stage.stage == "vhost"]
        assert len(stages) == times, node
        assert all(stage.fixed_ps == cost.fixed_ps > 0 for stage in stages)


def test_guests_share_the_bytes_of_their_card(tmp_path: Path) -> None:
    """What the entry sends out, and half of the answers that cross to it from the other nodes, pass the card of a."""
    result = netsim.run(scenario_from(TEXT, tmp_path))
    wire = 65_536 * 1538 / 1448 * 8  # to the outside, without an overlay
    use = result.stations_all["a/eth0.tx"]["utilisation"]["value"]
    assert 100 * wire / 1e9 < use < 100 * wire / 1e9 * 1.01  # and what is asked of m-3 and m-4
    inside = result.stations_all["switch/a"]["utilisation"]["value"]
    assert 0.9 < inside / (100 * 65_536 * 1538 / 1398 * 8 / 2 / 1e9) < 1.15
    rows = {row["name"]: row for row in result.data["places"]}
    assert rows["a"]["nodes"] == ["m-1", "m-2"] and rows["a"]["tasks"] == 3 and rows["b"]["tasks"] == 1
    assert rows["a"]["link"]["station"] == "a/eth0.tx" and rows["a"]["link"]["value"] == use
