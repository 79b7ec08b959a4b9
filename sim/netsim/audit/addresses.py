"""Addresses of subnets: gateway, virtual addresses, a load balancer on each node, tasks and containers."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Network

from netsim.audit.limit import Limit, cause, rule
from netsim.model.entities import Model, NetworkPlan
from netsim.scenario.problems import PathTuple


@rule
def addresses(model: Model) -> Iterator[Limit]:
    """All but the first and the last address of a subnet can be given out; a bridge's on each node again."""
    for plan in model.addresses.values():
        if sum(plan.wanted.values()) <= len(plan.wanted):
            continue  # gateways only: nobody uses it
        node, used = max(plan.wanted.items(), key=lambda item: item[1])
        where = f"{plan.name} on {node}" if node else plan.name
        yield Limit("addresses", where, used, _room(plan), _path(model, plan), True, _detail(plan, used),
                    _help(model, plan, used))  # fmt: skip


@rule
def addresses_in_updates(model: Model) -> Iterator[Limit]:
    """An update that starts new tasks first needs an address more for each task that it replaces at a time."""
    for plan in model.addresses.values():
        extra = {
            name: spec.update_config.parallelism or len(model.services[name])
            for name, spec in model.scenario.services.items()
            if spec.update_config.order == "start-first"
            and (plan.name in spec.networks or _meshed(model, plan, name))
        }
        used = plan.wanted.get("", 0) + sum(extra.values())
        if extra and plan.subnet and not plan.driver.per_node:
            path: PathTuple = ("services", next(iter(extra)), "update_config")
            detail = f"{sum(extra.values())} more while {', '.join(extra)} start new tasks first"
            yield Limit("addresses.update", plan.name, used, _room(plan), path, False, detail,
                        _help(model, plan, used))  # fmt: skip


@rule
def addresses_when_scaled(model: Model) -> Iterator[Limit]:
    """What operations and rules may add: each new task an address, and perhaps a load balancer on a node without one."""
    largest = _largest(model)
    for plan in model.addresses.values():
        if not plan.subnet or plan.driver.per_node:
            continue
        extra = {
            name: replicas - len(model.services[name])
            for name, replicas in largest.items()
            if plan.name in model.scenario.services[name].networks or _meshed(model, plan, name)
        }
        tasks = sum(extra.values())
        if tasks > 0:
            nodes = min(tasks, len(model.nodes) - len(plan.balancers)) if plan.balancers else 0
            used = plan.wanted.get("", 0) + tasks + nodes
            yield Limit("addresses.scale", plan.name, used, _room(plan), _reason(model, next(iter(extra))), False,
                        f"{tasks} more when {', '.join(extra)} run most tasks, at most {nodes} load balancers more",
                        _help(model, plan, used))  # fmt: skip


def _largest(model: Model) -> dict[str, int]:
    """Services that may have more tasks than they begin with, and how many: an upper bound, as if all were largest at once."""
    found: dict[str, int] = {}
    for name, spec in model.scenario.services.items():
        wanted = [operation.scale.get(name, 0) for operation in model.scenario.operations if operation.scale]
        wanted += [
            int(operation.update[name].get("replicas", 0))
            for operation in model.scenario.operations
            if operation.update and name in operation.update
        ]
        if spec.autoscale is not None:
            wanted.append(spec.autoscale.max)
        if wanted and max(wanted) > len(model.services[name]):
            found[name] = max(wanted)
    return found


def _reason(model: Model, service: str) -> PathTuple:
    """The rule, or the first operation, that adds tasks to a service."""
    if model.scenario.services[service].autoscale is not None:
        return ("services", service, "autoscale")
    for i, operation in enumerate(model.scenario.operations):
        for verb, words in (("scale", operation.scale), ("update", operation.update)):
            if words and service in words:
                return ("operations", i, verb, service)
    return ("services", service)


def _meshed(model: Model, plan: NetworkPlan, service: str) -> bool:
    return plan.name == model.mesh and any(port.mode == "ingress" for port in model.ports_of(service))


def _room(plan: NetworkPlan) -> int:
    return max(0, IPv4Network(plan.subnet).num_addresses - 2)


def _path(model: Model, plan: NetworkPlan) -> PathTuple:
    """The subnet if it is written down, otherwise what the network is there for."""
    network = model.scenario.networks.get(plan.name)
    if network is not None and network.subnet:
        return ("networks", plan.name, "subnet")
    return cause(model, plan.name)


def _detail(plan: NetworkPlan, used: int) -> str:
    if plan.driver.per_node:
        return "gateway and endpoints"
    parts = [
        f"{n} {what}"
        for n, what in ((len(plan.vips), "virtual"), (len(plan.balancers), "load balancers"))
        if n
    ]
    others = used - 1 - len(plan.vips) - len(plan.balancers)
    return ", ".join(["1 gateway", *parts, f"{others} tasks and containers"])


def _help(model: Model, plan: NetworkPlan, used: int) -> str | None:
    if used <= _room(plan):
        return None
    prefix = 32 - (used + 1).bit_length()
    if plan.name in model.scenario.networks:
        return f"a /{prefix} is large enough"
    return f"set swarm.default_addr_pool_mask_length: {prefix}"
