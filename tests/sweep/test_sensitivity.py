"""Sensitivity against functions whose indices are known, and a scenario in which one field alone matters."""

from __future__ import annotations

import builtins
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from netsim.cli import main as cli
from netsim.results.errors import EngineError
from netsim.sweep.sensitivity import influences, shares

NAMES = ["x1", "x2", "x3"]


def ishigami(points: np.ndarray) -> np.ndarray:
    """sin x1 + 7 sin^2 x2 + 0.1 x3^4 sin x1 over [-pi, pi] (Ishigami and Homma, ISUMA 1990)."""
    x = np.pi * (2 * points - 1)
    return np.sin(x[:, 0]) + 7 * np.sin(x[:, 1]) ** 2 + 0.1 * x[:, 2] ** 4 * np.sin(x[:, 0])


def test_sobol_indices_of_ishigami_s_function() -> None:
    """Analytic (Saltelli et al., Global Sensitivity Analysis, 2008): V = a^2/8 + b pi^4/5 + b^2 pi^8/18 + 1/2, ..."""
    a, b, pi = 7.0, 0.1, np.pi
    total = a**2 / 8 + b * pi**4 / 5 + b**2 * pi**8 / 18 + 0.5
    alone = {"x1": 0.5 * (1 + b * pi**4 / 5) ** 2, "x2": a**2 / 8, "x3": 0.0}
    together = 8 * b**2 * pi**8 / 225  # of x1 and x3
    points = shares(NAMES, "sobol", 1024, 7)
    assert points.shape == (1024 * 5, 3)
    found = influences(NAMES, "sobol", points, ishigami(points), 7)
    assert [one.path for one in found] == ["x1", "x2", "x3"]
    for one in found:
        all_of_it = alone[one.path] + (0 if one.path == "x2" else together)
        assert one.main == pytest.approx(all_of_it / total, abs=0.03) and 0 < one.half < 0.15
        assert one.other == pytest.approx(alone[one.path] / total, abs=0.03)


def test_morris_on_a_line_finds_its_coefficients_and_no_spread() -> None:
    points = shares(NAMES, "morris", 10, 3)
    assert points.shape == (10 * 4, 3)
    found = influences(NAMES, "morris", points, points @ np.array([2.0, -5.0, 0.0]), 3)
    assert [one.path for one in found] == ["x2", "x1", "x3"]
    assert [one.main for one in found] == pytest.approx([5.0, 2.0, 0.0], abs=1e-9)
    assert all(abs(one.other) < 1e-9 for one in found)
    product = influences(NAMES, "morris", points, points[:, 0] * points[:, 1], 3)
    assert min(product[0].other, product[1].other) > 0.1 > product[2].other  # x1 and x2 depend on each other


def test_what_never_changes_is_explained_by_nothing() -> None:
    points = shares(NAMES, "sobol", 4, 1)
    assert [one.main for one in influences(NAMES, "sobol", points, np.ones(len(points)), 1)] == [0, 0, 0]


@pytest.mark.parametrize(
    ("method", "size", "message"),
    [("fast", 8, "expected morris or sobol, got --sensitivity fast"), ("sobol", 12, "expected a power of two for sobol, got --size 12"),
     ("morris", 1, "expected at least 2 for morris, got --size 1")],
)  # fmt: skip
def test_wrong_words(method: str, size: int, message: str) -> None:
    with pytest.raises(EngineError) as caught:
        shares(NAMES, method, size, 1)
    assert str(caught.value) == message


def test_without_salib_it_is_said_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *rest: Any) -> Any:
        if name.startswith("SALib"):
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(EngineError, match=r"needs SALib: pip install 'swarm-netsim\[sensitivity\]'"):
        shares(NAMES, "morris", 4, 1)


SCENARIO = """netsim: 1
duration: 2s
warmup: 0s
replications: 2
nodes: {m: {role: manager, cores: 4}}
outside: {rtt: 1ms}
networks: {n: {driver: overlay}}
services: {s: {networks: [n], ports: [{published: 80, target: 80}], work: {cpu: {exponential: {mean: 1ms}}, workers: 8}}}
load: {w: {from: outside, to: "s:80", arrivals: 100/s}}
"""
#: At 1 to 10 ms of work on four cores that are at most a quarter busy, p99 is that of the work: 4.6 times its mean.
SWEEP = """sweep:
  scenario: s.yaml
  vary:
    services.s.work.cpu.exponential.mean: {from: 1ms, to: 10ms}
    load.w.response: {from: 1000B, to: 4000B}
    outside.clients: [50, 100, 200, 400]
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    from netsim.sweep import store

    monkeypatch.setattr(store, "folder", lambda: tmp_path / "points")
    (tmp_path / "s.yaml").write_text(SCENARIO)
    (tmp_path / "sweep.yaml").write_text(SWEEP)
    return tmp_path


@pytest.mark.parametrize(
    ("method", "size"), [("morris", 4), pytest.param("sobol", 32, marks=pytest.mark.slow)]
)
def test_the_field_that_rules_the_p99_is_found(folder: Path, method: str, size: int) -> None:
    words = ["sweep", str(folder / "sweep.yaml"), "--sensitivity", method, "--size", str(size), "--jobs", "2"]
    done = CliRunner().invoke(cli.app, [*words, "--out", str(folder / "out")])
    assert done.exit_code == 0, done.output
    told = json.loads((folder / "out/sweep.json").read_text())["sensitivity"]
    assert (told["method"], told["of"], told["size"]) == (method, "w.latency.p99", size)
    first, second = told["fields"][:2]
    assert first["path"] == "services.s.work.cpu.exponential.mean"
    if method == "morris":
        assert first["mu_star"] == pytest.approx(9e-3 * np.log(100), rel=0.25)
        assert first["mu_star"] - first["mu_star_half"] > 10 * second["mu_star"]
    else:
        assert first["total"] > 0.9 and second["total"] < 0.05
    assert "w.latency.p99: " in done.stdout and "services.s.work.cpu.exponential.mean" in done.stdout
    again = CliRunner().invoke(cli.app, words)
    assert again.exit_code == 0 and " known from before)" in again.stdout  # nothing ran twice


def test_what_cannot_be_explained(folder: Path) -> None:
    words = ["sweep", str(folder / "sweep.yaml"), "--jobs", "1"]
    done = CliRunner().invoke(cli.app, [*words, "--of", "w.throughput"])
    assert (done.exit_code, done.stderr) == (
        2, "netsim: --of and --size go with --sensitivity morris or --sensitivity sobol\n")  # fmt: skip
    (folder / "sweep.yaml").write_text(SWEEP + "  where: [outside.clients < 300]\n")
    done = CliRunner().invoke(cli.app, [*words, "--sensitivity", "morris"])
    assert (done.exit_code, done.stderr) == (
        2, "netsim: --sensitivity needs every combination of the ranges: leave out where\n")  # fmt: skip
