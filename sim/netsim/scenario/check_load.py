"""Workloads: who may ask whom, and what kinds of load go together."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from netsim.scenario.problems import PathTuple, suggest
from netsim.scenario.schema_load import Load
from netsim.scenario.schema_service import Container, Service
from netsim.scenario.schema_work import LOCALHOST, TASKS

if TYPE_CHECKING:
    from netsim.scenario.check import Finder

_TASK = re.compile(r"(.+)\.([1-9][0-9]{0,6})")


def check_load(finder: Finder) -> None:
    """All problems of the workloads."""
    for name, load in finder.scenario.load.items():
        _kind(finder, name, load)
        source = _party(finder, ("load", name, "from"), load.from_)
        target = _target(finder, ("load", name, "to"), load)
        if source and target:
            _reachable(finder, name, load, source, target)


def _kind(finder: Finder, name: str, load: Load) -> None:
    path: PathTuple = ("load", name)
    given = [word for word in ("arrivals", "users", "bulk") if getattr(load, word) is not None]
    if len(given) != 1:
        found = " and ".join(given) or "none of them"
        finder.add(path, "BAD_LOAD", "exactly one of arrivals, users and bulk", found)
    if load.datagram is not None:
        _datagrams(finder, path, load)
    if load.users is None and "think" in load.model_fields_set:
        finder.add((*path, "think"), "BAD_LOAD", "users with think", "think without users")
    if load.from_ == "outside" and "dns" in load.model_fields_set:
        help = "the world outside finds the swarm by entry, see outside.entry"
        finder.add((*path, "dns"), "BAD_LOAD", "a load from a container with dns", "from: outside", help)
    if load.bulk is None and load.datagram is None and "flows" in load.model_fields_set:
        finder.add((*path, "flows"), "BAD_LOAD", "bulk or datagram with flows", "flows without either")
    if load.write is not None and load.bulk is None:
        finder.add((*path, "write"), "BAD_LOAD", "bulk with write", "write without bulk")
    if load.arrivals is not None and all(rate == 0 for _, rate in load.arrivals.points):
        finder.add((*path, "arrivals"), "OUT_OF_RANGE", "a rate above zero somewhere", "0/s")


#: What requests have and datagrams have not.
_OF_REQUESTS = ("request", "response", "connection", "dns", "timeout", "retries")


def _datagrams(finder: Finder, path: PathTuple, load: Load) -> None:
    """A stream has arrivals, and nothing of what belongs to requests; a published port is one for UDP."""
    if load.arrivals is None:
        finder.add((*path, "datagram"), "BAD_LOAD", "arrivals with datagram", "datagram without arrivals")
    for word in _OF_REQUESTS:
        if word in load.model_fields_set:
            help = "a datagram has a size, and nobody answers it or sends it again"
            finder.add((*path, word), "BAD_LOAD", f"datagram without {word}", f"datagram with {word}", help)


def _protocol(finder: Finder, path: PathTuple, load: Load, party: Service | Container) -> None:
    """A port that is published for the other protocol does not answer."""
    wanted, port = "tcp" if load.datagram is None else "udp", load.to.partition(":")[2]
    found = {p.protocol for p in party.ports if port in ("", str(p.published))}
    if found and wanted not in found:
        help = "write protocol: udp" if wanted == "udp" else "a load of datagrams has datagram: 1200B"
        finder.add(
            path, "NOT_PUBLISHED", f"a port that is published for {wanted}", f"{load.to}/{min(found)}", help
        )


def _party(finder: Finder, path: PathTuple, name: str) -> str | None:
    """``outside``, ``node``, or the service or container that ``name`` (or its task) belongs to."""
    scenario = finder.scenario
    if name == "outside":
        return "outside"
    if name in scenario.services or name in scenario.containers:
        return name
    match = _TASK.fullmatch(name)
    if match is not None and match[1] in scenario.services:
        service = scenario.services[match[1]]
        if service.mode == "replicated" and int(match[2]) > service.replicas:
            finder.add(
                path, "UNKNOWN_TASK", f"a task from {match[1]}.1 to {match[1]}.{service.replicas}", name
            )
            return None
        return match[1]
    nodes = scenario.node_names()
    if name in nodes:
        return "node"
    names = ["outside", *scenario.services, *scenario.containers]
    help = suggest(name, names + nodes) or suggest(name, names)
    finder.add(path, "UNKNOWN_TARGET", "outside, a service, a task, a container or a node", name, help)
    return None


def _target(finder: Finder, path: PathTuple, load: Load) -> str | None:
    name, colon, port = load.to.partition(":")
    if colon and not (port.isascii() and port.isdigit() and 0 < int(port[:9]) < 65536):
        finder.add(path, "BAD_VALUE", "a port from 1 to 65535 after the colon", load.to)
        return None
    if name == LOCALHOST and load.from_ in finder.scenario.node_names():
        return LOCALHOST
    short = name.removeprefix(TASKS)
    return short if short in finder.scenario.services else _party(finder, path, name)


def _reachable(finder: Finder, name: str, load: Load, source: str, target: str) -> None:
    path: PathTuple = ("load", name, "to")
    scenario = finder.scenario
    parties: dict[str, Service | Container] = {**scenario.services, **scenario.containers}
    if source in ("outside", "node") and load.to.startswith(TASKS) and target in scenario.services:
        finder.add(path, "BAD_LOAD", "a name that is known outside the swarm's networks", load.to)
        return
    if source == "outside":
        if target == "outside":
            finder.add(path, "BAD_LOAD", "a target inside", load.to)
        elif target in parties:
            _published(finder, path, load, parties[target], target)
        else:
            finder.add(path, "BAD_LOAD", "a service with a published port", load.to)
        return
    if source == "node" and target in parties:
        # What it has on its own node is reached at its bridge address; a port must be published.
        if ":" in load.to:
            _published(finder, path, load, parties[target], target)
        return
    if source in parties and target in parties:
        from netsim.scenario.check import shares_network

        shares_network(finder, path, source, target)


def _published(finder: Finder, path: PathTuple, load: Load, party: Service | Container, target: str) -> None:
    """From outside, only published ports and what stands in the underlay can be reached."""
    if any(finder.facts.exposed(network) for network in party.networks):
        return
    _protocol(finder, path, load, party)
    published = [port.published for port in party.ports if port.published is not None]
    port = load.to.partition(":")[2]
    if not published:
        help = f"publish one, like ports: [{{published: 8080, target: 80}}] in {target}"
        finder.add(path, "NOT_PUBLISHED", "a service with a published port", load.to, help)
    elif not port:
        finder.add(path, "NOT_PUBLISHED", "a published port", load.to, f"write {target}:{published[0]}")
    elif int(port) not in published:
        help = f"{target} publishes {', '.join(map(str, published))}"
        finder.add(path, "NOT_PUBLISHED", "a published port", load.to, help)
