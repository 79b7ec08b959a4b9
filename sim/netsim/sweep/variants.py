"""Variations of a scenario that plans ask about: more or less load, other numbers of nodes, nodes that are gone."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from netsim.results.errors import EngineError
from netsim.scenario.problems import suggest
from netsim.scenario.schema import Scenario
from netsim.scenario.schema_load import Arrivals, Load
from netsim.scenario.units import format_duration

#: More sets of nodes than this are not tried one by one.
MOST_SETS = 500


def present_load(scenario: Scenario, name: str) -> tuple[float, str]:
    """The load of a workload and its unit: the greatest rate of arrivals (``/s``), or ``users``. Raises `EngineError`."""
    load = scenario.load.get(name)
    if load is None:
        help = suggest(name, scenario.load, "workloads")
        raise EngineError(
            f"expected the name of a workload, got --max-load {name}" + (f" ({help})" if help else "")
        )
    if load.arrivals is not None:
        return max(rate for _, rate in load.arrivals.points), "/s"
    if load.users is not None:
        return float(load.users), "users"
    raise EngineError(
        f"expected a workload with arrivals or users, got --max-load {name}, which is a bulk transfer"
    )


def load_override(load: Load, name: str, amount: float) -> dict[str, str]:
    """The ``--set`` that gives a workload this load; a line of rates keeps its shape."""
    if load.arrivals is None:
        return {f"load.{name}.users": str(round(amount))}
    return {f"load.{name}.arrivals": _arrivals(load.arrivals, amount)}


def _arrivals(arrivals: Arrivals, amount: float) -> str:
    factor = amount / max(rate for _, rate in arrivals.points)
    points = [(format_duration(at), _rate(rate * factor)) for at, rate in arrivals.points]
    rate = points[0][1] if len(points) == 1 else "[" + ", ".join(f"[{t}, {r}]" for t, r in points) + "]"
    if arrivals.kind == "lognormal":
        return f"{{lognormal: {{rate: {rate}, cv: {arrivals.cv:g}}}}}"
    return f"{{{arrivals.kind}: {rate}}}"


def _rate(per_s: float) -> str:
    return f"{per_s:.9f}".rstrip("0").rstrip(".") + "/s"


def price_per_h(scenario: Scenario) -> float | None:
    """What all nodes cost together (money per hour); None unless every group has a price."""
    prices = [(spec.price, spec.count) for spec in scenario.nodes.values()]
    if any(price is None for price, _ in prices):
        return None
    return sum(float(price) * count for price, count in prices if price is not None)


@dataclass(frozen=True, slots=True)
class Gone:
    """Nodes that are taken away, by name; others just like them would do as well."""

    names: tuple[str, ...] = ()

    def __str__(self) -> str:
        return " and ".join(self.names)


def losses(scenario: Scenario, count: int) -> list[Gone]:
    """Every set of ``count`` nodes, one for those that are alike: of one group, with equal labels, not named anywhere.

    Raises `EngineError` where there are no more nodes than that, or too many sets.
    """
    if count >= sum(spec.count for spec in scenario.nodes.values()):
        raise EngineError(f"expected fewer than all nodes, got --n-plus {count}")
    classes: dict[tuple[Any, ...], list[str]] = {}
    named = _named(scenario)
    for group, spec in scenario.nodes.items():
        for i in range(spec.count):
            name = f"{group}-{i + 1}"
            labels = tuple(spec.label(key, i) for key in spec.labels)
            classes.setdefault((group, labels, name if name in named else ""), []).append(name)
    found: list[Gone] = []
    for chosen in itertools.combinations_with_replacement(list(classes), count):
        taken = Counter(chosen)
        if all(n <= len(classes[kind]) for kind, n in taken.items()):
            found.append(
                Gone(tuple(name for kind, n in taken.items() for name in reversed(classes[kind][-n:])))
            )
        if len(found) > MOST_SETS:
            raise EngineError(
                f"expected at most {MOST_SETS} different sets of nodes, got more with --n-plus {count}"
            )
    return found


def _named(scenario: Scenario) -> set[str]:
    """Nodes that something in the scenario calls by name."""
    found = {container.node for container in scenario.containers.values()}
    if scenario.outside.entry.nodes != "all":
        found |= set(scenario.outside.entry.nodes)
    for service in scenario.services.values():
        found |= {word for text in service.placement.constraints for word in text.split()}
    return found


def without(scenario: Scenario, gone: Gone) -> tuple[Scenario, str | None]:
    """The scenario without these nodes, as it is when the swarm has placed everything anew; or what cannot go on.

    Later nodes of a group move up by one, and with them what calls them by name.
    """
    managers = [name for name in scenario.node_names() if _role(scenario, name) == "manager"]
    left = [name for name in managers if name not in gone.names]
    if len(left) <= len(managers) // 2 and len(left) < len(managers):
        return scenario, f"{len(left)} of {len(managers)} managers are no majority: nothing starts elsewhere"
    for name, container in scenario.containers.items():
        if container.node in gone.names:
            return scenario, f"the container {name} is on {container.node} and starts nowhere else"
    moved = dict(_moved(scenario, gone))
    nodes = {}
    for group, spec in scenario.nodes.items():
        staying = [i for i in range(spec.count) if f"{group}-{i + 1}" not in gone.names]
        if staying:
            labels = {key: tuple(str(spec.label(key, i)) for i in staying) for key in spec.labels}
            nodes[group] = spec.model_copy(update={"count": len(staying), "labels": labels})
    entry = scenario.outside.entry
    if entry.nodes != "all":
        entries = tuple(moved[name] for name in entry.nodes if name in moved)
        if not entries:
            return scenario, "no node is left that traffic from outside enters by"
        entry = entry.model_copy(update={"nodes": entries})
    services = {}
    for name, service in scenario.services.items():
        texts = tuple(_renamed(text, moved, gone) for text in service.placement.constraints)
        placement = service.placement.model_copy(update={"constraints": texts})
        services[name] = service.model_copy(update={"placement": placement})
    update = {
        "nodes": nodes,
        "outside": scenario.outside.model_copy(update={"entry": entry}),
        "services": services,
        "containers": {
            name: container.model_copy(update={"node": moved[container.node]})
            for name, container in scenario.containers.items()
        },
    }
    return scenario.model_copy(update=update), None


def _role(scenario: Scenario, node: str) -> str:
    return scenario.nodes[node.rpartition("-")[0]].role


def _moved(scenario: Scenario, gone: Gone) -> Iterator[tuple[str, str]]:
    """Name -> name afterwards, of the nodes that stay."""
    for group, spec in scenario.nodes.items():
        number = 0
        for i in range(spec.count):
            if f"{group}-{i + 1}" not in gone.names:
                number += 1
                yield f"{group}-{i + 1}", f"{group}-{number}"


def _renamed(constraint: str, moved: dict[str, str], gone: Gone) -> str:
    """A constraint on a host's name, for the names afterwards; no node is called ``-``."""
    key, _, rest = constraint.partition(" ")
    operator, _, value = rest.partition(" ")
    if key != "node.hostname":
        return constraint
    after = "-" if value in gone.names else moved.get(value, value)
    return f"{key} {operator} {after}"
