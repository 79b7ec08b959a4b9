"""Faults and operations: what they are aimed at must exist, and their words must belong to their verb."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from netsim.scenario.problems import PathTuple, show, suggest
from netsim.scenario.schema_events import Event, Fault, Operation
from netsim.scenario.schema_service import Service
from netsim.scenario.units import format_duration

if TYPE_CHECKING:
    from netsim.scenario.check import Finder

_RANDOM = re.compile(r"random\((.*)\)")
_TASK = re.compile(r"(.+)\.([1-9][0-9]{0,6})")
NODE_VERBS = (
    "crash", "reboot", "kill_daemon", "cut", "flap", "link", "steal", "slow_disk",
    "drain", "pause", "activate", "promote", "demote",
)  # fmt: skip
#: Words of a fault -> the verbs that they belong to.
WORDS = {
    "loss": ("link",),
    "delay": ("link", "slow_disk", "unhealthy"),
    "rate": ("link",),
    "one_way": ("link", "cut", "flap"),
    "share": ("steal",),
    "cable": ("cut",),
    "factor": ("slow_disk",),
    "period": ("flap",),
    "times": ("flap",),
    "mtbf": ("random",),
    "mttr": ("random",),
}


def check_events(finder: Finder) -> None:
    """All problems of faults and operations."""
    for i, fault in enumerate(finder.scenario.faults):
        _fault(finder, ("faults", i), fault)
    for i, operation in enumerate(finder.scenario.operations):
        _operation(finder, ("operations", i), operation)


def _fault(finder: Finder, path: PathTuple, fault: Fault) -> None:
    _late(finder, path, fault)
    for word, verbs in WORDS.items():
        if word in fault.model_fields_set and fault.verb not in verbs:
            finder.add(
                (*path, word), "BAD_VALUE", f"{word} with {' or '.join(verbs)}", f"{word} with {fault.verb}"
            )
    if fault.verb in NODE_VERBS:
        if not _labelled(finder, (*path, fault.verb), str(getattr(fault, fault.verb))):
            _node(finder, (*path, fault.verb), getattr(fault, fault.verb))
        if fault.verb == "cut" and fault.cable is not None:
            _cable(finder, (*path, "cable"), fault)
    elif fault.verb == "kill_task":
        _task(finder, (*path, "kill_task"), fault.kill_task or "", tuple(finder.scenario.containers))
    elif fault.verb == "unhealthy":
        _checked(finder, (*path, "unhealthy"), fault.unhealthy or "")
    elif fault.verb == "partition":
        _partition(finder, path, fault)
    elif fault.verb == "switch_down":
        _leaf(finder, (*path, "switch_down"), fault.switch_down)
    elif fault.verb == "random":
        _at_random(finder, path, fault)


def _cable(finder: Finder, path: PathTuple, fault: Fault) -> None:
    """Some node that it can mean has so many cables."""
    scenario, target = finder.scenario, fault.cut or ""
    groups = [spec for name, spec in scenario.nodes.items() if target.rpartition("-")[0] == name] or list(
        scenario.nodes.values()
    )
    most = max(1 if spec.nic.bond is None else spec.nic.bond.links for spec in groups)
    if fault.cable is not None and fault.cable > most or most == 1:
        finder.add(path, "OUT_OF_RANGE", f"a cable of a bond (nic.bond); {target} has {most}", fault.cable)


def _leaf(finder: Finder, path: PathTuple, rack: str | bool | None) -> None:
    """A leaf switch is called like its rack; the one switch that joins all nodes is called switch."""
    leaves = finder.scenario.fabric.leaf_spine
    racks = [] if leaves is None else finder.scenario.label_values(leaves.label)
    one = leaves is None and finder.scenario.fabric.wan is None
    if rack is not True and rack not in racks and not (one and rack == "switch"):
        help = suggest(rack, racks, "racks") if racks else "racks are those of fabric.leaf_spine"
        finder.add(path, "UNKNOWN_SWITCH", "true, for all switches, or the name of a rack", rack, help)


def _late(finder: Finder, path: PathTuple, event: Event) -> None:
    if event.at >= finder.scenario.duration:
        finder.add(
            (*path, "at"), "OUT_OF_RANGE", "a time before the end of the duration", format_duration(event.at)
        )


def _targets(finder: Finder) -> list[str]:
    scenario = finder.scenario
    return [
        *scenario.node_names(),
        "leader",
        *(f"random({name})" for name in (*scenario.nodes, *scenario.services)),
    ]


def _labelled(finder: Finder, path: PathTuple, target: str) -> bool:
    """Whether the target is a machine that nodes share, or a label like ``rack=a``; a label that no node has is a problem."""
    key, equals, value = target.partition("=")
    if target in finder.scenario.hypervisors:
        return True
    if not equals:
        return False
    labels = {
        f"{name}={group.label(name, k)}"
        for group in finder.scenario.nodes.values()
        for name in group.labels
        for k in range(group.count)
    }
    if f"{key}={value}" not in labels:
        help = suggest(target, sorted(labels), "labels") if labels else "no node has labels"
        finder.add(path, "UNKNOWN_TARGET", "a label that some node has", target, help)
    return True


def _node(finder: Finder, path: PathTuple, target: Any) -> None:
    """A node by its name, the leader, or one by chance: of a group, a role, or where a service runs."""
    scenario, name = finder.scenario, str(target)
    if name == "leader" or name in scenario.node_names():
        return
    match = _RANDOM.fullmatch(name)
    if match:
        words = [*scenario.nodes, *scenario.services, "worker", "manager"]
        if match[1] not in words:
            finder.add(
                path,
                "UNKNOWN_TARGET",
                "a group of nodes or a service in random(...)",
                name,
                suggest(match[1], words, "names"),
            )
        return
    if _of_service(finder, path, name):
        return
    finder.add(
        path,
        "UNKNOWN_NODE",
        "the name of a node, leader, or random(GROUP)",
        name,
        suggest(name, _targets(finder), "nodes"),
    )


def _of_service(finder: Finder, path: PathTuple, name: str) -> bool:
    """Whether it is a service or one of its tasks; a task beyond the replicas is a problem."""
    services = finder.scenario.services
    match = _TASK.fullmatch(name)
    if name in services:
        return True
    if match is None or match[1] not in services:
        return False
    service = services[match[1]]
    most = max([service.replicas, *(o.scale.get(match[1], 0) for o in finder.scenario.operations if o.scale)])
    if not service.is_global and int(match[2]) > most:
        finder.add(path, "UNKNOWN_TASK", f"a task from {match[1]}.1 to {match[1]}.{most}", name)
    return True


def _checked(finder: Finder, path: PathTuple, target: str) -> None:
    """A task of a service with a health check, from the start or by an update."""
    service = _task(finder, path, target)
    if service is None:
        return
    updates = [(o.update or {}).get(service, {}) for o in finder.scenario.operations]
    check = finder.scenario.services[service].healthcheck
    if (check is None or check.disable) and not any("healthcheck" in words for words in updates):
        finder.add(
            path,
            "BAD_VALUE",
            "a task of a service with a health check",
            target,
            f"give {service} a health check, like healthcheck: {{interval: 10s}}",
        )


def _task(finder: Finder, path: PathTuple, target: str, containers: tuple[str, ...] = ()) -> str | None:
    """The service of a task, or None for one of ``containers``; one that is not there is a problem."""
    services = finder.scenario.services
    if target in containers:
        return None
    match = _RANDOM.fullmatch(target)
    word = match[1] if match else target
    if (match and word in services) or (not match and _of_service(finder, path, word)):
        return word if word in services else word.rpartition(".")[0]
    tasks = [f"{name}.1" for name in services] + list(services) + [f"random({name})" for name in services]
    tasks += containers
    finder.add(
        path,
        "UNKNOWN_TASK",
        f"a task like web.1, a service, {'a container, ' if containers else ''}or random(SERVICE)",
        target,
        suggest(target, tasks, "tasks"),
    )
    return None


def _partition(finder: Finder, path: PathTuple, fault: Fault) -> None:
    seen: set[str] = set()
    for g, group in enumerate(fault.partition or ()):
        for k, name in enumerate(group):
            at = (*path, "partition", g, k)
            if finder.reference(at, name, finder.scenario.node_names(), "node") and name in seen:
                finder.add(at, "BAD_VALUE", "every node in one group", name)
            seen.add(name)


def _at_random(finder: Finder, path: PathTuple, fault: Fault) -> None:
    scenario, word = finder.scenario, fault.random or ""
    match = _RANDOM.fullmatch(word)
    words = [*scenario.nodes, *scenario.services, *scenario.node_names(), "worker", "manager"]
    if (match[1] if match else word) not in words:
        finder.add(
            (*path, "random"),
            "UNKNOWN_TARGET",
            "a group of nodes or a service",
            word,
            suggest(word, words, "names"),
        )
    if fault.mtbf is None:
        finder.add(path, "MISSING", "the key mtbf", "nothing")
    if fault.mttr is None and word not in scenario.services:
        finder.add(path, "MISSING", "the key mttr", "nothing")


def _operation(finder: Finder, path: PathTuple, operation: Operation) -> None:
    _late(finder, path, operation)
    services = finder.scenario.services
    verb = operation.verb
    if verb in NODE_VERBS:
        _node(finder, (*path, verb), getattr(operation, verb))
    elif verb == "rollback":
        finder.reference((*path, verb), operation.rollback or "", services, "service")
    elif verb == "scale":
        for name in operation.scale or {}:
            if finder.reference((*path, verb, name), name, services, "service") and services[name].is_global:
                finder.add(
                    (*path, verb, name),
                    "BAD_VALUE",
                    "a replicated service or job",
                    f"{name}, which is {services[name].mode}",
                )
    elif verb == "update":
        for name, words in (operation.update or {}).items():
            if finder.reference((*path, verb, name), name, services, "service"):
                _words(finder, (*path, verb, name), words)
                for i, network in enumerate(dict(operation.new_networks()).get(name, ())):
                    known = (*finder.scenario.networks, "bridge", "host", "none")
                    finder.reference((*path, verb, name, "networks", i), network, known, "network")
                if words.get("mode", services[name].mode) != services[name].mode:
                    finder.add((*path, verb, name, "mode"), "BAD_VALUE", f"{services[name].mode}, which it is",
                               str(words["mode"]), "a swarm does not change the mode of a service")  # fmt: skip
    elif verb in ("connect", "disconnect"):
        for name, network in (operation.connect or operation.disconnect or {}).items():
            if finder.reference((*path, verb, name), name, finder.scenario.containers, "container"):
                finder.reference((*path, verb, name), network, finder.scenario.networks, "network")


def _words(finder: Finder, path: PathTuple, words: dict[str, Any]) -> None:
    """What an update says must be words of a service with valid values."""
    try:
        Service.model_validate(words)
    except ValidationError as error:
        for found in error.errors(include_url=False):
            at = tuple(part for part in found["loc"] if isinstance(part, (str, int)))
            known = [field.alias or name for name, field in Service.model_fields.items()]
            if found["type"] == "extra_forbidden" and len(at) == 1:
                finder.add(
                    (*path, *at),
                    "UNKNOWN_KEY",
                    "a word of a service",
                    at[0],
                    suggest(str(at[0]), known, "keys"),
                    of_key=True,
                )
            else:
                context = found.get("ctx", {})
                finder.add(
                    (*path, *at),
                    str(context.get("code", "BAD_VALUE")),
                    str(context.get("expected", "a valid value")),
                    show(found.get("input")),
                )
