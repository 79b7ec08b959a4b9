"""The page ``docs/model.md``: every stage and constant, from the data. ``python -m netsim.datapath.describe``."""

from __future__ import annotations

from netsim.datapath.profile import SHIPPED, STAGES, StageCost, load_profile
from netsim.drivers.base import Driver, Stages
from netsim.drivers.registry import BUILT_IN, OWN_NETWORKS, driver_of
from netsim.scenario.schema_network import Network
from netsim.tables import table

INTRO = """# What is modelled

This page is made from the data files by `python -m netsim.datapath.describe`; a test holds it equal to them.

## Stages

A stage takes `fixed + per packet x wire packets + per byte x payload bytes` for one skb. Stages before the
card run in the sender's thread; those after it run in softirq on the core of the receive queue, before any
thread; `tcp.recv` and `udp.recv` run in the receiver's thread. `nic.tx` and `switch` take wire bytes / rate, and queue.
`wire`, `irq.moderation` and `core.wake` are time in which nothing is used.

"""

LIMITS = """
## Where stations queue

| station | what queues | discipline | bound |
|---|---|---|---|
| `NODE/cpuK` | softirq, then threads | softirq first come first served and preempting; threads in 3 ms slices | none |
| `NODE/NIC.rxK` | wire packets until softirq has taken them | first come first served | ring, then drop |
| `NODE/backlogK` | skbs that another core hands on (`rps`) until softirq has taken them | first come first served | `netdev_max_backlog`, then drop |
| `NODE/NIC.tx` | skbs as trains | first come first served | TCP small queues; ring and queueing discipline, then drop |
| `switch/NODE` | skbs as trains, cut through after the first packet | first come first served | buffer bytes, tail drop |
| `switch/fabric` | the same, what passes a switch with `fabric.rate` | first come first served | buffer bytes, tail drop |
| `switch/RACK.upK`, `switch/RACK.downK` | the same, between a leaf and spine K | first come first served | buffer bytes, tail drop |
| `switch/SITE.wan` | the same, from a site to the others | first come first served | buffer bytes, tail drop |
| `NODE/NIC.txK`, `switch/NODE/K` | the same, of cable K of a bond | first come first served | as above |
| `HYPERVISOR/NIC.tx`, `switch/HYPERVISOR` | the same, of the card that guests share | first come first served | as above |
| `TASK/workers` | requests and datagrams | first come first served | listen queue for new connections, SYN dropped; receive buffer for datagrams, then drop |

## What is simplified

- The world outside is half a round trip each way. It has no stations and never loses anything.
- Without `leaf_spine` or `wan` one switch joins all nodes. Ports queue, back planes do not; each port has a buffer of its own
  with tail drop, or with `alpha` the ports of a switch share one. A connection keeps to one spine, there and back, by its flow hash. The outside stands at the
  spines, and each site has its own way there. Spines and uplinks do not fail.
- Burst credit is a token bucket for each direction of a card; packets per second are a least time for each packet, without a burst.
- Vhost's work is done by the virtual core that sends or receives, and hardware threads slow each other by the mean over the machine.
- A bond moves connections by their hash alone; nothing is told of a moved address (gratuitous ARP takes no time).
- A receiver's core is woken for every message, busy or not.
- Acknowledgements travel as packets only while the sender waits for them, one for each skb as it was sent. A lost one is made
  good by the next, one round trip later.
- Congestion controls follow Linux's arithmetic, with windows in whole packets and a jiffy of 4 ms. A loss is known when something
  that was sent later is acknowledged (no wait for reordering, which does not happen), or by the retransmission timer. Before that
  a tail loss probe goes out, once until it is answered: two round trips and two jiffies after the last packet or acknowledgement,
  or with one packet on its way 200 ms more. It carries the first packet that was lost and not the last one, never new data. The timer
  doubles with each time-out that no acknowledgement follows. The window is cut at once (no proportional rate reduction), once for all that was on its way, and recovery
  lasts until all of that has come. BBR is version 1 without its long-term rate for policers; a sender that waits for its
  processor counts as one that sends.
- Messages of up to 45 packets are sent in units as large as the window. Of larger ones, a unit holds what a connection sends in about a millisecond, more over round trips below 2 ms (TSO autosizing), two packets at
  the least, a 64th of its window, and 64 KiB (45 packets of 1500 B) at the most. A port takes as many of its packets as find room while they
  come; where ports share a buffer, and in rings, all or none.
- What a sender has in its own host's queues is bounded (TCP small queues): when that is more than a millisecond at its rate of pacing (two
  units at the least, and `tcp_limit_output_bytes` at the most unless BBR paces it; twice as much for what is sent again), the next unit waits until some has left the card, of
  which the sender knows at once. Payload is counted, where the kernel counts `skb->truesize`. Nothing is held back of messages of one unit, nor of what
  is routed on its way to the card (a bridge's or docker_gwbridge's way to the outside): IP's receive work takes the socket off an skb.
- All flows of a card stand in one row, as with `pfifo_fast` on a card of one queue; a card's queues side by side would let a small request pass. With `qdisc: fq_codel` what has nothing in its queue (one of 1,024, by
  a hash) goes ahead of all but the two units that the card has taken already; what waits is not moved by it, and what comes later is. Flows with a backlog stand in the order of arrival, as turns of a unit each would have it where TCP small
  queues bound them. CoDel drops nothing here. A card with burst credit has one row.
- No acknowledgement is delayed (40 ms and more for one packet alone): a sender waits for one only with a window of one packet, after a time-out,
  and then it is answered at once, since it fills a hole. Small writes are not held back either (Nagle).
- A bulk transfer's sender writes `write` bytes at a time: full units, then the whole segments that are left, then what is left of a segment.
  So TCP cuts them while a small packet is not acknowledged, which then is there at once (Nagle's rule holds nothing for long). What
  the cut costs the sender beside one more unit is the profile's `held`. A sender that had to wait for its window has
  written more in the meantime, so that its next unit is full whatever it writes; so are all units without `write`, and those from the outside, which has no processor.
- The receive window is `window_limit_bytes` from the start, less what is not read. The kernel begins with 64 KiB and lets it grow to twice what was read in a
  round trip, so that it does not hold back slow start.
- Segmentation is by TSO and reassembly by GRO in units of up to 45 packets; GRO's misses are in the per-packet cost.
- A card without `tso` (or `tx-checksum`, or `udp-tunnel-tso` under VXLAN and Geneve) gets packets that the kernel has cut (`gso.segment`);
  `gso` makes no difference to TCP, which makes large units whatever the card can (Linux from 4.17 on), and `lro` none on a host that
  forwards, where the kernel turns it off.
- A card without `gro` (or `rx-checksum`) brings every wire packet through IP, netfilter and TCP by itself. Bulk transfers then move by
  twos, since every second packet is acknowledged; a thread that finds more to read goes on in its system call, and one that sleeps
  begins a new one. Requests stay in units. Behind the end of a VXLAN or Geneve tunnel packets are merged again, whatever the card does.
- `rfs` brings receive work to the core of the thread that has the connection for itself (bulk transfers). Without it, on a node of more
  than one core, stages cost what the profile's `cross` says: packets are received on another core than they are read on.
- `rps` (off unless it is named, as in Linux, where `rps_cpus` is empty) hands what a receive queue's core has merged on to all cores by the flow's hash: that core pays
  `rps`, the other one `rps.backlog`, with an interrupt when it was quiet, and all that follows. A backlog takes `netdev_max_backlog` skbs and drops what
  comes then, after all the work before. With `rfs` beside it the card has found the core already. No flow limit, and no second steering behind a tunnel.
- A profile's `poll` is an interrupt's cost. A receive queue raises none while its core is at what came before, nor within
  `irq.moderation` of the last one. With it, a unit is one skb only if one poll finds all of its packets: they come one by one where flows alternate (as many as wait at a
  transmitter, on a node at most its cores), a poll finds what came in the moderation or while its core was busy, and shares its 64 packets among the flows that wait. Each further skb
  costs the fixed times behind `nic.rx`, an interrupt if the queue is quiet, and the reader's unless it reads already; what receive work takes more is booked under `nic.rx`. Requests are read as before.
- Connections are drawn from a pool in turn. A pooled connection is opened when it is first used.
- ESP's padding (0 to 3 bytes a packet) is in the MTU; of smaller packets it is left out.
- Of a unit whose packets are cut into IP fragments the last packet counts as the others; rings count packets, and fragments are never lost to
  the time-out of reassembly (30 s) alone.
- A macvlan or ipvlan container never reaches its own node, not even by the router of its VLAN.
- ipvlan's mode l3s costs a conntrack lookup for every packet, and no entry for the first.
- Frames to a router carry their VLAN tag as far as the outside; a router itself takes no time.
- TCP knows from the start what its own node's card takes of an overlay that is not encrypted, and the outside what the
  ingress node's takes. A network whose packets a receiver's card does not take is a limit exceeded, and `netsim run` refuses it; told to go on
  (`--ignore-limits`), a card drops an skb with packets larger than it takes as a whole, its last and smaller one, too.
- Netfilter is on the way where it decides something: what a bridge routes, published ports, balancers, a task's redirect. Nodes and
  containers with a resolver of Docker's also track what merely comes in and goes out (VXLAN's and a node's own packets, a container's
  in its own namespace): those look-ups, of a fifth of a microsecond each, and their entries are left out.
- What look-ups in conntrack cost beside other cores and in long chains is counted in receive work alone.
- IPVS counts a client's packets as two for the handshake and two for each request (for drop_entry).
- A processor limit (`resources.limits.cpus`) is a budget for each 100 ms, of which a core takes 5 ms at a time (CFS bandwidth control). Who finds it used up
  stands still until the next period, and then has a turn like the others.
- Threads of `work.busy` take turns with all others, 3 ms each: whoever wakes up waits for the turn that is on, as with EEVDF's RUN_TO_PARITY (Linux 6.6
  and newer); older kernels let who has slept go first. A job runs as long as its image says, whoever shares its cores.
- An address that its task has given back is not answered. So it was on a real overlay for containers that had talked to it before; one that had
  not gets EHOSTUNREACH when ARP has given up, within 3 s (`tests/data/swarm/names.jsonl`), where TCP or the client's time-out ends it here.
- The entry knows which nodes have a port in mode host when the clock starts, and then what its checks say. Its checks take no processor time.
- A name is looked up before a connection is opened, by containers alone, and its answer never gets lost (but see `insert_race`,
  whose second try takes its 5 s and no processor time). Of several
  addresses the client takes the first one and tries no other. The outside's DNS takes a round trip and no station.
- A bulk transfer looks up its name in no time, and so does a socket that sends datagrams.
- A datagram is one packet, which nothing cuts or merges; `datagram` larger than a packet is refused. A socket of theirs is one flow: its first
  one makes the entries of conntrack and IPVS, and nothing comes back but what the application sends by itself; so conntrack forgets them 30 s
  after the last one, and IPVS after 300 s. The others go where the entries lead, to a destination of weight 0, too. If it was removed,
  the entry is removed by the datagram that meets it, which is lost (kernels before 5.9), or before that (since 5.9, whose tick of some ms is left out); with
  `expire_nodest_conn` 0 all are lost until it is 300 s old.
- A socket's name is looked up once, and it keeps its address. It is closed with its process, and another task opens its own. What its process has not sent by then,
  and what waits at a task, or is worked on there, when that ends, is `reset`; a closed port (from SIGTERM on) is `refused`; what is sent to a node
  without power, into a link that is down or loses it, or to an address that is nobody's is `timeout`: nobody is told. A task that got its SIGTERM still does what waits.
- A client outside that sends by a node, or to a port, that the entry has left out makes a new flow by another one with its next datagram, as a proxy would;
  it stays there when the first one is back.
- A task has one receive buffer for datagrams, which its workers empty; a datagram leaves it when a worker takes it up. It counts what an
  skb takes (`skb->truesize`): a buffer of a card's ring, or what a sender on the same node allocated. Kernels give the room back in quarters of the
  buffer while a reader is busy; here it is free at once.
- A socket that sends datagrams waits for its thread alone, never for room in its send buffer (`net.core.wmem_default`): what its own card's queue does not
  take is lost there, where a real sender of more than its card's rate would be held back.
"""


def page() -> str:
    """The whole page (Markdown)."""
    lines = [INTRO.rstrip("\n"), ""]
    for name in SHIPPED:
        profile = load_profile(name)
        lines += [f"### Host profile `{name}`", "", f"{profile.description}.", ""]
        lines += [
            "| stage | what happens | fixed ns | ns per packet | ns per byte | beside others | source | confidence |"
        ]
        lines += ["|---|---|---:|---:|---:|---|---|---|"]
        for stage, what in STAGES.items():
            cost = profile.cost(stage)
            numbers = (cost.fixed_ps / 1e3, cost.per_packet_ps / 1e3, cost.per_byte_fs / 1e6)
            cells = [
                f"`{stage}`",
                what,
                *(f"{n:g}" for n in numbers),
                _beside(cost),
                cost.source,
                cost.confidence,
            ]
            lines.append("| " + " | ".join(cells) + " |")
        lines.append("")
    lines += [
        *_constants("TCP", "tcp.yaml"),
        "",
        *_constants("UDP", "udp.yaml"),
        "",
        *_constants("GRO", "gro.yaml"),
        "",
        *_constants("Transmit queues", "qdisc.yaml"),
        "",
        *_constants("DNS", "dns.yaml"),
    ]
    return "\n".join([*lines, *_networks()]) + "\n" + LIMITS


def _beside(cost: StageCost) -> str:
    """What receive work costs more beside other cores, in a full table, for another core's reader, and by interrupt; what a sender pays
    more for the end of a write."""
    texts = (
        (cost.per_core_ppt, f"+{cost.per_core_ppt / 10:g} % a core"),
        (cost.chain_ps, f"+{cost.chain_ps / 1e3:g} ns an entry a bucket"),
        (cost.cross_ppt, f"+{cost.cross_ppt / 10:g} % across cores"),
        (cost.poll_ps, f"+{cost.poll_ps / 1e3:g} ns an interrupt"),
        (cost.held_ps, f"+{cost.held_ps / 1e3:g} ns an end of a write that is cut in two"),
    )
    return ", ".join(text for value, text in texts if value)


def _constants(title: str, file: str) -> list[str]:
    """The table of a data file of constants."""
    lines = [f"## {title}", "", "| constant | value | unit | source | confidence |", "|---|---:|---|---|---|"]
    for name, row in table(file).items():
        cells = (f"`{name}`", f"{row['value']:g}", row["unit"], row["source"], row["confidence"])
        lines.append("| " + " | ".join(cells) + " |")
    return lines


def _made(title: str, driver: str, **words: object) -> tuple[str, str, Network]:
    return title, "", Network.model_validate({"driver": driver, **words})


def _docker(title: str, name: str) -> tuple[str, str, Network]:
    return title, name, OWN_NETWORKS[name]


#: Networks whose ways the page shows: what is said of them, the name if Docker makes them, and what they say.
SHOWN = (
    _made("overlay", "overlay"),
    _made("overlay, encrypted", "overlay", encrypted=True),
    _made("overlay, option dsr", "overlay", options={"dsr": True}),
    _made("overlay, internal", "overlay", internal=True),
    _docker("ingress", "ingress"),
    _docker("bridge, the default one", "bridge"),
    _made("bridge, user-defined", "bridge"),
    _made("bridge, icc off", "bridge", icc=False),
    _made("bridge, internal", "bridge", internal=True),
    _docker("docker_gwbridge", "docker_gwbridge"),
    _made("macvlan", "macvlan", parent="eth0"),
    _made("macvlan on a VLAN", "macvlan", parent="eth0.50"),
    _made("macvlan, private", "macvlan", parent="eth0", mode="private"),
    _made("ipvlan, l2", "ipvlan", parent="eth0", mode="l2"),
    _made("ipvlan, l3", "ipvlan", parent="eth0", mode="l3"),
    _made("ipvlan, l3s", "ipvlan", parent="eth0", mode="l3s"),
    _docker("host", "host"),
    _docker("none", "none"),
)


def _networks() -> list[str]:
    """What each driver says of its networks."""
    lines = [
        "",
        "## Networks",
        "",
        "For a card of 1500 bytes and a known connection. `-`: there is no such way.",
        "",
    ]
    lines += [
        "| network | MTU | names | virtual addresses | default route | on one node | to the card | from the card |"
    ]
    lines += ["|---|---:|---|---|---|---|---|---|"]
    for title, name, network in SHOWN:
        driver = driver_of(name, network)
        cells = [
            title,
            str(driver.mtu(network, 1500)) if title != "none" else "-",
            "yes" if driver.named else "no",
            "yes" if driver.balanced else "no",
            _route(driver, network),
            "-" if driver.barrier(network, True) else _stages(driver.local(network)),
            "-" if driver.barrier(network, False) else _stages(driver.leave(network)),
            "-" if driver.barrier(network, False) else _stages(driver.enter(network)),
        ]
        lines.append("| " + " | ".join(cells) + " |")
    lines += ["", "To the outside:", "", "| network | request | answer |", "|---|---|---|"]
    for title, name, network in SHOWN:
        driver = driver_of(name, network)
        if driver.gives_gateway(network):
            ways = (driver.egress(network, False), driver.egress_reply(network))
            lines.append(f"| {title} | " + " | ".join(_stages(way) for way in ways) + " |")
    accepts = [
        "",
        "| driver | words besides driver, subnet, mtu and internal | modes | options |",
        "|---|---|---|---|",
    ]
    for driver in BUILT_IN.values():
        columns = (sorted(driver.words), driver.modes, sorted(driver.options))
        accepts.append(f"| {driver.name} | " + " | ".join(", ".join(c) or "-" for c in columns) + " |")
    return lines + accepts


def _route(driver: Driver, network: Network) -> str:
    if driver.gives_gateway(network):
        return "its own"
    return "by docker_gwbridge" if driver.wants_gateway(network) else "none"


def _stages(stages: Stages) -> str:
    return " ".join(f"`{stage}`" for stage in stages) or "nothing"


if __name__ == "__main__":
    print(page(), end="")
