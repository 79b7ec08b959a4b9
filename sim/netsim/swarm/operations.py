"""Operations: what an operator tells the managers to do. One function for each verb, found through `VERBS`."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from typing import TYPE_CHECKING, Any

import simpy

from netsim.scenario.schema_events import Operation
from netsim.scenario.schema_service import Service
from netsim.swarm.clock import Mark
from netsim.swarm.targets import node_of

if TYPE_CHECKING:
    from netsim.swarm.world import Swarm

Steps = Generator[simpy.Event, object, None]
Verb = Callable[["Operations", Operation], Steps]


class Operations:
    """Makes the scenario's operations happen at their times."""

    def __init__(self, swarm: Swarm) -> None:
        self.swarm = swarm
        self.env = swarm.env
        for operation in swarm.scenario.operations:
            self.env.process(self._at(operation))

    def _at(self, operation: Operation) -> Steps:
        yield self.env.timeout(max(0, operation.at - self.env.now))
        yield from VERBS[operation.verb](self, operation)

    def node(self, target: str, verb: str) -> int | None:
        """The node that is meant now; nobody fits: the timeline says so."""
        found = node_of(self.swarm, target)
        if found is None:
            self.swarm.log("no target", f"{verb} {target}")
        return found

    def mark(self, text: str, struck: frozenset[int] = frozenset(), counts: tuple[str, ...] = ()) -> None:
        """The clock of an operation."""
        self.swarm.log("operation", text)
        self.swarm.clock.begin(
            Mark(text, self.env.now, counts=counts, away=struck, finishes=bool(counts) and not struck)
        )


def _drain(operations: Operations, operation: Operation) -> Steps:
    swarm, target = operations.swarm, operation.drain or ""
    node = operations.node(target, "drain")
    if node is None:
        return
    hit = sorted(
        {task.service for name in swarm.services for task in swarm.running(name) if task.node == node}
    )
    operations.mark(f"drain {target}", frozenset([node]), tuple(hit))
    yield from swarm.raft.commit()
    swarm.nodes[node].availability = "drain"
    swarm.orchestrator.node_gone(node)


def _set(operations: Operations, node: int, availability: str) -> Steps:
    swarm = operations.swarm
    yield from swarm.raft.commit()
    swarm.nodes[node].availability = availability
    swarm.log(availability, swarm.ways.names[node])
    if availability == "active":
        swarm.orchestrator.node_here(node)


def _pause(operations: Operations, operation: Operation) -> Steps:
    node = operations.node(operation.pause or "", "pause")
    if node is not None:
        yield from _set(operations, node, "pause")


def _activate(operations: Operations, operation: Operation) -> Steps:
    node = operations.node(operation.activate or "", "activate")
    if node is not None:
        yield from _set(operations, node, "active")


def _scale(operations: Operations, operation: Operation) -> Steps:
    for name, replicas in (operation.scale or {}).items():
        operations.mark(f"scale {name} to {replicas}", counts=(name,))
        _set_count(operations, name, replicas)
    yield operations.env.timeout(0)


def _set_count(operations: Operations, name: str, replicas: int) -> None:
    """The count to reach is the new one from now on, whatever a commit takes."""
    service = operations.swarm.services[name]
    service.replicas = replicas
    who = operations.swarm.jobs if service.spec.is_job else operations.swarm.orchestrator
    operations.env.process(who.scale(name, replicas))


def changed(spec: Service, words: Mapping[str, Any]) -> Service:
    """A service with some of its words replaced. Raises pydantic's ``ValidationError``."""
    read = Service.model_validate(dict(words))
    return spec.model_copy(update={name: getattr(read, name) for name in read.model_fields_set})


def _update(operations: Operations, operation: Operation) -> Steps:
    swarm = operations.swarm
    for name, words in (operation.update or {}).items():
        operations.mark(f"update {name}", counts=(name,))
        service = swarm.services[name]
        form = {word: value for word, value in words.items() if word != "replicas"}
        if len(form) < len(words):  # a new count starts or stops tasks, it does not replace any
            _set_count(operations, name, changed(service.spec, words).replicas)
        if form:
            swarm.clock.marks[-1].tasks = tuple(swarm.running(name))
            operations.env.process(swarm.updater.update(name, changed(service.spec, words)))
    yield operations.env.timeout(0)


def _rollback(operations: Operations, operation: Operation) -> Steps:
    swarm, name = operations.swarm, operation.rollback or ""
    operations.mark(f"rollback {name}", counts=(name,))
    swarm.clock.marks[-1].tasks = tuple(swarm.running(name))
    yield from swarm.updater.rollback(name)


def _promote(operations: Operations, operation: Operation) -> Steps:
    swarm = operations.swarm
    node = operations.node(operation.promote or "", "promote")
    if node is not None and node not in swarm.raft.peers:
        yield from swarm.raft.commit()
        swarm.raft.join(node)
        swarm.log("promoted", swarm.ways.names[node])


def _demote(operations: Operations, operation: Operation) -> Steps:
    swarm = operations.swarm
    node = operations.node(operation.demote or "", "demote")
    if node is not None and node in swarm.raft.peers and len(swarm.raft.peers) > 1:
        yield from swarm.raft.commit()
        swarm.raft.leave(node)
        swarm.log("demoted", swarm.ways.names[node])


def _endpoints(operations: Operations, operation: Operation) -> Steps:
    """`docker network connect` and `disconnect`: the daemon of the container's node does it."""
    swarm = operations.swarm
    for container, network in (operation.connect or operation.disconnect or {}).items():
        node = swarm.model.tasks[container].node
        if swarm.ways.live[node.index]:
            yield from swarm.attach(container, network, operation.connect is not None)
        else:
            swarm.log("no target", f"{operation.verb} {container}", f"{node.name} does not answer")
    yield operations.env.timeout(0)


VERBS: dict[str, Verb] = {
    "drain": _drain,
    "pause": _pause,
    "activate": _activate,
    "scale": _scale,
    "update": _update,
    "rollback": _rollback,
    "promote": _promote,
    "demote": _demote,
    "connect": _endpoints,
    "disconnect": _endpoints,
}
