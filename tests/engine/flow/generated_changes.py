"""Scenarios of bulk transfers from numbers while something changes, for comparing the flow engine with the fast one."""

from __future__ import annotations

import random

from netsim.scenario.load import loads
from netsim.scenario.schema import Scenario

FAULTS = (
    "faults: [{{at: {at}s, crash: {node}}}]",
    "faults: [{{at: {at}s, crash: {node}, for: 2s}}]",
    "faults: [{{at: {at}s, cut: {node}, for: {span}s}}]",
    "faults: [{{at: {at}s, kill_task: to.{k}}}]",
    "faults: [{{at: {at}s, kill_task: from.{k}}}]",
    "faults: [{{at: {at}s, link: {node}, rate: {less}Mbit, for: {span}s}}]",
    "faults: [{{at: {at}s, link: {node}, delay: 1ms, for: {span}s}}]",
    "faults: [{{at: {at}s, partition: [[{node}], [a-1, a-2]], for: {span}s}}]",
    "faults: [{{at: {at}s, steal: {node}, share: 60%, for: {span}s}}]",
    "operations: [{{at: {at}s, drain: {node}}}]",
    "operations: [{{at: {at}s, scale: {{to: 1}}}}]",
)


def generated(number: int) -> Scenario:
    """The scenario of this number: flows between two groups of nodes or from the outside, and one fault or operation of each kind in
    turn."""
    rng = random.Random(1000 + number)
    rate = rng.choice([1, 1, 10])
    fault = FAULTS[number % len(FAULTS)].format(
        at=round(rng.uniform(1, 2.5), 2), node=f"b-{rng.randint(1, 2)}", k=rng.randint(1, 2), span=round(rng.uniform(0.3, 2.5), 2),
        less=rng.choice([300, 500]) * rate,
    )  # fmt: skip
    source = rng.choice(["from", "from", "outside"]) if "from." not in fault else "from"
    size, flows = rng.choice(["1TiB", "1TiB", "300MB"]), rng.choice([2, 4, 8])
    target = "to:8080" if source == "outside" else "to"
    return loads(
        f"""netsim: 1
name: changed-{number}
duration: 6s
warmup: 0s
replications: 1
nodes:
  a: {{role: manager, count: 2, cores: 8, nic: {{rate: {rate}Gbit}}}}
  b: {{count: 2, cores: 8, nic: {{rate: {rate}Gbit}}}}
outside: {{clients: 10, rtt: {rng.choice(["200us", "1ms"])}}}
networks: {{net: {{driver: overlay}}}}
services:
  from: {{replicas: 2, networks: [net], work: {{cpu: 0s}}, placement: {{constraints: [node.role == manager]}}}}
  to: {{replicas: 2, networks: [net], work: {{cpu: 0s}}, placement: {{constraints: [node.role == worker]}},
       ports: [{{published: 8080, target: 80}}]}}
load:
  copy: {{from: {source}, to: "{target}", bulk: {size}, flows: {flows}}}
{fault}
"""
    )
