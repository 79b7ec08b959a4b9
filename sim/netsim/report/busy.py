"""Where it is busy, as plain numbers: nodes by resource, the busiest stations, how much more load each kind takes."""

from __future__ import annotations

from dataclasses import dataclass

from netsim.report.answer import TARGET, group_of
from netsim.report.chart import Chart
from netsim.report.data import Bar, bars
from netsim.report.glossary import kind_text
from netsim.results.result import Result
from netsim.results.text import quantity, times

RESOURCES = (("cpu", "cores"), ("nic_tx", "card, sending"), ("nic_rx", "card, receiving"))
#: More columns than this and the nodes of a group are drawn together, the busiest for all.
MOST_COLUMNS = 60
BUSIEST = 10


@dataclass(frozen=True, slots=True)
class Column:
    """One node of the heatmap, or several of a group: the greatest utilisation of each resource (0 to 1)."""

    label: str
    nodes: int
    shares: tuple[float | None, ...]


@dataclass(frozen=True, slots=True)
class Headroom:
    """The busiest station of a kind and how many times the load it takes."""

    kind: str
    station: str
    utilisation: float
    times: float


def node_rows(result: Result) -> list[tuple[str, float | None, float | None, float | None, int, int]]:
    """(node, cores, sending, receiving (%), tasks, peak of conntrack entries), in the order of the scenario."""
    return [
        (
            name,
            *(_percent(found[key]["value"]) for key, _ in RESOURCES),
            found["tasks"],
            found["conntrack_peak"],
        )
        for name, found in result.data["nodes"].items()
    ]


def _percent(share: float | None) -> float | None:
    return None if share is None else share * 100


def heatmap(result: Result, most: int = MOST_COLUMNS) -> list[Column]:
    """At most about ``most`` columns: nodes of one group, busiest first, share a column where there are too many."""
    nodes = result.data["nodes"]
    values = {name: tuple(found[key]["value"] for key, _ in RESOURCES) for name, found in nodes.items()}
    if len(nodes) <= most:
        return [Column(name, 1, shares) for name, shares in values.items()]
    size = -(-len(nodes) // most)
    groups: dict[str, list[str]] = {}
    for name in nodes:
        group = group_of(result, name)
        groups.setdefault(group["group"] if group else name, []).append(name)
    columns = []
    for group_name, members in groups.items():
        members.sort(key=lambda name: -max((x for x in values[name] if x is not None), default=0.0))
        for k in range(0, len(members), size):
            some = members[k : k + size]
            shares = tuple(
                max((x for x in column if x is not None), default=None)
                for column in zip(*(values[name] for name in some), strict=True)
            )
            columns.append(Column(f"{group_name}, rank {k + 1} to {k + len(some)}", len(some), shares))
    return columns


def headrooms(result: Result) -> list[Headroom]:
    """The busiest station of each kind, the one with least room first."""
    found: dict[str, Bar] = {}
    for bar in bars(result, len(result.stations_all)):
        if bar.utilisation > 0:
            found.setdefault(bar.kind, bar)
    return [Headroom(bar.kind, bar.station, bar.utilisation, 1 / bar.utilisation) for bar in found.values()]


def heatmap_chart(result: Result) -> Chart:
    """Nodes by resource."""
    columns = ("node", "cores (%)", "card, sending (%)", "card, receiving (%)", "tasks", "conntrack, peak")
    rows = node_rows(result)
    shares = [(row[1], row[0]) for row in rows if row[1] is not None]
    if not shares:
        return Chart("Nodes and their resources", "No node was measured.", columns, rows)
    above = sum(share > TARGET * 100 for share, _ in shares)
    busiest, least = (pick(shares, key=lambda one: one[0]) for pick in (max, min))
    reading = (
        f"Of {len(shares)} nodes {above or 'none'} {'has' if above == 1 else 'have'} cores more than 70 % busy; "
        f"the busiest is {busiest[1]} ({busiest[0]:.3g} %), the idlest {least[1]} ({least[0]:.3g} %)."
    )
    together = max(column.nodes for column in heatmap(result))
    if together > 1:
        reading += f" Each column stands for up to {together} nodes of a group and shows the busiest of them."
    return Chart("Nodes and their resources", reading, columns, rows)


def busiest_chart(result: Result) -> Chart:
    """The ten busiest stations."""
    shown = bars(result, BUSIEST)
    rows = [
        (bar.station, kind_text(bar.kind), bar.node, bar.utilisation * 100, bar.low * 100, bar.high * 100, bar.wait, bar.drops)
        for bar in shown
    ]  # fmt: skip
    columns = ("station", "what it is", "on", "busy (%)", "95 % from", "95 % to", "mean wait", "drops")
    above = sum(bar.utilisation > TARGET for bar in shown)
    if not shown:
        return Chart("The ten busiest stations", "Nothing was busy.", columns, rows)
    dropped = sum(bar.drops for bar in shown)
    reading = (
        f"{shown[0].station} is the busiest at {quantity(shown[0].utilisation, 'share')}; {above or 'none'} of these "
        f"{'is' if above == 1 else 'are'} above 70 %, and they dropped {f'{dropped:,}' if dropped else 'nothing'}."
    )
    return Chart("The ten busiest stations", reading, columns, rows)


def headroom_chart(result: Result) -> Chart:
    """How many times the load each kind of resource takes."""
    found = headrooms(result)
    rows = [(kind_text(h.kind), h.station, h.utilisation * 100, h.times) for h in found]
    columns = ("resource", "busiest of its kind", "busy (%)", "full at this many times the load")
    if not found:
        return Chart("Headroom", "Nothing was busy.", columns, rows)
    first = found[0]
    reading = (
        f"First to fill is {kind_text(first.kind)} ({first.station}), at {times(first.times)} times this load"
    )
    if len(found) > 1:
        reading += f"; the next kind, {kind_text(found[1].kind)}, at {times(found[1].times)} times"
    return Chart(
        "Headroom", reading + ". Estimates: use is taken to grow with load in proportion.", columns, rows
    )
