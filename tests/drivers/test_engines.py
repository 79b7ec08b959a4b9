"""Both engines give the same picoseconds on every driver's paths."""

from __future__ import annotations

from dataclasses import asdict

import numpy as np
import pytest
from helpers import ROOT, S

import netsim
from netsim.engine.fast.simulate import simulate as fast
from netsim.engine.reference import simulate as reference
from netsim.model.build import build_model


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
