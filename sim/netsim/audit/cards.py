"""Cards that a cloud holds back: packets per second and baseline bandwidth against what the load asks for in the mean."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from netsim.audit.flows import OUTSIDE, entries, meshed, rate_per_s
from netsim.audit.limit import Limit, rule
from netsim.datapath.walk import ETHERNET_BYTES, TCP_BYTES
from netsim.drivers.registry import stage_bytes
from netsim.model.entities import Model, Task
from netsim.scenario.calls import asked_of, party_of, spec_of

MBIT = 1e6
#: Around the TCP payload of a packet of an overlay on the wire, and the payload of a full one at an MTU of 1500;
#: acknowledgements and what is lost come on top, so the load's need is at least this.
AROUND_BYTES = ETHERNET_BYTES + TCP_BYTES + stage_bytes()["vxlan.encap"]
PAYLOAD_BYTES = 1500 + ETHERNET_BYTES - AROUND_BYTES


@dataclass(slots=True)
class Amount:
    """What passes a card in one direction: bytes on the wire and packets (1/s)."""

    bytes: float = 0.0
    packets: float = 0.0

    def add(self, rate: float, size: int) -> None:
        """Messages of that size, so many a second."""
        packets = max(1, -(-size // PAYLOAD_BYTES))
        self.bytes += rate * (size + packets * AROUND_BYTES)
        self.packets += rate * packets


@dataclass(slots=True)
class Need:
    """What goes out of a node's card and comes in."""

    out: Amount = field(default_factory=Amount)
    into: Amount = field(default_factory=Amount)


@dataclass(slots=True)
class Needs:
    """Of all nodes, by message after message."""

    model: Model
    nodes: dict[str, Need] = field(default_factory=dict)

    def of(self, node: str) -> Need:
        """One node's."""
        return self.nodes.setdefault(node, Need())

    def move(self, source: dict[str, float], target: dict[str, float], rate: float, size: int) -> None:
        """Messages between nodes; a share of the sources and targets each. What stays on a node meets no card."""
        for name, share in source.items():
            if name != OUTSIDE:
                self.of(name).out.add(rate * share * (1 - target.get(name, 0.0)), size)
        for name, share in target.items():
            if name != OUTSIDE:
                self.of(name).into.add(rate * share * (1 - source.get(name, 0.0)), size)

    def ask(
        self, source: dict[str, float], target: dict[str, float], rate: float, sizes: tuple[int, int]
    ) -> None:
        """Requests one way and answers back."""
        self.move(source, target, rate, sizes[0])
        self.move(target, source, rate, sizes[1])


def needs(model: Model) -> dict[str, Need]:
    """What each node's card has to carry of all requests and calls, in the mean."""
    found, scenario = Needs(model), model.scenario
    through = {node: 1 / len(entries(model)) for node in entries(model)}
    for load in scenario.load.values():
        rate = rate_per_s(load)
        if load.bulk is not None or not rate:
            continue
        sizes, target = load.sizes, _where(model, party_of(scenario, load.to, load.from_))
        if meshed(model, load.from_, load.to):
            found.ask({OUTSIDE: 1.0}, through, rate, sizes)
            found.ask(through, target, rate, sizes)
        else:
            found.ask(_where(model, load.from_), target, rate, sizes)
        for party, times in asked_of(scenario, load.to, load.from_).items():
            spec = spec_of(scenario, party)
            for call in spec.calls if spec is not None else ():
                there = _where(model, party_of(scenario, call.to))
                found.ask(
                    _where(model, party), there, rate * times * call.count, (call.request, call.response)
                )
    return found.nodes


def _where(model: Model, party: str) -> dict[str, float]:
    """The share of a party's tasks on each node; the outside stands for itself."""
    tasks: list[Task] = model.party_tasks(party)
    if party in model.nodes or not tasks:
        return {party: 1.0} if party in (OUTSIDE, *model.nodes) else {}
    found: dict[str, float] = {}
    for task in tasks:
        found[task.node.name] = found.get(task.node.name, 0.0) + 1 / len(tasks)
    return found


@rule
def capped_cards(model: Model) -> Iterator[Limit]:
    """The node of each group that needs most of its card's packets per second, and of its baseline, in either direction."""
    if all(group.nic.burst is None and group.nic.pps is None for group in model.scenario.nodes.values()):
        return
    needed = needs(model)
    for group, spec in model.scenario.nodes.items():
        mine = [
            (needed[node.name], node.name)
            for node in model.nodes.values()
            if node.group == group and node.name in needed
        ]
        if not mine:
            continue
        if spec.nic.pps is not None:
            used, name = max((max(need.out.packets, need.into.packets), name) for need, name in mine)
            help = "a larger instance, more nodes, or larger messages" if used > spec.nic.pps else None
            yield Limit("card.packets", name, round(used), round(spec.nic.pps), ("nodes", group, "nic", "pps"), False,
                        "packets a second, at least, in the busier direction", help)  # fmt: skip
        if spec.nic.burst is not None:
            used, name = max((max(need.out.bytes, need.into.bytes) * 8 / MBIT, name) for need, name in mine)
            most = spec.nic.burst.baseline / MBIT
            help = (
                "a larger instance or more nodes: above the baseline the burst credit shrinks"
                if used > most
                else None
            )
            yield Limit("card.baseline", name, round(used, 1), round(most, 1), ("nodes", group, "nic"), False,
                        "Mbit/s, at least, in the busier direction", help)  # fmt: skip
