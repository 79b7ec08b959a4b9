"""Both engines give the same picoseconds on every driver's paths."""

from __future__ import annotations

from dataclasses import asdict

import numpy as np
import pytest
from helpers import ROOT, S

import netsim
from netsim.datapath.paths import reach, request_path
from netsim.datapath.stage import Context
from netsim.drivers.base import Stages
from netsim.drivers.overlay import Overlay
from netsim.engine.fast.simulate import simulate as fast
from netsim.engine.reference import simulate as reference
from netsim.model.build import build_model
from netsim.scenario import loads
from netsim.scenario.schema_network import Network
from netsim.testing import installed


class Sleeve(Overlay):
    """A tunnel through a process of its own, which has to wake up on both sides, as weave's sleeve mode."""

    name = "sleeve"

    def leave(self, network: Network) -> Stages:
        return ("veth", "bridge", "core.wake", "proxy", "vxlan.encap")

    def enter(self, network: Network) -> Stages:
        return ("vxlan.decap", "core.wake", "proxy", "bridge", "veth")


SLEEVE = """netsim: 1
duration: 500ms
warmup: 0s
nodes: {m: {role: manager, count: 2}}
networks: {net: {driver: sleeve, attachable: true}}
containers:
  a: {node: m-1, networks: [net]}
  b: {node: m-2, networks: [net], work: {cpu: 100us}}
load: {x: {from: a, to: b, arrivals: {poisson: 400/s}, response: 20KiB}}
"""


def test_a_process_of_a_driver_wakes_up_without_using_a_core() -> None:
    with installed(Sleeve()):
        scenario = loads(SLEEVE)
        model = build_model(scenario)
        path = request_path(model, reach(model, "a", "b"), "a", "b", None, False)
        a, b = (simulate(scenario, model, 3, 1, keep_requests=True) for simulate in (reference, fast))
    wakes = [stage for stage in path.stages if stage.stage == "core.wake"]
    assert [(stage.node, stage.context, stage.station) for stage in wakes] == [
        ("m-1", Context.DELAY, None), ("m-2", Context.DELAY, None), ("m-2", Context.DELAY, None)
    ]  # fmt: skip
    assert len(a.workloads["x"].log.finish_ps) > 100
    assert np.array_equal(a.workloads["x"].log.finish_ps, b.workloads["x"].log.finish_ps)


@pytest.mark.parametrize("name", ["drivers", "encrypted-overlay", "vlan-macvlan", "multi-homed"])
def test_engines_agree(name: str) -> None:
    short = {"duration": S // 20, "warmup": S // 100}
    scenario = netsim.load(ROOT / "scenarios" / f"{name}.yaml").model_copy(update=short)
    model = build_model(scenario)
    a, b = (simulate(scenario, model, 3, 1, keep_requests=True) for simulate in (reference, fast))
    for workload, found in a.workloads.items():
        assert len(found.log.start_ps) > 1
        assert np.array_equal(found.log.finish_ps, b.workloads[workload].log.finish_ps)
    for station, seen in a.stations.items():
        assert asdict(seen) == asdict(b.stations[station])
    assert a.visits == b.visits
