"""The address plan: subnets of all networks, VIPs, load balancers, tasks.

Swarm's pool is cut into subnets, ingress first, then the overlays in order; local networks take Docker's
local pools, docker0 first, docker_gwbridge second. Addresses are given out upwards: gateway, virtual
addresses, load balancers, tasks, containers.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from ipaddress import IPv4Address, IPv4Network, collapse_addresses

from netsim.drivers import gwbridge, ingress
from netsim.model.entities import DEFAULT_BRIDGE, GWBRIDGE, INGRESS, NetworkPlan, Node, Task
from netsim.model.problems import Problems
from netsim.scenario.schema import Scenario
from netsim.scenario.schema_network import Network

#: Docker's local pools behind docker0's and docker_gwbridge's: 172.19 to 172.31 as /16, 192.168 as /20.
LOCAL_POOLS = (
    *(IPv4Network(f"172.{i}.0.0/16") for i in range(19, 32)),
    *IPv4Network("192.168.0.0/16").subnets(new_prefix=20),
)

#: The default bridge, as the engine makes it.
DOCKER0 = Network(driver="bridge", subnet="172.17.0.0/16")


def plan_networks(scenario: Scenario, problems: Problems) -> dict[str, NetworkPlan]:
    """All networks with their subnets and gateways; no other address is given out yet."""
    plans = {
        INGRESS: NetworkPlan(INGRESS, ingress.NETWORK, ""),
        DEFAULT_BRIDGE: NetworkPlan(DEFAULT_BRIDGE, DOCKER0, str(DOCKER0.subnet)),
        GWBRIDGE: NetworkPlan(GWBRIDGE, gwbridge.NETWORK, gwbridge.SUBNET),
        **{name: NetworkPlan(name, Network(driver=name), "") for name in ("host", "none")},
    }
    for name, network in scenario.networks.items():
        plans[name] = NetworkPlan(name, network, str(network.subnet) if network.subnet else "")
    taken = [IPv4Network(plan.subnet) for plan in plans.values() if plan.subnet]
    swarm = scenario.swarm
    pools = {
        "swarm": _free(_cut(swarm.default_addr_pool, swarm.default_addr_pool_mask_length), taken),
        "node": _free(iter(LOCAL_POOLS), taken),
    }
    for name, plan in plans.items():
        if not plan.driver.addressed:
            continue
        if not plan.subnet:
            subnet_found = next(pools[plan.driver.scope], None)
            if subnet_found is None:
                path = ("networks", name) if name in scenario.networks else ("swarm", "default_addr_pool")
                problems.add(path, "POOL_EMPTY", f"a free subnet for {name}", "none left in the pool")
                continue
            plan.subnet = str(subnet_found)
        plan.gateway = str(IPv4Network(plan.subnet).network_address + 1)
    return plans


def _cut(pools: Iterable[str], mask: int) -> Iterator[IPv4Network]:
    for pool in collapse_addresses(IPv4Network(pool) for pool in pools):
        if pool.prefixlen <= mask:
            yield from pool.subnets(new_prefix=mask)


def _free(subnets: Iterator[IPv4Network], taken: list[IPv4Network]) -> Iterator[IPv4Network]:
    return (subnet for subnet in subnets if not any(subnet.overlaps(other) for other in taken))


class Giver:
    """Gives out the addresses of one network; on bridges, of one node's bridge."""

    def __init__(self, plan: NetworkPlan, node: str | None = None) -> None:
        self.plan = plan
        self.prefix = f"{node} " if node else ""
        subnet = IPv4Network(plan.subnet)
        self.next = int(subnet.network_address) + 1
        self.last = int(subnet.broadcast_address) - 1
        self.give("gateway")

    def give(self, owner: str) -> str | None:
        """The next address, or None when the subnet is used up."""
        if self.next > self.last:
            return None
        address = str(IPv4Address(self.next))
        self.next += 1
        self.plan.owners[self.prefix + address] = owner
        return address


def give_addresses(
    plans: dict[str, NetworkPlan],
    nodes: dict[str, Node],
    tasks: Iterable[Task],
    published: set[str],
    problems: Problems,
) -> None:
    """Fill in VIPs, balancers and the tasks' addresses. ``published``: services on the routing mesh."""
    everyone = list(tasks)
    for plan in plans.values():
        if not plan.subnet:
            continue
        members = [task for task in everyone if plan.name in _attachments(task, published)]
        if plan.driver.per_node:
            _by_node(plan, members, problems)
        else:
            _shared(plan, members, nodes, published, problems)


def _attachments(task: Task, published: set[str]) -> set[str]:
    found = set(task.networks)
    if task.service in published:
        found.add(INGRESS)
    if task.egress is not None:
        found.add(task.egress)
    return found


def _by_node(plan: NetworkPlan, members: list[Task], problems: Problems) -> None:
    givers: dict[str, Giver] = {}
    for task in members:
        if task.node.name not in givers:
            giver = givers[task.node.name] = Giver(plan, task.node.name)
            if plan.name == GWBRIDGE:
                giver.give(gwbridge.SANDBOX)
        address = givers[task.node.name].give(task.name)
        if address is None:
            _full(plan, problems, f"{plan.name} on {task.node.name}")
            return
        task.addresses[plan.name] = address


def _shared(
    plan: NetworkPlan, members: list[Task], nodes: dict[str, Node], published: set[str], problems: Problems
) -> None:
    giver = Giver(plan)
    wanted: list[tuple[dict[str, str], str, str]] = []
    services = dict.fromkeys(task.service for task in members if task.service and plan.driver.balanced)
    wanted += [(plan.vips, service, f"vip {service}") for service in services]
    if plan.name == INGRESS:
        # Every node takes part in the mesh, with or without a task.
        here = list(nodes) if published else []
    else:
        present = {task.node.name for task in members}
        here = [name for name in nodes if name in present and plan.driver.balanced]
    wanted += [(plan.balancers, node, f"balancer {node}") for node in here]
    for into, key, owner in wanted:
        address = giver.give(owner)
        if address is None:
            _full(plan, problems, plan.name)
            return
        into[key] = address
    for task in members:
        address = giver.give(task.name)
        if address is None:
            _full(plan, problems, plan.name)
            return
        task.addresses[plan.name] = address


def _full(plan: NetworkPlan, problems: Problems, where: str) -> None:
    own = plan.name in problems.scenario.networks
    path = ("networks", plan.name) if own else ("swarm", "default_addr_pool_mask_length")
    help = "give the network a larger subnet" if own else "set swarm.default_addr_pool_mask_length: 20"
    room = IPv4Network(plan.subnet).num_addresses - 2
    problems.add(path, "SUBNET_FULL", f"room for all addresses of {where}", f"room for {room}", help)
