"""Three servers in a row in AsyncFlow, with the chain's processor times and request rate."""

from __future__ import annotations

import json
import sys
import tempfile
import time
from pathlib import Path

import simpy
from asyncflow.runtime.simulation_runner import SimulationRunner

SERVER = """
      - id: {name}
        server_resources: {{cpu_cores: 8, ram_mb: 8192}}
        endpoints:
          - endpoint_name: /{name}
            steps: [{{kind: initial_parsing, step_operation: {{cpu_time: {cpu}}}}}]"""
EDGE = """
    - {{id: {a}-{b}, source: {a}, target: {b}, latency: {{mean: 0.00005, distribution: exponential}}}}"""


def text(rate_per_s: float, seconds: int) -> str:
    """The scenario."""
    servers = "".join(
        SERVER.format(name=n, cpu=c) for n, c in (("web", 0.002), ("api", 0.002), ("db", 0.001))
    )
    hops = ("users", "browser", "web", "api", "db", "browser")
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
    servers:{servers}
  edges:{edges}
sim_settings:
  total_simulation_time: {seconds}
  sample_period_s: 0.05
  enabled_sample_metrics: [ready_queue_len, event_loop_io_sleep, ram_in_use, edge_concurrent_connection]
  enabled_event_metrics: [rqs_clock]
"""


def main(rate_per_s: float, seconds: int) -> None:
    """Run the chain; print completed requests and seconds."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "chain.yml"
        path.write_text(text(rate_per_s, seconds))
        runner = SimulationRunner.from_yaml(env=simpy.Environment(), yaml_path=path)
        began = time.perf_counter()
        found = runner.run()
        wall = time.perf_counter() - began
    stats = {getattr(k, "value", k): v for k, v in found.get_latency_stats().items()}
    print(json.dumps({"work": int(stats["total_requests"]), "wall_s": wall}))


if __name__ == "__main__":
    main(float(sys.argv[1]), int(sys.argv[2]))
