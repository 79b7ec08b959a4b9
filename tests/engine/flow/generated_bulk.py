"""Scenarios of bulk transfers from numbers, for comparing the flow engine with the fast one."""

from __future__ import annotations

import random

from netsim.scenario.load import loads
from netsim.scenario.schema import Scenario


def generated(number: int) -> Scenario:
    """The scenario of this number: one to three transfers between the nodes of two groups or from the outside through the mesh, over
    cards of 1 to 25 Gbit/s, some with encryption or without offloads; some end within the run."""
    rng = random.Random(number)
    cores = rng.choice([2, 4, 8, 16])
    rate = rng.choice([1, 10, 10, 25])
    offloads = rng.choice(["", "", "", ", offloads: []", ", offloads: [tso, gro]"])
    nic = f"cores: {cores}, nic: {{rate: {rate}Gbit{offloads}}}"
    front, back = rng.randint(1, 3), rng.randint(1, 3)
    services = "".join(
        f"  {name}: {{replicas: {rng.randint(1, 3)}, networks: [net], work: {{cpu: 0s}}, "
        f"placement: {{constraints: [node.role == {role}]}}, ports: [{{published: 808{k}, target: 80}}]}}\n"
        for k, (name, role) in enumerate([("a", "manager"), ("b", "worker"), ("c", "worker")])
    )
    load = ""
    for k in range(rng.choice([1, 1, 2, 3])):
        source, target = rng.choice(
            [("a", "b"), ("a", "c"), ("b", "a"), ("c", "a"), ("outside", "b"), ("outside", "a")]
        )
        port = f":808{'abc'.index(target)}" if source == "outside" else ""
        load += (
            f'  copy{k}: {{from: {source}, to: "{target}{port}", bulk: {rng.choice(["1TiB", "1TiB", "200MB", "50MB"])}, '
            f"start: {rng.choice(['0s', '0s', '200ms'])}, flows: {rng.choice([1, 2, 4, 8, 20])}, "
            f"connection: {{congestion: {rng.choice(['cubic', 'cubic', 'reno'])}}}}}\n"
        )
    return loads(
        f"""netsim: 1
name: bulk-{number}
duration: 2s
warmup: 0s
replications: 1
nodes: {{front: {{role: manager, count: {front}, {nic}}}, back: {{count: {back}, {nic}}}}}
outside: {{clients: 10, rtt: {rng.choice(["100us", "200us", "1ms"])}}}
networks: {{net: {{driver: overlay, encrypted: {str(rng.random() < 0.2).lower()}}}}}
services:
{services}load:
{load}"""
    )
