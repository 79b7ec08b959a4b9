"""A request chain in AsyncFlow: as many stages, the same processor times and the same rate as netsim's chain.

A stage is one server or one edge between two. Of the servers three work (web, api, db), the others stand for what a
request passes on its way (cards, softirq, tunnels) and take 2 us; an edge takes 50 us on average.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from pathlib import Path

import simpy
from asyncflow.runtime.simulation_runner import SimulationRunner

WORK_S = (0.002, 0.002, 0.001)
PASSING_S = 0.000002
SERVER = """
      - id: {name}
        server_resources: {{cpu_cores: 8, ram_mb: 8192}}
        endpoints:
          - endpoint_name: /{name}
            steps: [{{kind: initial_parsing, step_operation: {{cpu_time: {cpu}}}}}]"""
EDGE = """
    - {{id: {a}-{b}, source: {a}, target: {b}, latency: {{mean: 0.00005, distribution: exponential}}}}"""


def servers(stages: int) -> dict[str, float]:
    """Name and seconds of each server in a chain of this many stages: one edge more than servers, and the users' edge."""
    count = stages // 2 - 1
    places = {round((k + 0.5) * count / len(WORK_S) - 0.5): cpu for k, cpu in enumerate(WORK_S)}
    return {f"s{k}": places.get(k, PASSING_S) for k in range(count)}


def text(rate_per_s: float, seconds: int, stages: int) -> str:
    """The scenario."""
    chain = servers(stages)
    nodes = "".join(SERVER.format(name=name, cpu=cpu) for name, cpu in chain.items())
    hops = ("users", "browser", *chain, "browser")
    edges = "".join(EDGE.format(a=a, b=b) for a, b in zip(hops, hops[1:], strict=False))
    return f"""
rqs_input:
  id: users
  avg_active_users: {{mean: {rate_per_s}, distribution: poisson}}
  avg_request_per_minute_per_user: {{mean: 60, distribution: poisson}}
  user_sampling_window: 60
topology_graph:
  nodes:
    client: {{id: browser}}
    servers:{nodes}
  edges:{edges}
sim_settings:
  total_simulation_time: {seconds}
  sample_period_s: 0.05
  enabled_sample_metrics: [ready_queue_len, event_loop_io_sleep, ram_in_use, edge_concurrent_connection]
  enabled_event_metrics: [rqs_clock]
"""


def main(rate_per_s: float, seconds: int, stages: int) -> None:
    """Run the chain; print completed requests and seconds."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "chain.yml"
        path.write_text(text(rate_per_s, seconds, stages))
        runner = SimulationRunner.from_yaml(env=simpy.Environment(), yaml_path=path)
        began = time.perf_counter()
        found = runner.run()
        wall = time.perf_counter() - began
    stats = {getattr(k, "value", k): v for k, v in found.get_latency_stats().items()}
    done = int(stats["total_requests"])
    print(json.dumps({"work": done, "visits": done * stages, "wall_s": wall}))


if __name__ == "__main__":
    main(float(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
