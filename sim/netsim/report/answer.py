"""The answer of a run on one screen: a verdict in words and the four numbers that a planner asks for."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from netsim.datapath.processors import threads_give
from netsim.report.glossary import kind_text
from netsim.report.ground import credit_numbers, on_credit
from netsim.report.tables import Table, first_to_fill
from netsim.results.credit import draining, gone
from netsim.results.result import Result
from netsim.results.text import duration, quantity, times

#: A station that is busier than this has long queues when load varies; sizes are recommended for it.
TARGET = 0.7
#: Busier than this it is full: what arrives then only waits.
FULL = 0.95
#: More failed requests than this and the load was not carried.
FAILED = 0.01
MOSTLY = 0.9
Ends = Mapping[str, float | None]


@dataclass(frozen=True, slots=True)
class Number:
    """One of the numbers on top: what it is, its value, its 95 % interval and a remark, all in words."""

    label: str
    value: str
    interval: str
    remark: str
    estimate: bool = False


@dataclass(frozen=True, slots=True)
class Size:
    """How many of ``what`` keep the busiest station at `TARGET`, with the ends of the interval (counts).

    ``price_per_h``: of one of them, if the scenario says so.
    """

    what: str
    now: int
    wanted: int
    low: int
    high: int
    price_per_h: float | None = None


@dataclass(frozen=True, slots=True)
class Outage:
    """The longest time in which requests failed (s), and of whom."""

    seconds: float | None
    low: float | None
    high: float | None
    who: str


def group_of(result: Result, node: str) -> Mapping[str, Any] | None:
    """The node's group in ``setup``: nodes are called like their group, with ``-N`` if it has several."""
    groups = {found["group"]: found for found in result.data.get("setup", {}).get("nodes", [])}
    found: Mapping[str, Any] | None = groups.get(node) or groups.get(node.rpartition("-")[0])
    return found


def recommended_size(result: Result) -> Size | None:
    """Nodes (or tasks, where worker pools are the limit) times utilisation over `TARGET`; None where neither is."""
    found = result.data["bottleneck"]
    use = found["utilisation"]
    if found["station"] is None or use["value"] is None:
        return None
    station = result.stations_all.get(found["station"], {})
    price, kind = None, (1, 1.0)
    if station.get("kind") == "workers":
        name = found["station"].removesuffix("/workers").rpartition(".")[0]
        services = {s["name"]: s["tasks"] for s in result.data.get("setup", {}).get("services", [])}
        what, now = f"tasks of {name}", services.get(name, 0)
    else:
        group = group_of(result, str(station.get("node", "")))
        what, now = (f"{group['group']} nodes", int(group["count"])) if group else ("", 0)
        price = group.get("price_per_h") if group else None
        if group and "smt" in group and station.get("kind") == "cpu":
            kind = int(group["cores"]), float(group["smt"])
    if not now:
        return None
    ends = [use["value"], *(use["value"] if use[end] is None else use[end] for end in ("low", "high"))]
    most = threads_give(TARGET, *kind)
    wanted, low, high = (max(1, math.ceil(now * threads_give(share, *kind) / most - 1e-9)) for share in ends)
    return Size(what, now, wanted, low, high, price)


def worst_outage(result: Result) -> Outage:
    """The longest outage over workloads and over faults."""
    found = [Outage(0.0, None, None, "")] if result.data["workloads"] else [Outage(None, None, None, "")]
    for name, workload in result.data["workloads"].items():
        found.append(_outage(workload["outage_s"], name))
    for row in result.data.get("failovers", []):
        found.append(_outage(row["outage_s"], f"{row['fault']} at {duration(row['at_s'])}"))
    return max(found, key=lambda one: (-1.0 if one.seconds is None else one.seconds, one.low is not None))


def _outage(found: Ends, who: str) -> Outage:
    return Outage(found["value"], found["low"], found["high"], who)


def state(result: Result) -> str:
    """``full``, ``tight``, ``enough`` or ``idle``: how the load fits."""
    use = result.data["bottleneck"]["utilisation"].get("value")
    if use is None or result.data["bottleneck"]["station"] is None:
        return "idle"
    short = draining(result.data.get("credit", []))
    if short is not None and gone(short):
        return "full"
    failed = max(map(failed_share, result.data["workloads"].values()), default=0.0)
    if use >= FULL or (failed > FAILED and not by_faults(result)):
        return "full"
    return "tight" if use > TARGET else "enough"


def by_faults(result: Result) -> bool:
    """Whether nearly all failed requests began after a fault or operation and none do at the end, so that the load is
    not to blame."""
    failed = sum(workload["failed"] for workload in result.data["workloads"].values())
    after = sum(row["failed"] for row in result.data.get("failovers", []))
    end = max((row.t_s for row in result.series_rows), default=0.0)
    last = [row for row in result.series_rows if row.t_s == end]
    over = all(row.failed_per_s <= FAILED * (row.failed_per_s + row.completed_per_s) for row in last)
    return failed > 0 and after >= MOSTLY * failed and over


def failed_share(workload: Mapping[str, Any]) -> float:
    """Failed requests over those whose end is known; 0 without any."""
    ended = workload["completed"] + workload["failed"]
    return workload["failed"] / ended if ended else 0.0


def verdict(result: Result) -> tuple[str, str]:
    """A word or two, and the sentence that explains them."""
    found = result.data["bottleneck"]
    kind = state(result)
    where = place(result)
    judged = [e["status"] for e in result.data["expectations"]]
    failing = judged.count("fail")
    if not result.data["workloads"] and result.data.get("failovers"):
        head, text = _recovery(result)
    elif (short := draining(result.data.get("credit", []))) is not None:
        head, text = on_credit(short)
    elif not result.data["workloads"] and result.data.get("services"):
        head, text = "No load", "Nothing is said of capacity; what the services did stands below."
    elif kind == "idle":
        head, text = "Idle", "Nothing was busy: the run tells nothing of capacity."
    elif kind == "full" and (found["utilisation"]["value"] or 0) >= FULL:
        head, text = (
            "Too small",
            f"This load does not fit: {where} is full, and more load only makes queues and errors.",
        )
    elif kind == "full" and (table := first_to_fill(result)) is not None and table.room < 0:
        head = "Too small"
        text = (
            f"This load does not fit: it asks for {table.used:,.0f} {table.words}, and there are {table.most:,.0f}; "
            f"the busiest place, {where}, is not full."
        )
    elif kind == "full":
        worst = max(result.data["workloads"].values(), key=failed_share)
        share = quantity(failed_share(worst), "share")
        head = "It fails"
        text = (
            f"Up to {share} of a workload's requests failed though the busiest place, {where}, is not full."
        )
    elif kind == "tight":
        head = "Tight"
        text = f"It carries this load, but {where} is above 70 % and fills first: {more_load(found['headroom']['value'])}."
    else:
        head = "Enough"
        table = first_to_fill(result)
        text = f"It carries this load; {where} fills first: {more_load(found['headroom']['value'])}."
        if table is not None:
            text = f"It carries this load; the {table.words} are used up first: {more_load(table.room)}."
    lost = max(map(failed_share, result.data["workloads"].values()), default=0.0)
    if lost > FAILED and by_faults(result) and kind in ("tight", "enough"):
        head = f"{head}, with an outage"
        text += (
            f" {result.data['failovers'][0]['fault'].capitalize()} is felt for {duration(worst_outage(result).seconds or 0.0)}: "
            f"{quantity(lost, 'share')} of all requests fail."
        )
    if failing:
        head = "Expectations fail" if kind in ("enough", "tight", "idle") else head
        text += f" {failing} of {len(judged)} expectations fail."
    elif "inconclusive" in judged:
        text += f" {judged.count('inconclusive')} of {len(judged)} expectations are undecided."
    elif judged:
        text += " All expectations are met." if len(judged) > 1 else " The expectation is met."
    return head, text


def slowest_recovery(result: Result) -> tuple[str, Ends] | None:
    """The fault after which it took longest until all was whole again, and how long (s); None if none is known."""
    known = [row for row in result.data.get("failovers", []) if row["whole_s"]["value"] is not None]
    if not known:
        return None
    row = max(known, key=lambda one: one["whole_s"]["value"])
    return f"{row['fault']} at {duration(row['at_s'])}", row["whole_s"]


def _recovery(result: Result) -> tuple[str, str]:
    """The verdict of a run of faults or operations without load."""
    without = "No load ran, so nothing is said of capacity."
    rows, slowest = result.data["failovers"], slowest_recovery(result)
    never = [row["fault"] for row in rows if None in row["whole_s"].get("samples", [])]
    told = (
        ""
        if slowest is None
        else f"It takes {duration(slowest[1]['value'] or 0)} until all is whole again after {slowest[0]}. "
    )
    if never:
        return "Not always whole", f"{told}After {never[0]} it is not in every replication. {without}"
    return "Whole again", told + without


def place(result: Result) -> str:
    """The bottleneck as people call it: ``all cores of worker-3``."""
    name = result.data["bottleneck"]["station"]
    station = result.stations_all.get(name or "", {})
    node = station.get("node", "")
    words = {
        "node_cpu": f"the processor of {node}",
        "cpu": f"one core of {node}",
        "nic_tx": f"the card of {node}, sending,",
        "nic_rx": f"the card of {node}, receiving,",
        "switch": f"the switch port to {node}",
        "workers": f"the worker pool of task {str(name).removesuffix('/workers')}",
    }
    return words.get(station.get("kind", ""), str(name))


def more_load(room: float | None) -> str:
    """``42 % more load fits``, ``3.1 times the load fits``."""
    if room is None:
        return "how much more fits is unknown"
    return (
        f"about {quantity(room, 'share')} more load fits"
        if room < 1
        else f"about {times(1 + room)} times the load fits"
    )


def numbers(result: Result) -> list[Number]:
    """Capacity remaining, what limits it, worst outage, recommended size; cost where prices are given."""
    found = result.data["bottleneck"]
    short = draining(result.data.get("credit", []))
    if short is not None:
        return [
            *(Number(*words) for words in credit_numbers(short)),
            _worst(result),
            Number(
                "Recommended size",
                "unknown",
                "",
                "larger cards, or nodes enough that each sends less than its baseline",
                True,
            ),
        ]
    table = first_to_fill(result)
    if table is None:
        return [_remaining(found), _limit(result), _worst(result), *_size(result)]
    if table.used <= TARGET * table.most:
        return [*_of_table(table), _worst(result), *_size(result)]
    return [
        *_of_table(table),
        _worst(result),
        Number("Recommended size", "unknown", "", f"more cores do not help: {table.help}", True),
    ]


def _of_table(table: Table) -> list[Number]:
    """Capacity remaining and what limits it, where a table of connections is used up first."""
    shown, remark = "none", f"this load asks for {table.used / table.most:.3g} times what there is"
    if table.room > 0:
        shown = (
            f"+{quantity(table.room, 'share')}" if table.room < 1 else f"{times(1 + table.room)} × the load"
        )
        remark = f"more of the same load until the {table.words} are used up"
    return [
        Number("Capacity remaining", shown, "", remark, True),
        Number(
            "What limits it",
            table.words,
            "",
            f"{table.used:,.0f} of {table.most:,.0f}, counted from the load",
        ),
    ]


def _remaining(found: Mapping[str, Any]) -> Number:
    label, room = "Capacity remaining", found["headroom"] if found["station"] else {}
    value = room.get("value")
    if value is None:
        return Number(label, "unknown", "", "nothing was busy", True)
    shown = f"+{quantity(value, 'share')}" if value < 1 else f"{times(1 + value)} × the load"
    low, high = room.get("low"), room.get("high")
    if low is None or high is None:
        interval = "no interval"
    elif value < 1:
        interval = f"{quantity(low, 'share')} to {quantity(high, 'share')}"
    else:
        interval = f"{times(1 + low)} to {times(1 + high)} ×"
    return Number(label, shown, interval, f"more of the same load until {found['station']} is full", True)


def _limit(result: Result) -> Number:
    found = result.data["bottleneck"]
    if found["station"] is None:
        return Number("What limits it", "nothing", "", "no station was busy")
    use = found["utilisation"]
    kind = result.stations_all.get(found["station"], {}).get("kind", "")
    interval = (
        "no interval" if use["low"] is None else f"{_percent(use['low'])} to {_percent(use['high'])} busy"
    )
    return Number(
        "What limits it", found["station"], interval, f"{kind_text(kind)}, {_percent(use['value'])} busy"
    )


def _percent(value: float | None) -> str:
    return quantity(value, "share")


def _worst(result: Result) -> Number:
    worst = worst_outage(result)
    remark = (
        "no load, so nobody could feel one"
        if worst.seconds is None
        else "time with over 1 % of requests failing"
    )
    if worst.seconds and worst.who:
        remark += f"; {worst.who}"
    elif worst.seconds == 0 and not result.data.get("failovers"):
        remark += "; the scenario has no faults"
    slowest = slowest_recovery(result)
    if not result.data["workloads"] and slowest is not None:
        who, whole = slowest
        ends = (
            "no interval"
            if whole["low"] is None
            else f"{duration(whole['low'])} to {duration(whole['high'] or 0)}"
        )
        return Number(
            "Slowest recovery", duration(whole["value"] or 0), ends,
            f"until all is whole after {who}; no load ran, so no outage was felt",
        )  # fmt: skip
    interval = "no interval"
    if worst.low is not None and worst.high is not None:
        interval = (
            f"{duration(worst.low)} to {duration(worst.high)}" if worst.high else "none in any replication"
        )
    shown = "unknown" if worst.seconds is None else duration(worst.seconds)
    return Number("Worst outage", shown, interval, remark)


def _counted(size: Size) -> str:
    """``worker nodes``, or one of them."""
    one = size.what.replace(" nodes", " node").replace("tasks of", "task of")
    return one if size.wanted == 1 else size.what


def _size(result: Result) -> list[Number]:
    size = recommended_size(result)
    label = "Recommended size"
    if size is None:
        remark = "nothing was busy" if state(result) == "idle" else "the limit is not sized by nodes or tasks"
        return [Number(label, "unknown", "", remark, True)]
    interval = (
        f"{size.low} to {size.high}" if size.low != size.high else f"{size.low}, for the whole interval"
    )
    found = [
        Number(
            label, f"{size.wanted} {_counted(size)}", interval,
            f"now {size.now}; brings the busiest to 70 %, without a spare for a failed one", True,
        )
    ]  # fmt: skip
    groups = result.data.get("setup", {}).get("nodes", [])
    if any("price_per_h" in group for group in groups):
        now = sum(group["count"] * group.get("price_per_h", 0.0) for group in groups)
        each = size.price_per_h or 0.0
        wanted, low, high = (now + (n - size.now) * each for n in (size.wanted, size.low, size.high))
        unpriced = [group["group"] for group in groups if "price_per_h" not in group]
        without = f"; without {', '.join(unpriced)}, which have no price" if unpriced else ""
        found.append(
            Number(
                "Cost at that size",
                f"{wanted:.4g}/h",
                f"{low:.4g} to {high:.4g}/h",
                f"now {now:.4g}/h{without}",
                True,
            )
        )
    return found
