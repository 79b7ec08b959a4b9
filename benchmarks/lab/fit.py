"""Fits the host profile ``lab`` on three measured paths, and predicts the others.

    python benchmarks/lab/fit.py            the table
    python benchmarks/lab/fit.py --write    the profile, too (sim/netsim/data/profiles/lab.yaml)

Fitted are loopback, host to host and the bridge on one node alone: the round trips of `tests/data/lab/paths.json`, and
the throughput of `tests/data/lab/blocks.json`, of two lengths of writes the one that is faster on a path, medians of
both, of units that are full. Found are what a sleeping core adds, the copy of a byte, and what a veth pair and the card's driver add to a unit and to its bytes. In
this lab a card is a veth pair too: it takes units whole, and no interrupt is held back. What the end of a write costs the sender
that TCP cuts in two (`held`) is what a write of 130,000 B takes longer on the bridge than its share of one of 131,072 B: both
are three units, and only the first is cut in two. All other costs are those of
the profile ``stock``. Throughput comes from the fast engine, one connection that is always full between two nodes on
a hypervisor of two cores; the round trip from the stages of the trace on idle stations.
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import netsim
from netsim.datapath.trace import trace
from netsim.model.build import build_model
from netsim.scenario import loads

ROOT = Path(__file__).parents[2]
DATA = ROOT / "tests" / "data" / "lab"
#: Where each kind of number was recorded, by its name there.
FILES = {
    "bulk_bps": DATA / "blocks.json",
    "bulk_130000_bps": DATA / "blocks.json",
    "rtt_us": DATA / "paths.json",
}
#: The length of the writes of each.
WRITES = {"bulk_bps": 128 << 10, "bulk_130000_bps": 130_000}
PROFILE = ROOT / "sim" / "netsim" / "data" / "profiles" / "lab.yaml"
PING_BYTES = 14
FITTED = ("loopback", "host_to_host", "bridge_same_node")
#: Ends of each path: containers, or a node itself.
ENDS = {
    "loopback": ("h1", "h1b"), "host_to_host": ("h1", "h2"), "bridge_same_node": ("a", "b"),
    "host_to_container": ("n-1", "b"), "overlay_same_node": ("x", "y"), "overlay_across": ("x", "z"),
    "nat_out": ("a", "h2"),
}  # fmt: skip
SWARM = """netsim: 1
duration: 50ms
warmup: 10ms
replications: 1
nodes: {n: {role: manager, count: 2, cores: 2, profile: %s, nic: {rate: 400Gbit, rx_queues: 1}}}
hypervisors: {lab: {cores: 2, nodes: [n-*]}}
fabric: {latency: 0s}
networks: {ov: {driver: overlay, attachable: true}, br: {driver: bridge}}
containers:
  a: {node: n-1, networks: [br]}
  b: {node: n-1, networks: [br]}
  h1: {node: n-1, networks: [host]}
  h1b: {node: n-1, networks: [host]}
  h2: {node: n-2, networks: [host]}
  x: {node: n-1, networks: [ov]}
  y: {node: n-1, networks: [ov]}
  z: {node: n-2, networks: [ov]}
"""
NOTE = "measured, 2026-11-25 and 26, Linux 6.18 in network namespaces: fitted by benchmarks/lab/fit.py on "
TEXT = """# A swarm whose nodes are network namespaces of one machine with two virtual cores: its cards are veth pairs, which
# take units of 64 KiB whole and hold no interrupt back. Written by benchmarks/lab/fit.py; the rest is the stock profile.
name: lab
description: Nodes that are network namespaces of one machine of two cores
base: stock
stages:
  irq.moderation: {{fixed: 0, unit: ns, source: "a veth pair has no interrupt", confidence: high}}
  core.wake: {{fixed: {wake:.0f}, unit: ns, source: "{note}loopback's round trip", confidence: low}}
  tcp.send: {{fixed: 850, per_byte: {copy:.4f}, held: {held:.0f}, unit: ns, source: "{note}loopback's throughput, the copy alike on both sides; held: the bridge with writes of two lengths", confidence: low}}
  tcp.recv: {{fixed: 350, per_byte: {copy:.4f}, unit: ns, source: "{note}loopback's throughput, the copy alike on both sides", confidence: low}}
  veth: {{fixed: {veth:.0f}, per_byte: {veth_byte:.4f}, unit: ns, source: "{note}the bridge's round trip and throughput", confidence: low}}
  nic.xmit: {{fixed: {nic:.0f}, per_byte: {nic_byte:.4f}, unit: ns, source: "{note}host to host, alike on both sides", confidence: low}}
  nic.rx: {{fixed: {nic:.0f}, per_byte: {nic_byte:.4f}, unit: ns, source: "{note}host to host, alike on both sides", confidence: low}}
"""


def values(what: str) -> dict[str, list[float]]:
    """Every measured value by path."""
    paths = json.loads(FILES[what].read_text(encoding="utf-8"))["paths"]
    return {name: path[what] for name, path in paths.items()}


def fastest() -> dict[str, list[float]]:
    """By path, bit/s of the length of writes that is faster there."""
    one, other = values("bulk_bps"), values("bulk_130000_bps")
    return {name: max(one[name], other[name], key=statistics.median) for name in ENDS}


def medians(what: str) -> dict[str, float]:
    """By path."""
    return {name: statistics.median(found) for name, found in values(what).items()}


def held_ns() -> float:
    """What the end of a write costs that is cut in two."""
    cut, whole = (medians(what)["bridge_same_node"] for what in ("bulk_130000_bps", "bulk_bps"))
    return WRITES["bulk_130000_bps"] * 8e9 * (1 / cut - 1 / whole)


def measured() -> dict[str, tuple[float, float]]:
    """Medians by path: bit/s and the round trip (us)."""
    speeds, trips = fastest(), values("rtt_us")
    return {name: (statistics.median(speeds[name]), statistics.median(trips[name])) for name in ENDS}


def bulk_bps(path: str, profile: str, write_bytes: int | None = None) -> float:
    """One connection that is always full, by the fast engine; without a length of writes its units are full, too."""
    source, target = ENDS[path]
    write = "" if write_bytes is None else f", write: {write_bytes}B"
    text = SWARM % profile + f"load: {{bulk: {{from: {source}, to: {target}, bulk: 2GB{write}}}}}\n"
    result = netsim.run(loads(text)).to_dict()
    return float(result["workloads"]["bulk"]["goodput_bps"]["value"])


def rtt_us(path: str, profile: str) -> float:
    """A message of 14 bytes and one back, on idle stations."""
    return float(trace(build_model(loads(SWARM % profile)), *ENDS[path], PING_BYTES)["total_ns"]) / 1000


def predict(profile: str) -> dict[str, tuple[float, float]]:
    """By path: bit/s and the round trip (us)."""
    return {name: (bulk_bps(name, profile), rtt_us(name, profile)) for name in ENDS}


def with_writes(profile: str, what: str) -> dict[str, float]:
    """By path: bit/s of a sender that writes so many bytes at a time."""
    return {name: bulk_bps(name, profile, WRITES[what]) for name in ENDS}


def solve(wanted: float, found: Callable[[float], float], high: float) -> float:
    """Where a falling function has a value, by halving."""
    low = 0.0
    for _ in range(14):
        middle = (low + high) / 2
        low, high = (middle, high) if found(middle) > wanted else (low, middle)
    return (low + high) / 2


def fit() -> str:
    """The profile's text."""
    truth = measured()
    costs = {
        "wake": 0.0,
        "copy": 0.0,
        "veth": 0.0,
        "veth_byte": 0.0,
        "nic": 0.0,
        "nic_byte": 0.0,
        "held": held_ns(),
    }
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "lab.yaml"

        def given(**changed: float) -> str:
            costs.update(changed)
            file.write_text(TEXT.format(note=NOTE, **costs), encoding="utf-8")
            return str(file)

        def bulk(path: str, name: str, high: float) -> None:
            given(**{name: solve(truth[path][0], lambda x: bulk_bps(path, given(**{name: x})), high)})

        def trip(path: str, name: str, passes: int) -> None:
            rest = rtt_us(path, given(**{name: 0.0}))
            given(**{name: max(0.0, (truth[path][1] - rest) * 1000 / passes)})

        # The round trip of 14 bytes hardly knows of costs by the byte, and throughput little of fixed ones: twice is
        # enough for both.
        for _ in range(2):
            bulk("loopback", "copy", 1.0)
            trip("loopback", "wake", 2)
            trip("bridge_same_node", "veth", 4)
            bulk("bridge_same_node", "veth_byte", 0.3)
            trip("host_to_host", "nic", 4)
            bulk("host_to_host", "nic_byte", 0.3)
        return TEXT.format(note=NOTE, **costs)


def main() -> None:
    if "--write" in sys.argv:
        text = fit()
        new = PROFILE.with_suffix(".new")
        new.write_text(text, encoding="utf-8")
        new.rename(PROFILE)
    truth, found = measured(), predict("lab")
    base, model = truth["bridge_same_node"], found["bridge_same_node"]
    print("| path | Gbit/s measured, model | to the bridge | round trip us measured, model | to the bridge |")
    print("|---|---:|---:|---:|---:|")
    for name, (bps, rtt) in truth.items():
        mine, trip = found[name]
        speed = f"{mine / 1e9:.1f}", f"{mine / model[0]:.2f}"
        print(
            f"| {name.replace('_', ' ')}{' (fitted)' if name in FITTED else ''} | {bps / 1e9:.1f}, {speed[0]} "
            f"| {bps / base[0]:.2f}, {speed[1]} | {rtt:.1f}, {trip:.1f} | {rtt / base[1]:.2f}, {trip / model[1]:.2f} |"
        )
    for what, write in WRITES.items():
        truth_bps, found_bps = medians(what), with_writes("lab", what)
        base_bps, model_bps = truth_bps["bridge_same_node"], found_bps["bridge_same_node"]
        print(f"\n| writes of {write:,} B | Gbit/s measured, model | to the bridge |\n|---|---:|---:|")
        for name in ENDS:
            bps, mine_bps = truth_bps[name], found_bps[name]
            speeds = (
                f"{bps / 1e9:.1f}, {mine_bps / 1e9:.1f} | {bps / base_bps:.2f}, {mine_bps / model_bps:.2f}"
            )
            print(f"| {name.replace('_', ' ')} | {speeds} |")


if __name__ == "__main__":
    main()
