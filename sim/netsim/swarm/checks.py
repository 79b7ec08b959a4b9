"""The health check of the entry in front of the swarm: what it finds, and when it leaves an address out or takes it back."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field

from netsim.engine.border import NEVER_PS, Change, What
from netsim.engine.machinery import DRAIN_PS
from netsim.model.entities import Model
from netsim.scenario.schema import Scenario
from netsim.scenario.schema_entry import Check

#: From when to when (ps).
Spans = list[tuple[int, int]]


@dataclass(slots=True)
class Checked:
    """An address that is checked. ``listens``: when somebody does there; ``away``: when it is not reached; ``listed``: whether it is
    used from the start."""

    listens: Spans = field(default_factory=list)
    away: Spans = field(default_factory=list)
    listed: bool = False

    def answers(self, at: int) -> bool:
        """Whether a check is answered with SYN-ACK."""
        return any(a <= at < b for a, b in self.listens) and self.reached(at)

    def reached(self, at: int) -> bool:
        """Whether a packet gets there at all."""
        return not any(a <= at < b for a, b in self.away)

    def edges(self) -> list[int]:
        """When `answers` or `reached` may change."""
        return sorted({at for span in (*self.listens, *self.away) for at in span})


def verdicts(
    place: Checked, check: Check, rtt_ps: int, start_ps: int, until_ps: int
) -> Iterator[tuple[int, bool]]:
    """When the entry leaves an address out, after so many failed checks in a row, and when it takes it (back). Checks come every
    ``every`` from the start on; one that is refused is known a round trip later, and one without an answer after its time-out."""
    edges = place.edges()
    at, failures, there = start_ps, 0, place.listed
    while at < until_ps:
        answered = place.answers(at)
        failures = 0 if answered else failures + 1
        if answered and not there:
            yield at + rtt_ps, True
        elif there and failures == check.failures:
            yield at + (rtt_ps if place.reached(at) else check.timeout), False
        there = answered or (there and failures < check.failures)
        checks = 1
        if answered == there:  # all later ones are alike up to the next edge
            after = bisect_right(edges, at)
            checks = max(1, -(-((edges[after] if after < len(edges) else until_ps) - at) // check.every))
        at += checks * check.every


def entry_checks(scenario: Scenario, model: Model, changes: list[Change]) -> Iterator[Change]:
    """The entry leaves out a node, and takes it back after the first check that is answered. A check of a node fails if it has no
    power or its link is down in either direction when it comes; loss and delay are not looked at."""
    check, rtt_ps, start_ps = scenario.outside.entry.check, scenario.outside.rtt, -scenario.warmup_ps
    if check is None or scenario.outside.entry.vrrp is not None:
        return
    for name, found in away(model, changes).items():
        node = Checked([(start_ps, NEVER_PS)], found, True)
        for at, there in verdicts(node, check, rtt_ps, start_ps, scenario.duration + DRAIN_PS):
            yield Change(What.ENTRY_IN if there else What.ENTRY_OUT, name, at)


def away(model: Model, changes: list[Change]) -> dict[str, Spans]:
    """When the outside does not reach the nodes of the entry."""
    return {name: list(outages(name, changes)) for name in model.entry_nodes()}


def outages(node: str, changes: list[Change]) -> Iterator[tuple[int, int]]:
    """When (from, to) the outside does not reach a node: it is without power, or a direction of its link is down."""
    wrong: set[str] = set()
    since = 0
    for change in changes:
        if change.subject != node:
            continue
        was = bool(wrong)
        if change.what in (What.NODE_DOWN, What.NODE_UP):
            (wrong.add if change.what == What.NODE_DOWN else wrong.discard)("power")
        elif change.what == What.LINK and change.link is not None:
            (wrong.discard if change.link.up else wrong.add)(change.link.direction)
        if wrong and not was:
            since = change.at_ps
        elif was and not wrong and change.at_ps > since:
            yield since, change.at_ps
    if wrong:
        yield since, NEVER_PS
