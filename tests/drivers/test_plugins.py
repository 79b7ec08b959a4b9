"""A driver of another package: found by its entry point, named in a scenario, traced and simulated."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from helpers import ROOT

CODE = """
from netsim.drivers.overlay import Overlay

class Weave(Overlay):
    name = "weave"
    scope = "node"
    balanced = False
    for_services = False

    def local(self, network):
        return ("veth", "bridge", "proxy", "veth")
"""
SCENARIO = """
netsim: 1
duration: 2s
warmup: 0s
replications: 2
nodes: {m: {role: manager, count: 2}}
networks: {mesh: {driver: weave}}
containers:
  a: {node: m-1, networks: [mesh]}
  b: {node: m-1, networks: [mesh], work: {cpu: 100us}}
load: {x: {from: a, to: b, arrivals: {constant: 50/s}}}
expect: ["x.errors < 1%"]
"""


def netsim(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join([str(folder), str(ROOT / "sim")])
    command = [sys.executable, "-m", "netsim", *arguments]
    return subprocess.run(
        command, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": path}, check=False
    )


@pytest.fixture
def package(tmp_path: Path) -> Path:
    (tmp_path / "weave_driver.py").write_text(CODE)
    info = tmp_path / "weave_driver-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: weave-driver\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[netsim.drivers]\nweave = weave_driver:Weave\n")
    (tmp_path / "s.yaml").write_text(SCENARIO)
    return tmp_path


def test_it_is_found_traced_and_simulated(package: Path) -> None:
    done = netsim(package, "trace", str(package / "s.yaml"), "a", "b")
    assert done.returncode == 0, done.stderr
    assert "proxy" in done.stdout
    done = netsim(package, "run", str(package / "s.yaml"), "--engine", "reference")
    assert done.returncode == 0, done.stderr


def test_one_that_cannot_be_loaded_says_which(package: Path) -> None:
    (package / "weave_driver.py").write_text("import nothing_of_that_name\n")
    done = netsim(package, "check", str(package / "s.yaml"))
    assert "the network driver weave (weave_driver:Weave) cannot be loaded" in done.stderr


def test_without_the_package_the_name_is_unknown(package: Path) -> None:
    (package / "weave_driver-1.0.dist-info" / "entry_points.txt").unlink()
    done = netsim(package, "check", str(package / "s.yaml"))
    assert done.returncode == 3 and "UNKNOWN_DRIVER" in done.stderr
