"""The paths of a real swarm on one machine: fitted on three, held against all seven (docs/validation.md)."""

from __future__ import annotations

import importlib.util
import itertools
import json
import statistics
from types import ModuleType

import pytest
from helpers import ROOT

Numbers = dict[str, tuple[float, float]]


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


def apart(found: dict[str, list[float]]) -> list[tuple[str, str]]:
    """Pairs of paths whose rounds do not overlap, the smaller one first."""
    return [(a, b) for a, b in itertools.permutations(found, 2) if max(found[a]) < min(found[b])]


@pytest.mark.parametrize("path", FIT.FITTED)
def test_what_it_is_fitted_on(path: str, model: Numbers) -> None:
    bps, rtt = FIT.measured()[path]
    assert model[path][0] == pytest.approx(bps, rel=0.1) and model[path][1] == pytest.approx(rtt, rel=0.01)


@pytest.mark.parametrize("path", list(FIT.ENDS))
def test_round_trips_to_the_bridge(path: str, model: Numbers) -> None:
    truth = FIT.measured()
    ratio = truth[path][1] / truth["bridge_same_node"][1]
    assert model[path][1] / model["bridge_same_node"][1] == pytest.approx(ratio, rel=0.25)


@pytest.mark.parametrize("path", list(FIT.ENDS))
def test_throughput_to_the_bridge(path: str, model: Numbers) -> None:
    truth = FIT.measured()
    ratio = truth[path][0] / truth["bridge_same_node"][0]
    assert model[path][0] / model["bridge_same_node"][0] == pytest.approx(ratio, rel=0.25)


def test_order_of_round_trips_that_the_measurement_tells_apart(model: Numbers) -> None:
    pairs = apart(FIT.values("rtt_us"))
    assert len(pairs) >= 9
    assert [(a, b) for a, b in pairs if model[a][1] >= model[b][1]] == []


@pytest.mark.xfail(
    strict=True, reason="host to container was the fastest round trip, by less than its spread"
)
def test_order_of_all_median_round_trips(model: Numbers) -> None:
    truth = FIT.measured()
    assert sorted(truth, key=lambda name: truth[name][1]) == sorted(model, key=lambda name: model[name][1])


def test_order_of_throughput_that_the_measurement_tells_apart(model: Numbers) -> None:
    pairs = apart(FIT.fastest())
    assert ("overlay_across", "bridge_same_node") in pairs
    assert [(a, b) for a, b in pairs if model[a][0] >= model[b][0]] == []


@pytest.fixture(scope="module", params=list(FIT.WRITES))
def writes(request: pytest.FixtureRequest) -> tuple[str, dict[str, float]]:
    """What the model says of writes of one length."""
    return request.param, FIT.with_writes("lab", request.param)


@pytest.mark.parametrize("path", [name for name in FIT.ENDS if name != "loopback"])
def test_throughput_to_the_bridge_by_the_length_of_writes(
    path: str, writes: tuple[str, dict[str, float]]
) -> None:
    what, found = writes
    truth = FIT.medians(what)
    ratio = truth[path] / truth["bridge_same_node"]
    assert found[path] / found["bridge_same_node"] == pytest.approx(ratio, rel=0.25)


def test_the_overlay_and_the_bridge_change_places(writes: tuple[str, dict[str, float]]) -> None:
    what, found = writes
    truth = FIT.medians(what)
    faster = truth["overlay_same_node"] > truth["bridge_same_node"]
    assert faster == (what == "bulk_130000_bps")
    assert faster == (found["overlay_same_node"] > found["bridge_same_node"])


@pytest.mark.xfail(strict=True, reason="loopback's segments of 64 KiB are not modelled")
def test_loopback_by_the_length_of_writes(writes: tuple[str, dict[str, float]]) -> None:
    what, found = writes
    truth = FIT.medians(what)
    ratio = truth["loopback"] / truth["bridge_same_node"]
    assert found["loopback"] / found["bridge_same_node"] == pytest.approx(ratio, rel=0.25)


@pytest.mark.parametrize("path", ["overlay_same_node", "overlay_across"])
def test_overlays_in_the_first_run(path: str, writes: tuple[str, dict[str, float]]) -> None:
    """The five rounds with iperf3's own writes that nothing was fitted on but round trips."""
    what, found = writes
    if what != "bulk_bps":
        pytest.skip("that run had one length")
    first = json.loads((FIT.DATA / "paths.json").read_text(encoding="utf-8"))["paths"]
    truth = {name: statistics.median(first[name][what]) for name in first}
    ratio = truth[path] / truth["bridge_same_node"]
    assert found[path] / found["bridge_same_node"] == pytest.approx(ratio, rel=0.25)
