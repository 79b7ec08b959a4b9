"""`netsim check` tells limits, and `netsim run` starts with them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from netsim.cli import main as cli
from netsim.results import run as runner

RUN = CliRunner()
FULL = """netsim: 1
duration: 1s
warmup: 0s
replications: 1
nodes: {m: {role: manager, count: 2}}
networks:
  shop: {subnet: 10.9.0.0/29}
services:
  web: {replicas: 4, networks: [shop], work: {cpu: 1ms}}
"""


@pytest.fixture
def full(tmp_path: Path) -> str:
    (tmp_path / "full.yaml").write_text(FULL)
    return str(tmp_path / "full.yaml")


def test_check_tells_the_limit_its_line_and_exits_4(full: str) -> None:
    done = RUN.invoke(cli.app, ["check", full])
    assert done.exit_code == 4
    assert done.stderr == (
        f"{full}:7: LIMIT networks.shop.subnet: addresses of shop: expected at most 6, got 8 "
        "(1 gateway, 1 virtual, 2 load balancers, 4 tasks and containers)\n"
        "  help: a /28 is large enough\n"
        "1 hard limit is exceeded: this cannot work\n"
    )
    first = done.stdout.splitlines()[2].split()
    assert first[:6] == ["addresses", "shop", "8", "6", "exceeded", "7"]


def test_check_as_json(full: str) -> None:
    done = RUN.invoke(cli.app, ["check", full, "--format", "json"])
    assert done.exit_code == 4
    worst = json.loads(done.stdout)["limits"][0]
    assert {k: worst[k] for k in ("id", "where", "used", "max", "status", "line")} == {
        "id": "addresses", "where": "shop", "used": 8, "max": 6, "status": "exceeded", "line": 7,
    }  # fmt: skip


def test_check_within_limits(full: str) -> None:
    done = RUN.invoke(cli.app, ["check", full, "--set", "services.web.replicas=2"])
    assert done.exit_code == 0 and "exceeded" not in done.output
    quiet = RUN.invoke(cli.app, ["check", full, "--set", "services.web.replicas=2", "-q"])
    assert quiet.exit_code == 0 and quiet.output == ""


def test_run_refuses_before_any_work(full: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "simulator", lambda name: pytest.fail("it was simulated"))
    done = RUN.invoke(cli.app, ["run", full])
    assert done.exit_code == 4
    assert "1 hard limit is exceeded: this cannot work\nnetsim run --ignore-limits" in done.stderr


def test_run_goes_on_when_told(full: str) -> None:
    load = "load.x={from: web, to: web, arrivals: {constant: 20/s}}"
    done = RUN.invoke(cli.app, ["run", full, "--ignore-limits", "--set", load, "--engine", "reference"])
    assert done.exit_code == 0, done.output
    assert "netsim: 2 tasks get no address and do not run: web.3, web.4" in done.stderr
