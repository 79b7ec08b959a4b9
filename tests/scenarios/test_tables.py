"""What operators report of IPVS, NAT and connection tracking: the shipped scenarios against arithmetic, with and without cures."""

from __future__ import annotations

from typing import Any

import pytest
from helpers import ROOT

import netsim

#: 65,536 ports without the first 1,024, and how long a closed connection holds one.
PORTS, TIME_WAIT_S = 65_536 - 1_024, 120


def found(name: str, **given: str) -> dict[str, Any]:
    given = {key.replace("__", "."): value for key, value in given.items()}
    result: dict[str, Any] = netsim.run(
        netsim.load(ROOT / "scenarios" / f"{name}.yaml", given), replications=2
    ).to_dict()
    return result


def test_connections_that_rest_16_minutes_break_every_other_time() -> None:
    result = found("idle-900s")
    kept = result["workloads"]["kept"]
    assert kept["errors"] == {"reset": kept["failed"]} and kept["sent"] == 2 * kept["failed"]
    assert all(result["workloads"][name]["failed"] == 0 for name in ("closed", "fewer", "direct"))
    (told,) = {warning.partition(" ")[2] for warning in result["manifest"]["warnings"] if "IPVS" in warning}
    for word in ("after 900 s", "tcp_keepalive_time", "idle: 10min", "dnsrr", "mode host"):
        assert word in told


@pytest.mark.parametrize(
    ("name", "cause", "per_s", "cures"),
    [
        (
            "time-wait-ceiling", "snat_exhausted", PORTS / TIME_WAIT_S,
            [{"outside__entry__nodes": "[manager-1, manager-2]"}, {"load__users__connection": "{pool: 50}"},
             {"services__web__replicas": "2"}],
        ),
        (
            "conntrack-full", "conntrack_full", 65_536 / TIME_WAIT_S,
            [{"nodes__manager__profile": "stock"}, {"outside__entry__nodes": "[manager-1, manager-2]"}],
        ),
    ],
)  # fmt: skip
def test_closed_connections_fill_a_table_at_the_rate_that_arithmetic_gives(
    name: str, cause: str, per_s: float, cures: list[dict[str, str]]
) -> None:
    users = found(name)["workloads"]["users"]
    # The search for a free port gives up at times although some are free: up to 1 % less.
    assert 0.99 * per_s < users["throughput_per_s"]["value"] < 1.003 * per_s
    assert users["errors"] == {cause: users["failed"]} and users["failed"] > 30_000
    for cure in cures:
        assert found(name, **cure)["workloads"]["users"]["failed"] == 0, cure


def test_old_kernels_make_clients_wait_a_second_for_a_port_that_is_used_again() -> None:
    old = found("port-reuse")["workloads"]["users"]["latency_s"]
    new = found("port-reuse", nodes__manager__profile="stock")["workloads"]["users"]["latency_s"]
    for quantile in ("p50", "p99"):
        assert abs(old[quantile]["value"] - new[quantile]["value"] - 1) < 0.01


@pytest.mark.parametrize(("scheduler", "old", "new"), [("rr", 0.75, 0.25), ("lc", 0.5, 0.5)])
def test_long_connections_stay_and_only_lc_makes_up_for_them(scheduler: str, old: float, new: float) -> None:
    """400 requests of 10 ms a second on two cores each; the means of two runs have a standard deviation of 0.02."""
    stations = found("long-connections", services__web__ipvs__scheduler=scheduler)["stations"]
    busy = sorted((stations[f"worker-{k}/cpu"]["utilisation"]["value"] for k in (1, 2, 3, 4)), reverse=True)
    assert abs(sum(busy[:2]) / 2 - old) < 0.1 and abs(sum(busy[2:]) / 2 - new) < 0.1


@pytest.mark.parametrize(("stop", "seconds"), [("0s", 4), ("10s", 0)])
def test_what_still_runs_at_sigterm_ends_with_it(stop: str, seconds: int) -> None:
    """Half of 30 a second go to the two tasks that stop; those of 4 s are hit: five standard deviations of a Poisson
    number each way, one false alarm in a million."""
    work = found("weight-zero-drain", services__files__image__stop=stop)["workloads"]
    assert work["short"]["failed"] == 0
    expected = 2 * 30 / 2 * seconds
    assert abs(work["long"]["failed"] - expected) <= 5 * expected**0.5
    assert set(work["long"]["errors"]) <= {"reset"}
