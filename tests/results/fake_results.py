"""Records of a small scenario with known numbers, as an engine would leave them."""

from __future__ import annotations

import numpy as np

from netsim.engine.histogram import bucket
from netsim.engine.parts import PART
from netsim.engine.record import FATES, RunRecord, StationRecord, WorkloadRecord
from netsim.engine.tally import W_ENDED, W_ROW, Tally
from netsim.model.build import build_model
from netsim.results.build import build_result
from netsim.results.result import Result
from netsim.scenario.load import loads
from netsim.scenario.schema import Scenario

S = 1_000_000_000_000
MS = S // 1000

TEXT = """netsim: 1
name: tiny
duration: 10s
replications: 3
nodes:
  manager: {role: manager, cores: 2}
  worker: {count: 2, cores: 2}
networks: {net: {driver: overlay}}
services:
  web:
    replicas: 2
    networks: [net]
    ports: [{published: 8080, target: 80}]
    placement: {constraints: [node.role == worker]}
    work: {cpu: 2ms, workers: 4}
load:
  users: {from: outside, to: "web:8080", arrivals: {poisson: 100/s}, connection: {pool: 20}}
"""


def scenario(*expect: str) -> Scenario:
    """The small scenario with these expectations."""
    lines = "".join(f"  - {text!r}\n" for text in expect)
    return loads(TEXT + (f"expect:\n{lines}" if expect else ""), "tiny.yaml")


def workload(
    start: list[int], latency: list[int], fate: list[int] | None = None, size: int = 1000, name: str = "users",
    duration: int = 10 * S, splits: dict[int, dict[str, int]] | None = None,
) -> WorkloadRecord:  # fmt: skip
    """Requests with 3 parts of application work to 1 part of waiting, or the given split; times in ps."""
    fates = fate or [0] * len(start)
    rows = np.zeros((len(start), W_ROW), np.int64)
    for k, (s, t, f) in enumerate(zip(start, latency, fates, strict=True)):
        rows[k, :7] = 0, k, s, s + t if f >= 0 else -1, f, 1, size if f == 0 else 0
        split = (
            {"app.work": t - t // 4, "queue:cpu": t // 4}
            if splits is None
            else splits.get(k, {"app.work": t})
        )
        for part, ps in split.items() if f == 0 else ():
            rows[k, W_ENDED + PART[part]] = ps
    tally = Tally([name], duration, keep=True)
    tally.add(rows)
    done = fates.count(0)
    return tally.records([done], [done * size])[name]


def station(name: str, kind: str, node: str, share: float, servers: int = 1) -> StationRecord:
    """A station of the 10 s, busy for that share, with 100 waits of 1 ms."""
    busy = round(share * 10 * S * servers)
    return StationRecord(
        name, kind, node, servers, busy, 100 * MS, 100, {bucket(MS): 100}, 2, 100, 98, 2, 0, 0,
        [busy // 40] * 40,
    )  # fmt: skip


def record(replication: int = 0, errors: int = 0, busy: float = 0.5, count: int = 1000) -> RunRecord:
    """One replication: ``count`` requests in 10 s, latency around 20 ms, ``errors`` time-outs at 5 s."""
    random = np.random.default_rng(replication)
    start = np.sort(random.integers(0, 10 * S, count))
    latency = (random.exponential(5, count) * MS + 15 * MS).astype(np.int64)
    fate = np.zeros(count, np.int64)
    fate[count // 2 : count // 2 + errors] = FATES.index("timeout")
    stations = [
        station("worker-1/cpu0", "cpu", "worker-1", busy + 0.2 + 0.01 * replication),
        station("worker-1/cpu1", "cpu", "worker-1", busy - 0.2 + 0.01 * replication),
        station("worker-1/eth0.tx", "nic_tx", "worker-1", 0.1),
        station("switch/worker-1", "switch", "worker-1", 0.05),
        station("worker-1/eth0.rx0", "nic_rx", "worker-1", 0.02),
        station("web.1/workers", "workers", "worker-1", 0.3, servers=4),
        station("switch/outside", "switch", "outside", 0.0),
    ]
    return RunRecord(
        seed=1,
        replication=replication,
        duration_ps=10 * S,
        complete=True,
        simulated_ps=16 * S,
        visits=5000,
        slice_ps=S // 4,
        workloads={"users": workload(start.tolist(), latency.tolist(), fate.tolist())},
        stations={s.name: s for s in stations},
        conntrack_peak={"worker-1": 40 + replication},
    )


def result(*expect: str, errors: int = 0, replications: int = 3, wall_s: float = 1.5) -> Result:
    """The result of the small scenario."""
    small = scenario(*expect)
    records = [record(k, errors) for k in range(replications)]
    return build_result(small, build_model(small), records, "reference", wall_s)
