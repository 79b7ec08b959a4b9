"""Jobs beside a load: their threads take cores while their tasks run, and give them back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from helpers import S, scenario_from

from netsim.engine.fast.simulate import FastPlane
from netsim.engine.machinery import Machinery
from netsim.engine.record import RunRecord
from netsim.engine.reference import Reference
from netsim.model.build import build_model
from netsim.results.errors import EngineError
from netsim.results.run import fitting_engine
from netsim.swarm.passes import simulate

TEXT = """
netsim: 1
duration: 16s
warmup: 0s
nodes: {m: {role: manager, cores: 2}, w: {cores: 1}}
outside: {rtt: 1ms, clients: 20}
networks: {net: {}}
services:
  web: {networks: [net], ports: ["8080:80"], placement: {constraints: [node.role == worker]}, work: {cpu: 4ms, workers: 16}}
  job: {mode: replicated-job, replicas: 0, placement: {constraints: [node.role == worker]}, image: {run: 5s}, work: {busy: 1}}
load:
  users: {from: outside, to: "web:8080", arrivals: {poisson: 40/s}, connection: {pool: 20}}
operations: [{at: 4s, scale: {job: 1}}]
"""


def ran(kind: type[Machinery], folder: Path, text: str = TEXT) -> RunRecord:
    scenario = scenario_from(text, folder)
    return simulate(kind, scenario, build_model(scenario), 3, 0, keep_requests=True)


@pytest.mark.parametrize("kind", [Reference, FastPlane])
def test_requests_take_longer_while_a_job_computes(kind: type[Machinery], tmp_path: Path) -> None:
    record = ran(kind, tmp_path)
    log = record.workloads["users"].log
    took = (log.finish_ps - log.start_ps) / 1e12

    def median(since_s: int, until_s: int) -> float:
        return float(np.median(took[(log.start_ps >= since_s * S) & (log.start_ps < until_s * S)]))

    # Of 4 ms of work a turn of 3 ms and the rest of it: the other thread has up to 3 ms before each.
    before, beside, after = median(0, 4), median(6, 9), median(12, 16)
    assert 0.005 < before < 0.0065 and beside > before + 0.003 and abs(after - before) < 0.001
    busy = np.array(record.stations["w-1/cpu0"].busy_by_slice_ps) / record.slice_ps
    seconds = busy.reshape(16, -1).mean(axis=1)
    assert seconds[6:9] == pytest.approx(1.0, abs=0.01) and seconds[12:].max() < 0.4


def test_both_machineries_say_the_same(tmp_path: Path) -> None:
    runs = [
        ran(kind, tmp_path, TEXT + "faults: [{at: 7s, kill_task: job}]\n") for kind in (Reference, FastPlane)
    ]
    logs = [run.workloads["users"].log for run in runs]
    assert np.array_equal(logs[0].finish_ps, logs[1].finish_ps)
    assert runs[0].stations["w-1/cpu0"].busy_ps == runs[1].stations["w-1/cpu0"].busy_ps


def test_the_flow_engine_does_not_run_it_within_a_limit(tmp_path: Path) -> None:
    limited = TEXT.replace("work: {busy: 1}", "work: {busy: 1}, resources: {limits: {cpus: 0.5}}")
    scenario = scenario_from(limited, tmp_path)
    with pytest.raises(EngineError, match="the threads of job that always compute within a processor limit"):
        fitting_engine("flow", scenario, build_model(scenario))
