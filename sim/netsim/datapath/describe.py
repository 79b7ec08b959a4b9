"""The page ``docs/model.md``: every stage and constant, from the data. ``python -m netsim.datapath.describe``."""

from __future__ import annotations

from importlib.resources import files

import yaml

from netsim.datapath.profile import SHIPPED, STAGES, load_profile

INTRO = """# What is modelled

This page is made from the data files by `python -m netsim.datapath.describe`; a test holds it equal to them.

## Stages

A stage takes `fixed + per packet x wire packets + per byte x payload bytes` for one skb. Stages before the
card run in the sender's thread; those after it run in softirq on the core of the receive queue, before any
thread; `tcp.recv` runs in the receiver's thread. `nic.tx` and `switch` take wire bytes / rate, and queue.
`wire`, `irq.moderation` and `core.wake` are time in which nothing is used.

"""

LIMITS = """
## Where stations queue

| station | what queues | discipline | bound |
|---|---|---|---|
| `NODE/cpuK` | softirq, then threads | softirq first come first served and preempting; threads in 3 ms slices | none |
| `NODE/NIC.rxK` | wire packets until softirq has taken them | first come first served | ring, then drop |
| `NODE/NIC.tx` | skbs as trains | first come first served | ring and queueing discipline, then drop |
| `switch/NODE` | skbs as trains, cut through after the first packet | first come first served | buffer bytes, tail drop |
| `TASK/workers` | requests | first come first served | listen queue for new connections, SYN dropped |

## What is simplified

- The world outside is half a round trip each way. It has no stations and never loses anything.
- One switch joins all nodes. Its ports queue, its back plane does not.
- A receiver's core is woken for every message, busy or not.
- Acknowledgements travel as packets only while the sender waits for them.
- After a loss the window is cut once per round trip (to 0.7) and then grows by one segment per window.
- Segmentation is by TSO and reassembly by GRO in units of up to 45 packets; GRO's misses are in the per-packet cost.
- Connections are drawn from a pool in turn. A pooled connection is opened when it is first used.
- Nothing fails: faults, updates and health checks are not simulated yet, and `netsim check` says so.
"""


def page() -> str:
    """The whole page (Markdown)."""
    lines = [INTRO.rstrip("\n"), ""]
    for name in SHIPPED:
        profile = load_profile(name)
        lines += [f"### Host profile `{name}`", "", f"{profile.description}.", ""]
        lines += ["| stage | what happens | fixed ns | ns per packet | ns per byte | source | confidence |"]
        lines += ["|---|---|---:|---:|---:|---|---|"]
        for stage, what in STAGES.items():
            cost = profile.cost(stage)
            numbers = (cost.fixed_ps / 1e3, cost.per_packet_ps / 1e3, cost.per_byte_fs / 1e6)
            cells = [f"`{stage}`", what, *(f"{n:g}" for n in numbers), cost.source, cost.confidence]
            lines.append("| " + " | ".join(cells) + " |")
        lines.append("")
    lines += ["## TCP", "", "| constant | value | unit | source | confidence |", "|---|---:|---|---|---|"]
    rows = yaml.safe_load((files("netsim") / "data" / "tcp.yaml").read_text(encoding="utf-8"))
    for name, row in rows.items():
        lines.append(
            f"| `{name}` | {row['value']:g} | {row['unit']} | {row['source']} | {row['confidence']} |"
        )
    return "\n".join(lines) + "\n" + LIMITS


if __name__ == "__main__":
    print(page(), end="")
