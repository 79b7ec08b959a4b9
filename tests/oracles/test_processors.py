"""Hardware threads on one core, and sockets, against arithmetic."""

from __future__ import annotations

from pathlib import Path

import pytest
from helpers import scenario_from
from hypothesis import given
from hypothesis import strategies as st

from netsim.datapath.processors import MILLION, on_sockets, remote_copy, smt_loss, threads_give
from netsim.datapath.profile import load_profile
from netsim.engine.fast.simulate import FastPlane
from netsim.engine.machinery import run_out
from netsim.engine.record import RunRecord
from netsim.engine.world import World
from netsim.model.build import build_model
from netsim.results.stations import bottleneck, station_numbers

TEXT = """netsim: 1
duration: 5s
warmup: 1s
nodes: {{m: {{role: manager, cores: {cores}, profile: zero.yaml{smt}}}}}
outside: {{rtt: 1ms}}
networks: {{net: {{driver: overlay}}}}
services: {{web: {{networks: [net], ports: [{{published: 80, target: 80}}], work: {{cpu: 4ms, workers: 64}}}}}}
load: {{users: {{from: outside, to: "web:80", arrivals: {{poisson: {rate}/s}}, connection: {{pool: 64}}}}}}
"""


def run(folder: Path, cores: int, rate: int, smt: str = "") -> RunRecord:
    scenario = scenario_from(TEXT.format(cores=cores, rate=rate, smt=smt), folder)
    return run_out(FastPlane(World(scenario, build_model(scenario), 1, 0, True)))


@given(st.integers(1, 32), st.integers(500_000, MILLION))
def test_speeds_add_up_to_what_the_cores_give(cores: int, speed: int) -> None:
    """With b busy threads the cores give min(b, n) while there is an idle one, and 2 s for each that has two."""
    for busy in range(1, 2 * cores + 1):
        pairs = max(0, busy - cores)
        expected = (min(busy, 2 * cores - busy) if pairs else busy) * MILLION + 2 * pairs * speed
        assert busy * (MILLION - smt_loss(busy, 2 * cores, speed)) == pytest.approx(expected, abs=busy)


@pytest.mark.parametrize("speed", [0.5, 0.6, 0.75, 1.0])
def test_a_full_machine_gives_twice_the_speed_of_a_pair_for_each_core(tmp_path: Path, speed: float) -> None:
    """Two cores with two threads each: 4 x speed / 4 ms requests a second at the most."""
    done = run(tmp_path, 4, 2000, f", smt: {speed}").workloads["users"].completed_in_period / 5
    assert done == pytest.approx(4 * speed / 4e-3, rel=0.01)


def test_half_of_the_threads_are_as_fast_as_cores(tmp_path: Path) -> None:
    """At 40/s hardly two requests meet: they take as long on two cores with four threads as on four cores."""
    pair, alone = (run(tmp_path, 4, 40, smt).workloads["users"].log for smt in (", smt: 0.6", ""))
    assert ((pair.finish_ps - pair.start_ps) == (alone.finish_ps - alone.start_ps)).mean() > 0.99


@pytest.mark.parametrize("threads", [2, 8, 64])
def test_what_busy_threads_give_follows_the_cores(threads: int) -> None:
    """All of them: that of all pairs. A few: as many cores. And the same as cores where two are as fast as one."""
    assert threads_give(1, threads, 0.6) == pytest.approx(0.6 * threads)
    assert threads_give(1e-3, threads, 0.6) == pytest.approx(1e-3 * threads, rel=0.01)
    assert threads_give(0.7, threads, 1) == 0.7 * threads
    given = [threads_give(share / 20, threads, 0.6) for share in range(21)]
    assert given == sorted(given)


def test_the_room_that_is_left_knows_that_idle_threads_do_less_than_busy_ones(tmp_path: Path) -> None:
    """Four threads do 4 x 0.6 / 4 ms = 600/s, whatever the load at which the room is asked: with 200/s and with 400/s."""
    for rate in (200, 400):
        record = run(tmp_path, 4, rate, ", smt: 0.6")
        found = bottleneck(station_numbers([record]).values(), {"m-1/cpu": (4, 0.6)})
        room, use = found.headroom.value, found.utilisation.value
        assert found.station == "m-1/cpu" and room is not None and use is not None
        assert rate * (1 + room) == pytest.approx(600, rel=0.1)
        assert rate / use > 700, "what the share of busy threads alone would promise"


def test_copies_cost_more_on_other_sockets_than_the_cards() -> None:
    stock = load_profile("stock")
    for sockets in (1, 2, 4):
        found = on_sockets(stock, sockets)
        factor = 1 + (remote_copy() - 1) * (sockets - 1) / sockets
        for stage in ("tcp.send", "tcp.recv"):
            assert found.cost(stage).per_byte_fs == round(stock.cost(stage).per_byte_fs * factor)
            assert found.cost(stage).fixed_ps == stock.cost(stage).fixed_ps
        assert found.cost("veth") == stock.cost("veth")
