"""The entry of outside traffic: its nodes exist, and keepalived's words fit each other and the protocol's fields."""

from __future__ import annotations

from typing import TYPE_CHECKING

from netsim.picoseconds import PS_PER_S
from netsim.scenario.problems import PathTuple, suggest
from netsim.scenario.units import format_duration

if TYPE_CHECKING:
    from netsim.scenario.check import Finder

HERE: PathTuple = ("outside", "entry")
#: Unit and limits of the interval between advertisements: RFC 3768, 5.3.7 (8 bits of seconds) and RFC 5798, 5.2.7 (12 bits of
#: hundredths of a second).
INTERVALS = {2: (PS_PER_S, 255 * PS_PER_S), 3: (PS_PER_S // 100, 4095 * PS_PER_S // 100)}


def check_entry(finder: Finder) -> None:
    """All problems of ``outside.entry``."""
    scenario = finder.scenario
    entry, names = scenario.outside.entry, scenario.node_names()
    if isinstance(entry.nodes, tuple):
        for i, name in enumerate(entry.nodes):
            finder.reference((*HERE, "nodes", i), name, names, "node")
    if entry.vrrp is not None:
        _vrrp(finder, names if isinstance(entry.nodes, str) else list(entry.nodes))


def _vrrp(finder: Finder, holders: list[str]) -> None:
    scenario = finder.scenario
    entry, path = scenario.outside.entry, (*HERE, "vrrp")
    vrrp = entry.vrrp
    assert vrrp is not None
    for word in ("choose", "check"):
        if word in entry.model_fields_set:
            why = "its holder is the only node that traffic enters by; what checks it are advertisements and track_script"
            finder.add((*HERE, word), "BAD_VALUE", f"no {word} beside vrrp", word, why, of_key=True)
    unit, most = INTERVALS[vrrp.version]
    if vrrp.advert_int % unit or vrrp.advert_int > most:
        finder.add(
            (*path, "advert_int"),
            "OUT_OF_RANGE",
            f"a multiple of {format_duration(unit)} up to {format_duration(most)} with version {vrrp.version}",
            format_duration(vrrp.advert_int),
            "version: 3 allows hundredths of a second" if vrrp.version == 2 else None,
        )
    for name in vrrp.priorities:
        if name not in holders:
            finder.add(
                (*path, "priorities", name),
                "UNKNOWN_NODE",
                "a node of the entry",
                name,
                suggest(name, holders, "nodes of the entry"),
                of_key=True,
            )
    if vrrp.nopreempt and vrrp.preempt_delay:
        finder.add(
            (*path, "preempt_delay"),
            "BAD_VALUE",
            "no preempt_delay with nopreempt",
            format_duration(vrrp.preempt_delay),
        )
    managers = {
        f"{group}-{k}"
        for group, spec in scenario.nodes.items()
        if spec.role == "manager"
        for k in range(1, spec.count + 1)
    }
    workers = [name for name in holders if name in scenario.node_names() and name not in managers]
    for i, script in enumerate(vrrp.track_script):
        if script.script == "quorum" and workers:
            finder.add(
                (*path, "track_script", i, "script"),
                "BAD_VALUE",
                "dockerd, or managers alone as the entry's nodes",
                "quorum",
                f"docker node ls fails on a worker like {workers[0]}",
            )
