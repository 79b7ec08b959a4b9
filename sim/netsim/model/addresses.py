"""The address plan: subnets of all networks, VIPs, load balancers, tasks.

Swarm's pool is cut into subnets, ingress first, then the overlays in order; local networks take Docker's
local pools, docker0 first, docker_gwbridge second. Addresses are given out upwards: gateway, virtual
addresses, load balancers, tasks, containers.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from ipaddress import IPv4Address, IPv4Network, collapse_addresses

from netsim.drivers import gwbridge
from netsim.drivers.registry import OWN_NETWORKS
from netsim.model.entities import GWBRIDGE, INGRESS, NetworkPlan, Node, Task
from netsim.model.ipam import Pool, dotted
from netsim.model.problems import Problems
from netsim.scenario.schema import Scenario
from netsim.scenario.schema_attach import fixed_address
from netsim.scenario.schema_service import Service

#: Docker's local pools behind docker0's and docker_gwbridge's: 172.19 to 172.31 as /16, 192.168 as /20.
LOCAL_POOLS = (
    *(IPv4Network(f"172.{i}.0.0/16") for i in range(19, 32)),
    *IPv4Network("192.168.0.0/16").subnets(new_prefix=20),
)


def plan_networks(scenario: Scenario, problems: Problems) -> dict[str, NetworkPlan]:
    """All networks with their subnets and gateways; no other address is given out yet."""
    mesh = mesh_network(scenario)
    known = {**OWN_NETWORKS, **scenario.networks}
    plans = {
        name: NetworkPlan(name, network, str(network.subnet) if network.subnet else "")
        for name, network in known.items()
        if name != INGRESS or mesh == INGRESS
    }
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
                help = "give it, or others, a subnet of its own" if path[0] == "networks" else None
                problems.add(path, "POOL_EMPTY", f"a free subnet for {name}", "none left in the pool", help)
                continue
            plan.subnet = str(subnet_found)
        plan.gateway = str(IPv4Network(plan.subnet).network_address + 1)
    return plans


def mesh_network(scenario: Scenario) -> str:
    """The network of the routing mesh: the scenario's own, or the one that Docker makes."""
    return next((name for name, network in scenario.networks.items() if network.ingress), INGRESS)


def _cut(pools: Iterable[str], mask: int) -> Iterator[IPv4Network]:
    for pool in collapse_addresses(IPv4Network(pool) for pool in pools):
        if pool.prefixlen <= mask:
            yield from pool.subnets(new_prefix=mask)


def _free(subnets: Iterator[IPv4Network], taken: list[IPv4Network]) -> Iterator[IPv4Network]:
    return (subnet for subnet in subnets if not any(subnet.overlaps(other) for other in taken))


def pool_of(plan: NetworkPlan, fixed: Iterable[str] = ()) -> Pool:
    """A network's addresses, or those of its part on one node, without the gateway's and those in ``fixed``."""
    subnet = IPv4Network(plan.subnet)
    taken = {int(subnet.network_address) + 1, *(int(IPv4Address(address)) for address in fixed)}
    return Pool(plan.subnet, taken, serial=plan.driver.scope == "swarm")


class Giver:
    """Gives out the addresses of one network, or of its part on one node, upwards; fixed ones are kept free."""

    def __init__(self, plan: NetworkPlan, fixed: Iterable[str] = (), node: str = "") -> None:
        self.plan = plan
        self.node = node
        self.prefix = f"{node} " if node else ""
        self.fixed = set(fixed)
        self.pool = plan.pools[node] = pool_of(plan, self.fixed)
        self.give("gateway", plan.gateway)

    def give(self, owner: str, fixed: str | None = None) -> str | None:
        """The address that is asked for or the next one; None when the subnet is used up."""
        self.plan.wanted[self.node] = self.plan.wanted.get(self.node, 0) + 1
        if fixed is None:
            number = self.pool.take()
            if number is None:
                return None
            fixed = dotted(number)
        self.plan.owners[self.prefix + fixed] = owner
        return fixed


class AddressPlan:
    """Who gets which address. ``starved``: tasks that get none, since their subnet is used up."""

    def __init__(
        self,
        plans: dict[str, NetworkPlan],
        nodes: dict[str, Node],
        meshed: set[str],
        mesh: str,
        later: Mapping[str, Mapping[str, str]],
        balanced: bool = True,
    ) -> None:
        """``meshed``: services with a port in the routing mesh, which is the network ``mesh``. ``later``: tasks that begin
        while the clock runs, and which addresses they have had then (`netsim.swarm.allocator`). ``balanced``: whether there
        are load balancers at all, which belong to swarm mode."""
        self.later = later
        self.plans, self.nodes, self.meshed, self.mesh = plans, nodes, meshed, mesh
        self.balanced = balanced
        self.starved: set[str] = set()
        self.full: dict[str, str] = {}

    def give(self, tasks: Iterable[Task]) -> None:
        """Fill in VIPs, balancers and the tasks' addresses."""
        members: dict[str, list[Task]] = {name: [] for name in self.plans}
        alike: dict[tuple[Collection[str], str | None, bool], set[str]] = {}  # tasks of a service mostly are
        for task in tasks:
            key = (task.networks, task.egress, task.service in self.meshed)
            if key not in alike:
                alike[key] = attachments(task.networks, task.egress, self.mesh if key[2] else None)
            for name in alike[key]:
                members[name].append(task)
        for plan in self.plans.values():
            if plan.subnet and plan.driver.per_node:
                self._by_node(plan, members[plan.name])
            elif plan.subnet:
                self._shared(plan, members[plan.name])

    def tell(self, problems: Problems) -> None:
        """One problem for each subnet that is used up."""
        for name, where in self.full.items():
            own = name in problems.scenario.networks
            path = ("networks", name) if own else ("swarm", "default_addr_pool_mask_length")
            help = (
                "give the network a larger subnet" if own else "set swarm.default_addr_pool_mask_length: 20"
            )
            room = IPv4Network(self.plans[name].subnet).num_addresses - 2
            problems.add(path, "SUBNET_FULL", f"room for all addresses of {where}", f"room for {room}", help)

    def _by_node(self, plan: NetworkPlan, members: list[Task]) -> None:
        by_node: dict[str, list[Task]] = {}
        for task in members:
            by_node.setdefault(task.node.name, []).append(task)
        for node, here in by_node.items():
            giver = Giver(plan, [address for task in here for address in _fixed(task, plan.name)], node)
            if plan.name == GWBRIDGE:
                giver.give(gwbridge.SANDBOX)
            for task in here:
                self._task(plan, giver, task, f"{plan.name} on {node}")

    def _shared(self, plan: NetworkPlan, members: list[Task]) -> None:
        giver = Giver(plan, [address for task in members for address in _fixed(task, plan.name)])
        without: set[str] = set()
        first = [task for task in members if task.name not in self.later] if self.later else members
        for into, key, owner in self._infrastructure(plan, first):
            address = giver.give(owner)
            if address is None:
                self.full[plan.name] = plan.name
                without.add(key)
            else:
                into[key] = address
        for task in members:
            gone = task.service in without or task.node.name in without
            if gone and task.name not in self.later:
                giver.give(task.name)
                self.starved.add(task.name)
            else:
                self._task(plan, giver, task, plan.name)

    def _infrastructure(
        self, plan: NetworkPlan, members: list[Task]
    ) -> Iterator[tuple[dict[str, str], str, str]]:
        """Virtual addresses of services and load balancers of nodes: where to put them, for whom, their owner."""
        if not plan.driver.balanced or not self.balanced:
            return
        for service in dict.fromkeys(task.service for task in members if task.service and _virtual(task)):
            yield plan.vips, service, f"vip {service}"
        present = {task.node.name for task in members}
        for node in self.nodes:
            # Every node takes part in the mesh, with or without a task.
            if node in present or (plan.name == self.mesh and self.meshed):
                yield plan.balancers, node, f"balancer {node}"

    def _task(self, plan: NetworkPlan, giver: Giver, task: Task, where: str) -> None:
        if task.name in self.later:
            task.addresses[plan.name] = self.later[task.name][plan.name]
            return
        fixed = next(iter(_fixed(task, plan.name)), None) if giver.fixed else None
        address = giver.give(task.name, fixed)
        if address is None:
            self.full[plan.name] = where
            self.starved.add(task.name)
        else:
            task.addresses[plan.name] = address


def attachments(networks: Iterable[str], egress: str | None, mesh: str | None) -> set[str]:
    """All networks of a task: its own, the mesh's if it publishes there, and the one of its default route."""
    return {*networks, *(name for name in (mesh, egress) if name is not None)}


def _fixed(task: Task, network: str) -> list[str]:
    """The address that the task asks for on a network, if it asks for one, as only containers can."""
    if task.service is not None:
        return []
    found = (fixed_address(name) for name in task.networks if name == network)
    return [address for address in found if address is not None]


def _virtual(task: Task) -> bool:
    return isinstance(task.spec, Service) and task.spec.endpoint_mode == "vip"
