"""A limit that can be checked without simulating, and the registry of all of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from netsim.model.entities import Model
from netsim.scenario.problems import PathTuple, show_path

#: Above this share of its maximum a limit is near.
NEAR = 0.8


@dataclass(frozen=True, slots=True)
class Limit:
    """One limit at one place.

    ``used`` of ``most``; ``most`` is None where there is no number, only a risk. ``hard``: beyond it something does
    not work; otherwise beyond it something is at risk. ``path``: what in the scenario causes it.
    ``near``: the share of ``most`` above which it is near; 1 where a limit that is just met is as good as any.
    """

    id: str
    where: str
    used: float
    most: float | None
    path: PathTuple
    hard: bool = True
    detail: str = ""
    help: str | None = None
    near: float = NEAR

    @property
    def status(self) -> str:
        """``exceeded`` (hard), ``risk`` (not hard and exceeded, or without a number), ``near`` or ``ok``."""
        if self.most is None:
            return "risk"
        if self.used > self.most:
            return "exceeded" if self.hard else "risk"
        return "near" if self.used > self.near * self.most else "ok"


#: Finds the limits of one kind.
Rule = Callable[[Model], Iterator[Limit]]
RULES: list[Rule] = []


def rule(found: Rule) -> Rule:
    """Registers a rule; its module has to be imported by `netsim.audit`."""
    RULES.append(found)
    return found


def audit(model: Model) -> list[Limit]:
    """Every limit of the model, the worst first, then in the order of the rules.

    ``model``: built with ``audit=True``, so that what does not fit is there to be counted.
    """
    order = ("exceeded", "risk", "near", "ok")
    found = [limit for find in RULES for limit in find(model)]
    return sorted(found, key=lambda limit: order.index(limit.status))


def cause(model: Model, network: str) -> PathTuple:
    """What in the scenario a network is there for: its own entry, or the first who needs one of Docker's own."""
    scenario = model.scenario
    if network in scenario.networks:
        return ("networks", network)
    if network == model.mesh:
        meshed = (port.party for port in model.ports if port.mode == "ingress")
        return ("services", next(meshed, ""), "ports")
    for name, spec in scenario.services.items():
        if any(task.egress == network for task in model.services[name][:1]):
            return ("services", name, "networks") if spec.networks else ("services", name)
    users = [name for name, task in model.containers.items() if network in (task.egress, *task.networks)]
    return ("containers", users[0]) if users else ("nodes",)


def to_dict(limit: Limit, model: Model) -> dict[str, object]:
    """A limit as in ``limits`` of ``result.json``, with what causes it and its line in the scenario."""
    return {
        "id": limit.id,
        "where": limit.where,
        "used": limit.used,
        "max": limit.most,
        "status": limit.status,
        "detail": limit.detail,
        "path": show_path(limit.path),
        "line": model.scenario.line_of(limit.path)[0] or None,
        "help": limit.help,
    }
