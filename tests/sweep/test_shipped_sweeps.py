"""Every shipped sweep file can be read, and every point of it is a valid scenario."""

from __future__ import annotations

from pathlib import Path

import pytest
from helpers import ROOT

from netsim.scenario.load import load
from netsim.sweep.spec import read


@pytest.mark.parametrize("path", sorted((ROOT / "scenarios" / "sweeps").glob("*.yaml")), ids=lambda p: p.stem)
def test_every_point_is_valid(path: Path) -> None:
    spec = read(path)
    points = spec.points()
    assert len(points) > 1
    for values in points:
        load(spec.scenario, values)
