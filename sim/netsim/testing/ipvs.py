"""Replay what a real kernel's IPVS chose: ``python -m netsim.testing.ipvs TRACES.json``.

A trace has ``scheduler``, ``flags`` (as ipvsadm's -b takes them; optional), ``u`` (upper threshold; optional),
``udp`` (optional), ``dests`` ([[number, weight], ...] in the order in which they were added), ``vip``, ``dest_ip`` and ``src_ip`` (with
{dest} and {src} for the number), ``ops``, ``results`` (one per op: the destination of an open, or why it failed) and
``final`` ({number: [weight, active, inactive]}). Traces with times or settings have more (`netsim.testing.ipvs_tables`). Prints how many choices agree and each trace's first difference;
exits with 0 only if all choices and all final counters agree.
"""

from __future__ import annotations

import argparse
import ipaddress
import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from netsim.datapath.ipvs.dispatch import NAMES
from netsim.datapath.ipvs.layout import BY_PORT, FALLBACK
from netsim.datapath.ipvs.tables import Service
from netsim.testing.ipvs_tables import Node, address_of, agree, is_timed

#: What a refused client sees.
NOBODY = "ConnectionRefusedError"
_FLAGS = {"fallback": FALLBACK, "port": BY_PORT}
Trace = Mapping[str, Any]


class TraceError(ValueError):
    """A file that is no list of traces; the text says what and where."""


@dataclass(frozen=True, slots=True)
class Replayed:
    """How far one trace agrees. ``first``: the first difference in words; empty if there is none."""

    choices: int
    matched: int
    first: str

    @property
    def same(self) -> bool:
        """Every choice and every final counter agrees."""
        return self.first == ""


def service_of(trace: Trace) -> Service:
    """The service of a trace with its first destinations."""
    numbers = {number for number, _ in trace["dests"]} | {op[1] for op in trace["ops"] if op[0] == "add"}
    made = Service(trace["scheduler"], len(numbers), _flags(trace))
    for number, weight in trace["dests"]:
        _add(made, trace, number, weight, int(trace.get("u") or 0))
    return made


def _add(made: Service, trace: Trace, number: int, weight: int, upper: int) -> None:
    port = int(trace["vip"].rpartition(":")[2])
    made.add(number, weight, address_of(trace["dest_ip"], dest=number), port, upper)


@dataclass(slots=True)
class _World:
    """One way in which a trace can have gone: the tables, open connections with their destinations, and closes
    that IPVS has not seen."""

    made: Service
    open: dict[Any, int]
    unseen: tuple[int, ...] = ()

    def copy(self) -> _World:
        return _World(self.made.copy(), dict(self.open), self.unseen)


def _possible(worlds: list[_World]) -> list[_World]:
    """These, and those in which closes have been seen meanwhile.

    What comes for a destination that was removed is dropped silently, a client's FIN as well; TCP sends it again
    after 0.2, 0.6, 1.4 s ..., and it gets through once the destination is back (ip_vs_in in
    net/netfilter/ipvs/ip_vs_core.c). A trace does not tell when that was, so any time after is possible.
    """
    found = {world.unseen: world for world in reversed(worlds)}
    queue = list(found.values())
    while queue:
        world = queue.pop()
        there = world.made.counters()
        for i, number in enumerate(world.unseen):
            rest = world.unseen[:i] + world.unseen[i + 1 :]
            if number in there and rest not in found:
                seen = world.copy()
                seen.made.turn(number, False)
                seen.unseen = rest
                found[rest] = seen
                queue.append(seen)
    return list(found.values())


def replay(trace: Trace) -> Replayed:
    """Do a trace's operations and compare."""
    if is_timed(trace):
        return _replay_timed(trace)
    target = int(ipaddress.IPv4Address(trace["vip"].rpartition(":")[0]))
    worlds, choices, matched, first = [_World(service_of(trace), {})], 0, 0, ""
    for step, (op, seen) in enumerate(zip(trace["ops"], trace["results"], strict=True)):
        if any(world.unseen for world in worlds):
            worlds = _possible(worlds)
        if op[0] != "open":
            for world in worlds:
                _do(world, trace, step, op)
            continue
        choices += 1
        source, wanted = address_of(trace["src_ip"], src=op[2]), None if seen == NOBODY else seen
        chosen = [world.made.choose(source, op[3], target) for world in worlds]
        if wanted in chosen:
            matched += 1
            worlds = [world for world, one in zip(worlds, chosen, strict=True) if one == wanted]
        elif not first:
            first = f"operation {step} {op}: the kernel chose {seen}, netsim {chosen[0] or NOBODY}"
        for world in worlds:
            if isinstance(seen, int) and world.made.knows(seen):  # go on with what the kernel did
                world.made.bind(seen, not trace.get("udp"))  # UDP always counts as inactive (ip_vs_bind_dest)
                world.open[op[1]] = seen
    final = {int(number): tuple(row) for number, row in trace["final"].items()}
    ends = [world.made.counters() for world in _possible(worlds)]
    if not first and final not in ends:
        first = f"final counters: the kernel has {final}, netsim {ends[0]}"
    return Replayed(choices, matched, first)


def _replay_timed(trace: Trace) -> Replayed:
    node, choices, matched, first = Node(trace, _flags(trace)), 0, 0, ""
    draws = bool(trace.get("sysctls", {}).get("drop_entry"))
    steps = zip(trace["ops"], trace["results"], node.run(), strict=True)
    for step, (op, seen, found) in enumerate(steps):
        wanted = None if seen == NOBODY else seen
        right = agree(op, wanted, found, draws)
        if op[0] == "open":
            choices += 1
            matched += right
        if not right and not first:
            first = f"operation {step} {op}: the kernel gave {seen}, netsim {found}"
    final = {int(number): tuple(row) for number, row in trace["final"].items()}
    ends = {number: row for number, row in node.counters().items() if number in final}
    if not first and not draws and final != ends:
        first = f"final counters: the kernel has {final}, netsim {ends}"
    return Replayed(choices, matched, first)


def _flags(trace: Trace) -> int:
    words = str(trace.get("flags") or "").split(",")
    return sum(_FLAGS.get(word.strip().rpartition("-")[2], 0) for word in words)


def _do(world: _World, trace: Trace, step: int, op: list[Any]) -> None:
    """A close, or a command."""
    if op[0] != "close":
        _command(world.made, trace, step, op)
    elif op[1] in world.open and not trace.get("udp"):
        number = world.open.pop(op[1])
        if number in world.made.counters():
            world.made.turn(number, False)  # TIME_WAIT, for longer than a trace lasts
        else:
            world.unseen = tuple(sorted((*world.unseen, number)))


def _command(made: Service, trace: Trace, step: int, op: list[Any]) -> None:
    """What ipvsadm does; a command about somebody who is not there has no effect."""
    there = op[1] in made.counters()
    if op[0] == "weight":
        if there:
            made.change(op[1], op[2])
    elif op[0] == "add":
        if not there:
            _add(made, trace, op[1], op[2], 0)
    elif op[0] == "del":
        if there:
            made.remove(op[1])
    else:
        raise TraceError(f"operation {step}: expected open, close, weight, add or del, got {op[0]}")


def read(path: Path) -> list[Trace]:
    """The traces of a file. Raises `TraceError`."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise TraceError(f"cannot read {path}: {(error.strerror or 'an error').lower()}") from None
    except ValueError as error:
        raise TraceError(f"{path} is not JSON: {error}") from None
    if not isinstance(found, list) or not all(isinstance(trace, dict) for trace in found):
        raise TraceError(f"{path}: expected a list of traces")
    for i, trace in enumerate(found):
        missing = [
            key for key in ("scheduler", "dests", "ops", "results", "final", "vip") if key not in trace
        ]
        if missing:
            raise TraceError(f"{path}: trace {i} lacks {', '.join(missing)}")
        if trace["scheduler"] not in NAMES:
            raise TraceError(
                f"{path}: trace {i}: expected one of {', '.join(NAMES)}, got {trace['scheduler']}"
            )
    return found


def main(argv: list[str] | None = None) -> int:
    """Replay a file; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m netsim.testing.ipvs", description=__doc__)
    parser.add_argument("traces", type=Path, metavar="TRACES.json")
    options = parser.parse_args(argv)
    try:
        traces = read(options.traces)
        found = [replay(trace) for trace in traces]
    except TraceError as error:
        print(f"netsim: {error}", file=sys.stderr)
        return 2
    print(f"matched {sum(r.matched for r in found)} of {sum(r.choices for r in found)} choices")
    for i, (trace, result) in enumerate(zip(traces, found, strict=True)):
        if result.first:
            print(f"trace {i} ({trace['scheduler']}): {result.first}")
    return 0 if all(result.same for result in found) else 1


if __name__ == "__main__":
    sys.exit(main())
