"""Scenarios of any size: web and db services behind the mesh, with the same load for every container."""

from __future__ import annotations

import ipaddress

CONTAINERS_PER_NODE = 50
CONTAINERS_PER_GROUP = 250
REQUESTS_PER_CONTAINER_S = 40


def scenario(containers: int, seconds: float = 1.0, load: float = 1.0) -> str:
    """A swarm of so many containers, half of them web servers that call the other half."""
    groups, nodes = max(1, containers // CONTAINERS_PER_GROUP), max(2, containers // CONTAINERS_PER_NODE)
    replicas = max(1, containers // groups // 2)
    mask = 32 - (containers + 2 * groups + 2 * nodes).bit_length()
    subnet = ipaddress.ip_network(f"10.64.0.0/{mask}")
    lines = [
        "netsim: 1", f"name: scale-{containers}", f"duration: {seconds}s", "warmup: 200ms", "replications: 1",
        f"swarm: {{default_addr_pool_mask_length: {mask}}}", "outside: {clients: 10000, rtt: 20ms}",
        "nodes:", "  manager: {role: manager, cores: 4}",
        f"  worker: {{count: {nodes}, cores: 32, nic: {{rate: 25Gbit, rx_queues: 16}}}}",
        f"networks: {{shop: {{driver: overlay, subnet: {subnet}}}}}", "services:",
    ]  # fmt: skip
    for g in range(groups):
        common = f"replicas: {replicas}, networks: [shop]"
        lines += [
            f"  web{g}: {{{common}, ports: ['{8000 + g}:80'], work: {{cpu: 100us, workers: 16}}, calls: [{{to: db{g}}}]}}",
            f"  db{g}: {{{common}, work: {{cpu: {{exponential: {{mean: 100us}}}}, workers: 16}}}}",
        ]
    rate = round(REQUESTS_PER_CONTAINER_S * load * 2 * replicas)
    lines.append("load:")
    lines += [
        f"  users{g}: {{from: outside, to: 'web{g}:{8000 + g}', arrivals: {{poisson: {rate}/s}}, request: 600B, "
        "response: 4KiB, connection: {pool: 400}}"
        for g in range(groups)
    ]
    return "\n".join(lines) + "\n"
