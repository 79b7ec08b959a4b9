"""The paths of a real swarm on one machine: fitted on three, held against all seven (docs/validation.md)."""

from __future__ import annotations

import importlib.util
import itertools
import json
from types import ModuleType

import pytest
from helpers import ROOT

Numbers = dict[str, tuple[float | None, float]]
SLOWER = "measured 0.59 and 0.51 of the bridge; the model knows no reason for the first and half of that for the second"
UNLOADED = "no load from or to a node itself"
XFAIL = {
    "overlay_same_node": SLOWER,
    "overlay_across": SLOWER,
    "host_to_container": UNLOADED,
    "nat_out": UNLOADED,
}


def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("lab_fit", ROOT / "benchmarks" / "lab" / "fit.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


FIT = script()


@pytest.fixture(scope="module")
def model() -> Numbers:
    found: Numbers = FIT.predict("lab")
    return found


def ranges(what: str) -> dict[str, tuple[float, float]]:
    paths = json.loads(FIT.MEASURED.read_text(encoding="utf-8"))["paths"]
    return {name: (min(path[what]), max(path[what])) for name, path in paths.items()}


def apart(what: str, names: list[str]) -> list[tuple[str, str]]:
    """Pairs whose five rounds do not overlap, the smaller one first."""
    found = ranges(what)
    return [(a, b) for a, b in itertools.permutations(names, 2) if found[a][1] < found[b][0]]


@pytest.mark.parametrize("path", FIT.FITTED)
def test_what_it_is_fitted_on(path: str, model: Numbers) -> None:
    bps, rtt = FIT.measured()[path]
    assert model[path][0] == pytest.approx(bps, rel=0.1) and model[path][1] == pytest.approx(rtt, rel=0.01)


@pytest.mark.parametrize("path", list(FIT.ENDS))
def test_round_trips_to_the_bridge(path: str, model: Numbers) -> None:
    truth = FIT.measured()
    ratio = truth[path][1] / truth["bridge_same_node"][1]
    assert model[path][1] / model["bridge_same_node"][1] == pytest.approx(ratio, rel=0.25)


@pytest.mark.parametrize(
    "path",
    [
        pytest.param(name, marks=pytest.mark.xfail(strict=True, reason=XFAIL[name]))
        if name in XFAIL
        else name
        for name in FIT.ENDS
    ],
)
def test_throughput_to_the_bridge(path: str, model: Numbers) -> None:
    truth, mine, base = FIT.measured(), model[path][0], model["bridge_same_node"][0]
    assert mine is not None and base is not None
    assert mine / base == pytest.approx(truth[path][0] / truth["bridge_same_node"][0], rel=0.25)


def test_order_of_round_trips_that_the_measurement_tells_apart(model: Numbers) -> None:
    pairs = apart("rtt_us", list(FIT.ENDS))
    assert len(pairs) >= 9
    assert [(a, b) for a, b in pairs if model[a][1] >= model[b][1]] == []


@pytest.mark.xfail(
    strict=True, reason="host to container was the fastest round trip, by less than its spread"
)
def test_order_of_all_median_round_trips(model: Numbers) -> None:
    truth = FIT.measured()
    assert sorted(truth, key=lambda name: truth[name][1]) == sorted(model, key=lambda name: model[name][1])


def test_order_of_throughput_that_the_measurement_tells_apart(model: Numbers) -> None:
    pairs = apart("bulk_bps", [name for name in FIT.ENDS if name not in FIT.NOT_LOADED])
    # The overlay on one node and the bridge are the same in the model: a tie is no order.
    pairs = [pair for pair in pairs if "overlay_same_node" not in pair]
    assert ("overlay_across", "bridge_same_node") in pairs and ("bridge_same_node", "loopback") in pairs
    speeds = {name: numbers[0] or 0.0 for name, numbers in model.items()}
    assert [(a, b) for a, b in pairs if speeds[a] > 0.97 * speeds[b]] == []


@pytest.mark.xfail(strict=True, reason=SLOWER)
def test_the_overlay_on_one_node_is_slower_than_the_bridge(model: Numbers) -> None:
    bridge, overlay = model["bridge_same_node"][0], model["overlay_same_node"][0]
    assert bridge is not None and overlay is not None and overlay < 0.97 * bridge
