"""Scenarios from numbers, for comparing the flow engine with the fast one."""

from __future__ import annotations

import random

from netsim.scenario.load import loads
from netsim.scenario.schema import Scenario


def generated(number: int) -> Scenario:
    """The scenario of this number: one to three services behind the mesh or between each other, open or closed
    load, pools or new connections, work of several kinds, up to about 80 % of the busiest node. In every second one
    something changes: a node or a task ends, a service is scaled or updated, a node is drained, a link
    delays or loses."""
    rng = random.Random(number)
    nodes, cores = rng.randint(2, 6), rng.choice([2, 4, 8])
    names = ["web", "api", "db"][: rng.randint(1, 3)]
    means = {name: rng.choice([0.3, 1, 2, 5]) for name in names}
    counts = {name: 1 if name == "web" else rng.choice([1, 1, 1, 2]) for name in names}
    parallel = rng.random() < 0.15
    services, visits, seconds = "", 1, 0.0
    for k, name in enumerate(names):
        kind = rng.choice(["{m}ms", "{{exponential: {{mean: {m}ms}}}}", "{{lognormal: {{mean: {m}ms, cv: 1.5}}}}",
                           "{{uniform: {{low: 0ms, high: {d}ms}}}}"])  # fmt: skip
        cpu = kind.format(m=means[name], d=2 * means[name])
        wait = rng.choice(["0ms", "0ms", "5ms", "{exponential: {mean: 3ms}}"])
        visits *= counts[name]
        seconds += visits * (means[name] + 0.05) / 1000
        calls = ""
        if k + 1 < len(names):
            pool = rng.choice(["{pool: 64}", "{pool: 16}", "new"])
            calls = (
                f"calls: [{{to: {names[k + 1]}, count: {counts[names[k + 1]]}, parallel: {str(parallel).lower()}, "
                f"connection: {pool}, response: {rng.choice(['1KiB', '4KiB', '30KiB'])}}}], "
            )
        port = "ports: [{published: 8080, target: 80}], " if name == "web" else ""
        services += (
            f"  {name}: {{replicas: {nodes}, networks: [net], {port}{calls}"
            f"work: {{cpu: {cpu}, wait: {wait}, workers: {rng.choice([16, 32, 64])}}}}}\n"
        )
    busy = rng.uniform(0.1, 0.78)
    rate = busy * nodes * cores / seconds
    if rng.random() < 0.3:
        users = max(2, round(rate * (seconds * 1.5 + 0.1)))
        arrivals = f"users: {users}, think: {{exponential: {{mean: 100ms}}}}"
    else:
        arrivals = f"arrivals: {{poisson: {rate:.2f}/s}}"
    pool = rng.choice(["{pool: 200}", "{pool: 60}", "new"])
    response = rng.choice(["1KiB", "12KiB", "60KiB"])
    duration = max(2.0, min(20.0, 8000 / rate))
    changes, more = "", ""
    if number % 2:
        changes = changed(random.Random(-number), nodes, duration)
        more = ", timeout: 2s, retries: {max: 1, backoff: 100ms}"
    return loads(
        f"""netsim: 1
name: generated-{number}
duration: {duration:.1f}s
warmup: 2s
replications: 1
nodes: {{worker: {{role: manager, count: {nodes}, cores: {cores}, nic: {{rate: 10Gbit}}}}}}
outside: {{clients: 300, rtt: {rng.choice(["1ms", "20ms"])}}}
networks: {{net: {{driver: overlay, encrypted: {str(rng.random() < 0.2).lower()}}}}}
services:
{services}load:
  users: {{from: outside, to: "web:8080", {arrivals}, response: {response}, connection: {pool}{more}}}
{changes}"""
    )


def changed(rng: random.Random, nodes: int, duration: float) -> str:
    """A fault or an operation in the second quarter."""
    at, node = f"{duration * rng.uniform(0.25, 0.5):.2f}s", rng.randint(1, nodes)
    return rng.choice(
        [
            f"faults: [{{at: {at}, crash: worker-{node}}}]\n",
            f"faults: [{{at: {at}, kill_task: web.{node}}}]\n",
            f"faults: [{{at: {at}, link: worker-{node}, delay: 5ms, for: 1s}}]\n",
            f"faults: [{{at: {at}, link: worker-{node}, loss: 1%, for: 1s}}]\n",
            f"operations: [{{at: {at}, scale: {{web: {nodes + 2}}}}}]\n",
            f"operations: [{{at: {at}, scale: {{web: {max(1, nodes - 1)}}}}}]\n",
            f'operations: [{{at: {at}, update: {{web: {{image: {{name: "web:2", stop: 1s}}}}}}}}]\n',
            f"operations: [{{at: {at}, drain: worker-{node}}}]\n",
        ]
    )
