"""A large swarm's hour on the flow engine: 20,000 containers on 1,000 nodes, a node that crashes, a service that is updated.

    python benchmarks/hour.py [--services 200] [--nodes 1000] [--duration 3600]

One line of JSON: seconds of wall time from the scenario's text to its result, and of each part; the most memory (MiB); requests
and errors. Exit status 1 beyond the bounds of 60 s and 2 GiB, which hold for the sizes without options.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import time

import netsim
from netsim.scenario.load import loads

MOST_S = 60.0
MOST_MIB = 2048.0
REPLICAS = 100  # of each service
UPDATED = "update_config: {parallelism: 1, delay: 5s}, "


def text(services: int, nodes: int, duration_s: int) -> str:
    """The scenario: the load goes to the first service, which is updated; a node with one of its tasks crashes before."""
    lines = [
        f"netsim: 1\nname: large-hour\nduration: {duration_s}s\nwarmup: 10s\nreplications: 1\nnodes:",
        "  manager: {count: 3, role: manager, cores: 8, nic: {rate: 25Gbit}}",
        f"  worker: {{count: {nodes - 3}, cores: 8, nic: {{rate: 25Gbit}}}}",
        "swarm: {default_addr_pool_mask_length: 16}\noutside: {clients: 2000, rtt: 20ms}",
        "networks: {net: {driver: overlay}}\nservices:",
    ]
    for k in range(services):
        more = "ports: [{published: 8000, target: 80}], " + UPDATED if k == 0 else ""
        work = "work: {cpu: {exponential: {mean: 2ms}}, workers: 16}"
        lines.append(f"  s{k}: {{replicas: {REPLICAS}, networks: [net], {more}{work}}}")
    lines += [
        'load: {users: {from: outside, to: "s0:8000", arrivals: {poisson: 2000/s}, timeout: 2s,',
        "  retries: {max: 1, backoff: 100ms}, response: 12KiB, connection: {pool: 400, requests: 1000}}}",
        f"faults: [{{at: {duration_s // 6}s, crash: s0.1}}]",
        f'operations: [{{at: {duration_s // 3}s, update: {{s0: {{image: {{name: "web:2", stop: 1s}}}}}}}}]\n',
    ]
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--services", type=int, default=200)
    parser.add_argument("--nodes", type=int, default=1000)
    parser.add_argument("--duration", type=int, default=3600, help="seconds")
    given = parser.parse_args()
    began = time.perf_counter()
    scenario = loads(text(given.services, given.nodes, given.duration))
    found = netsim.run(scenario, engine="flow").data
    wall_s = time.perf_counter() - began
    memory_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    users = found["workloads"]["users"]
    told = {
        "wall_s": round(wall_s, 1),
        "cpu_s": round(time.process_time(), 1),
        "memory_mib": round(memory_mib),
        "containers": given.services * REPLICAS,
        "nodes": given.nodes,
        "requests": round(users["throughput_per_s"]["value"] * given.duration),
        "errors": users["errors"],
        "p99_s": users["latency_s"]["p99"]["value"],
        "failovers": [
            {key: row[key]["value"] for key in ("replaced_s", "outage_s")} | {"fault": row["fault"]}
            for row in found["failovers"]
        ],
    }
    print(json.dumps(told))
    return int(wall_s > MOST_S or memory_mib > MOST_MIB)


if __name__ == "__main__":
    sys.exit(main())
