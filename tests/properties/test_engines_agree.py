"""The fast engine against the reference, to the picosecond, on generated scenarios.

Topology, profiles, rates, buffers, load, bulk transfers, connections, calls, time-outs and retries vary; constants and hosts on
which nothing costs anything make ties. Finish times, fates, attempts, splits, every station's record and the
conntrack peaks have to be equal.
"""

from __future__ import annotations

import hashlib
import os
import pickle
import tempfile
import zlib
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
from helpers import scenario_from
from hypothesis import HealthCheck, Phase, event, example, given, settings
from hypothesis import strategies as st

from netsim.engine.border import NEVER_PS, Change, Holder, LinkState, Message, What
from netsim.engine.fast.simulate import FastPlane
from netsim.engine.machinery import Machinery, run_out
from netsim.engine.record import FATES, RunRecord
from netsim.engine.reference import Reference
from netsim.engine.world import World
from netsim.model.build import build_model
from netsim.model.entities import Model
from netsim.model.problems import ModelError
from netsim.scenario import Scenario

durations = st.sampled_from(["0s", "1us", "100us", "1ms", "3ms", "7ms"])
spreads = st.one_of(
    durations,
    st.sampled_from(
        ["{exponential: {mean: 2ms}}", "{lognormal: {mean: 1ms, cv: 2}}", "{uniform: {low: 0s, high: 4ms}}"]
    ),
)
caches = st.sampled_from(["", "", ", dns: {cache: true}"])
sizes = st.sampled_from(["0B", "1B", "600B", "1448B", "12KiB", "70KiB", "300KiB", "3MiB"])


@st.composite
def connections(draw: st.DrawFn) -> str:
    if draw(st.booleans()):
        return "new"
    words = [f"pool: {draw(st.sampled_from([1, 2, 7, 40]))}"]
    if draw(st.booleans()):
        words.append(f"requests: {draw(st.sampled_from([1, 3, 50]))}")
    if draw(st.booleans()):
        words.append(f"idle: {draw(st.sampled_from(['5ms', '50ms']))}")
    if draw(st.booleans()):
        words.append("tls: true")
    words.append(
        draw(
            st.sampled_from(["congestion: cubic", "congestion: cubic", "congestion: reno", "congestion: bbr"])
        )
    )
    return "{" + ", ".join(words) + "}"


@st.composite
def attempts(draw: st.DrawFn) -> str:
    text = ""
    if draw(st.booleans()):
        text += f", timeout: {draw(st.sampled_from(['2ms', '20ms', '150ms']))}"
        if draw(st.booleans()):
            jitter = draw(st.sampled_from(["0", "0.5", "1"]))
            text += (
                f", retries: {{max: {draw(st.integers(0, 3))}, backoff: {draw(durations)}, jitter: {jitter}}}"
            )
    return text


@st.composite
def calls(draw: st.DrawFn, targets: list[str]) -> str:
    found = []
    for name in targets:
        target = draw(st.sampled_from([name, name, name, f"tasks.{name}"]))
        parallel = str(draw(st.booleans())).lower()
        found.append(
            f"{{to: {target}, count: {draw(st.integers(1, 3))}, parallel: {parallel}, request: {draw(sizes)}, "
            f"response: {draw(sizes)}, connection: {draw(connections())}{draw(caches)}{draw(attempts())}}}"
        )
    return "[" + ", ".join(found) + "]"


@st.composite
def services(draw: st.DrawFn, name: str, targets: list[str]) -> str:
    work = f"cpu: {draw(spreads)}, wait: {draw(durations)}, workers: {draw(st.integers(1, 4))}"
    work += f", blocking: {str(draw(st.booleans())).lower()}, backlog: {draw(st.sampled_from([1, 3, 4096]))}"
    work += draw(st.sampled_from(["", "", ", receive_buffer: 0B", ", receive_buffer: 3000B"]))
    work += draw(st.sampled_from(["", "", "", ", busy: 1", ", busy: 2"]))
    limit = draw(
        st.sampled_from(["", "resources: {limits: {cpus: 0.3}}, ", "resources: {limits: {cpus: 1.5}}, "])
    )
    mode = draw(st.sampled_from(["ingress", "host"]))
    both = f"{{published: 8080, target: 80, mode: {mode}}}, {{published: 53, target: 53, mode: {mode}, protocol: udp}}"
    ports = f"ports: [{both}], " if name == "web" else ""
    mine = draw(calls([t for t in targets if draw(st.booleans())]))
    endpoint = draw(st.sampled_from(["", "", "endpoint_mode: dnsrr, "])) if name != "web" else ""
    most = 2 if mode == "host" and name == "web" else 3
    replicas = draw(st.sampled_from([1, 1, 2, 2, most, 0]))
    scheduler = draw(st.sampled_from(["rr", "rr", "wlc", "sh", "mh", "twos", "lblcr", "nq"]))
    flags = draw(st.sampled_from(["[]", "[port]", "[fallback, port]"]))
    sticky = draw(
        st.sampled_from(["", "", "", ", persistence: 20ms", ", persistence: 1h, persistence_prefix: 30"])
    )
    balance = f"ipvs: {{scheduler: {scheduler}, flags: {flags}{sticky}}}, "
    return f"  {name}: {{replicas: {replicas}, networks: [net], {endpoint}{balance}{ports}{limit}work: {{{work}}}, calls: {mine}}}\n"


@st.composite
def bulk(draw: st.DrawFn, name: str) -> str:
    """One of few units most of the time: each is some thirty events of the reference."""
    source, target = draw(
        st.sampled_from(
            [("outside", "web:8080"), ("web", "db"), ("box", "web"), ("db", "outside"), ("m-1", "outside")]
        )
    )
    size = draw(st.sampled_from(["100KB", "100KB", "1MB", "1MB", "3333333B", "20MB"]))
    start = draw(st.sampled_from(["0s", "0s", "9ms", "50ms"]))
    tls = draw(
        st.sampled_from(
            [
                "",
                "",
                ", connection: {tls: true}",
                ", connection: {congestion: reno}",
                ", connection: {congestion: bbr}",
            ]
        )
    )
    write = draw(
        st.sampled_from(["", "", ", write: 128KiB", ", write: 130000B", ", write: 5000B", ", write: 200B"])
    )
    return f"  {name}: {{from: {source}, to: '{target}', bulk: {size}, flows: {draw(st.integers(1, 3))}, start: {start}{write}{tls}}}\n"


@st.composite
def streams(draw: st.DrawFn, name: str) -> str:
    """Datagrams, from one socket or several."""
    source, target = draw(
        st.sampled_from(
            [("outside", "web:53"), ("web", "db"), ("box", "tasks.api"), ("db", "outside"), ("m-1", "web:53")]
        )
    )
    kind, rate = draw(st.sampled_from(["poisson", "constant"])), draw(st.sampled_from(["300/s", "3000/s"]))
    size, flows = draw(st.sampled_from(["1B", "172B", "1200B"])), draw(st.integers(1, 3))
    return f"  {name}: {{from: {source}, to: '{target}', arrivals: {{{kind}: {rate}}}, datagram: {size}, flows: {flows}}}\n"


@st.composite
def loads(draw: st.DrawFn, name: str) -> str:
    other = draw(st.integers(0, 5))
    if other < 2:
        return draw(bulk(name) if other else streams(name))
    source, target = draw(
        st.sampled_from(
            [
                ("outside", "web:8080"),
                ("web", "db"),
                ("box", "tasks.api"),
                ("db", "outside"),
                ("m-1", "outside"),
                ("db", "box"),
                ("web", "box"),
            ]
        )
    )
    rate = draw(st.sampled_from(["20/s", "100/s", "400/s"]))
    arrivals = draw(
        st.sampled_from(
            [
                f"arrivals: {{poisson: {rate}}}", f"arrivals: {{constant: {rate}}}",
                f"arrivals: {{lognormal: {{rate: {rate}, cv: 3}}}}",
                "arrivals: {poisson: [[0s, 0/s], [200ms, 300/s]]}", "users: 1, think: 5ms",
                "users: 9, think: {exponential: {mean: 10ms}}",
            ]
        )
    )  # fmt: skip
    cache = "" if source == "outside" else draw(caches)
    return (
        f"  {name}: {{from: {source}, to: '{target}', {arrivals}, request: {draw(sizes)}, response: {draw(sizes)}, "
        f"connection: {draw(connections())}{cache}{draw(attempts())}}}\n"
    )


#: A check of the test itself wants a failure soon, not a small one.
PHASES = [Phase.explicit, Phase.generate] + ([] if "NETSIM_NO_SHRINKING" in os.environ else [Phase.shrink])


@st.composite
def scenarios(draw: st.DrawFn) -> str:
    nic = f"nic: {{rate: {draw(st.sampled_from(['20Mbit', '1Gbit', '10Gbit']))}, ring: {draw(st.sampled_from([8, 64, 1024]))}"
    nic += f", rx_queues: {draw(st.integers(1, 3))}" + draw(
        st.sampled_from(["", "", ", pps: 3000/s", ", burst: {baseline: 15Mbit, credit: 200KB}"])
    )
    nic += draw(
        st.sampled_from(["", "", "", ", bond: {links: 2}", ", bond: {links: 3, mode: active-backup}"])
    )
    nic += draw(
        st.sampled_from(
            [
                "",
                "",
                "",
                ", offloads: [tso, gro, rfs, rx-checksum, tx-checksum]",
                ", offloads: [rfs]",
                ", offloads: [tso, gro, rps, rx-checksum, tx-checksum]",
                ", offloads: [rps]",
                ", offloads: [tso, tx-checksum]",
            ]
        )
    )
    mtu, other = draw(
        st.sampled_from(
            [(1500, 0), (1500, 0), (1450, 0), (9000, 0), (1500, 1400), (1450, 1500), (9000, 1500)]
        )
    )
    profile = draw(
        st.sampled_from(["stock", "tuned", "zero.yaml", "tight.yaml", "old.yaml", "race.yaml", "cores.yaml"])
    )
    smt = draw(st.sampled_from(["", "", "", ", cores: 2, smt: 0.6", ", cores: 4, smt: 0.75"]))
    cores = smt or f", cores: {draw(st.integers(1, 3))}"
    group = f"role: manager, count: {draw(st.integers(2, 3))}{cores}, profile: {profile}"
    entry = f"choose: {draw(st.sampled_from(['round-robin', 'random', 'source-hash', 'first']))}"
    buffer = draw(st.sampled_from(["4KiB", "40KiB", "12MiB"]))
    text = f"netsim: 1\nseed: {draw(st.integers(0, 9))}\nduration: 300ms\nwarmup: {draw(st.sampled_from(['0s', '50ms']))}\n"
    stands = "labels: {rack: a, site: x}"
    more = f", w: {{cores: 1, profile: {profile}, {stands}, {nic}, mtu: {other}}}}}" if other else ""
    text += f"nodes: {{m: {{{group}, labels: {{rack: [a, b], site: [x, y]}}, {nic}, mtu: {mtu}}}}}{more}}}\n"
    text += "" if smt else draw(st.sampled_from(["", "", "hypervisors: {h: {cores: 1, nodes: [m-*]}}\n",
                                  "hypervisors: {h: {cores: 3, nodes: [m-2, m-1]}}\n",
                                  "hypervisors: {h: {cores: 4, nodes: [m-2, m-1], nic: {rate: 100Mbit}}}\n"]))  # fmt: skip
    spines, uplink = draw(st.integers(1, 3)), draw(st.sampled_from(["20Mbit", "1Gbit", "40Gbit"]))
    leaves = f", leaf_spine: {{spines: {spines}, uplink: {uplink}, buffer: {buffer}}}"
    wan = f", wan: {{latency: 1ms, rate: {uplink}, buffer: {buffer}}}"
    switches = draw(st.sampled_from(["", "", leaves, wan, leaves + wan, f", rate: {uplink}"]))
    switches += draw(st.sampled_from(["", "", ", alpha: 1", ", alpha: 0.25"]))
    text += (
        f"fabric: {{latency: {draw(st.sampled_from(['0s', '1us', '50us']))}, buffer: {buffer}{switches}}}\n"
    )
    text += (
        f"outside: {{rtt: {draw(st.sampled_from(['0s', '1ms', '20ms']))}, clients: 5, entry: {{{entry}}}}}\n"
    )
    network = draw(
        st.sampled_from(
            [
                "driver: overlay, attachable: true",
                "driver: overlay, attachable: true, encrypted: true",
                *(["driver: overlay, attachable: true, mtu: 8950"] if other or mtu != 1500 else []),
            ]
        )
    )
    text += f"networks: {{net: {{{network}}}}}\nservices:\n"
    text += draw(services("web", ["api", "db"])) + draw(services("api", ["db"])) + draw(services("db", []))
    text += "containers:\n  box: {node: m-1, networks: [net]}\nload:\n"
    for number in range(draw(st.integers(1, 3))):
        text += draw(loads(f"w{number}"))
    return text


NODES = ["m-1", "m-2", "m-3"]
PLACED = ["web.1", "web.2", "api.1", "api.2", "db.1", "db.2"]
#: Transmitters between sites, racks and machines.
BETWEEN = ["switch/x.wan", "switch/a.up1", "switch/b.down2", "switch/h"]
TASKS = ["web.1", "web.2", "api.1", "api.2", "db.1", "db.2", "box", "web.1x", "db.1x"]


Step = Change | str | Message | dict[str, float]


@st.composite
def links(draw: st.DrawFn) -> LinkState:
    return LinkState(
        up=draw(st.sampled_from([True, True, False])), loss=draw(st.sampled_from([0.0, 0.01, 0.3])),
        delay_ps=draw(st.sampled_from([0, 1, 10**6, 10**9])), rate_bps=draw(st.sampled_from([None, 10**7, 10**9])),
        direction=draw(st.sampled_from(["both", "sends", "receives"])),
    )  # fmt: skip


@st.composite
def changes(draw: st.DrawFn) -> Step:
    """A change, the name of a task of which one more is made, a message, or rates of control traffic."""
    if draw(st.integers(0, 4)) == 0:
        if draw(st.booleans()):
            return {
                name: draw(st.sampled_from([0.0, 1e6, 19e6, 1e9])) for name in draw(st.permutations(NODES))
            }
        src, dst, _ = draw(st.permutations(NODES))
        size = draw(st.sampled_from([0, 200, 1448, 65_000, 300_000, 3_000_000]))
        return Message(0, src, dst, size, draw(st.booleans()))
    what = draw(
        st.sampled_from(
            [
                What.TASK_GONE, What.TASK_GONE, What.TASK_GONE, What.TASK_TERMS, What.SANDBOX_GONE, What.TASK_LISTENS, What.TASK_AGAIN, What.TASK_AGAIN, What.NODE_DOWN,
                What.NODE_DOWN, What.NODE_UP, What.LINK, What.LINK, What.PART, What.STEAL, What.ENTRY_OUT, What.ENTRY_IN,
                What.BACKGROUND, What.BACKGROUND, What.CABLE, What.LANES, What.DETACH, What.DETACH, What.ATTACH, What.NAME_REMOVE, What.NAME_ADD,
                What.BACKEND_REMOVE, What.BACKEND_REMOVE, What.BACKEND_WEIGHT, What.BACKEND_ADD, What.PORT_REMOVE, What.PORT_ADD,
                What.HOLDER, What.HOLDER, None,
            ]
        )
    )  # fmt: skip
    if what is None:
        return draw(st.sampled_from(["web.1", "db.1"]))
    if what in (What.ATTACH, What.DETACH):
        return Change(what, "box", network="net")
    if what in (What.NAME_ADD, What.NAME_REMOVE):
        what = draw(
            st.sampled_from(
                [what, what, {What.NAME_ADD: What.FORWARD_ADD, What.NAME_REMOVE: What.FORWARD_REMOVE}[what]]
            )
        )
        times = draw(st.lists(st.sampled_from([0, 70 * 10**9, 71 * 10**9, NEVER_PS]), min_size=4, max_size=4))
        return Change(what, "box", times_ps=np.array(times, np.int64))
    if what in (What.BACKEND_ADD, What.BACKEND_WEIGHT, What.BACKEND_REMOVE):
        times = draw(
            st.lists(st.sampled_from([0, 0, 70 * 10**9, 71 * 10**9, NEVER_PS]), min_size=4, max_size=4)
        )
        value = int(what == What.BACKEND_ADD)
        return Change(what, draw(st.sampled_from(PLACED)), value=value, times_ps=np.array(times, np.int64))
    if what in (What.PORT_ADD, What.PORT_REMOVE):
        due = draw(st.sampled_from([0, 70 * 10**9, 200 * 10**9]))
        return Change(what, draw(st.sampled_from(["web.1", "web.2"])), due, value=1)
    if what == What.HOLDER:
        times = draw(st.lists(st.sampled_from([0, 70 * 10**9, 71 * 10**9, NEVER_PS]), min_size=4, max_size=4))
        task, other = draw(st.sampled_from([PLACED[:2], PLACED[2:4], PLACED[4:], PLACED[1::-1]]))
        kind = draw(st.sampled_from(Holder))
        return Change(
            what, task, value=kind, times_ps=np.array(times, np.int64), network=draw(st.sampled_from(["net", "ingress"])),
            groups=((draw(st.sampled_from([task, other])),),) if kind == Holder.TASK else (),
        )  # fmt: skip
    if what in (What.CABLE, What.LANES):
        link = LinkState(draw(st.booleans())) if what == What.CABLE else None
        return Change(what, draw(st.sampled_from(NODES)), value=draw(st.integers(1, 3)), link=link)
    if what == What.BACKGROUND:
        value = draw(st.sampled_from([0, 10**6, 19 * 10**6, 10**9]))
        if draw(st.integers(0, 2)) == 0:
            return Change(what, draw(st.sampled_from(BETWEEN)), value=value)
        link = LinkState(direction=draw(st.sampled_from(["sends", "receives"])))
        return Change(what, draw(st.sampled_from(NODES)), value=value, link=link)
    if what == What.PART:
        return Change(
            what, "", groups=draw(st.sampled_from([(), (("m-1",), ("m-2", "m-3")), (("m-2",), ("m-1",))]))
        )
    if what < What.NODE_DOWN:
        return Change(what, draw(st.sampled_from(TASKS)))
    value = draw(st.sampled_from([0, 1, 300_000, 999_999])) if what == What.STEAL else 0
    return Change(
        what, draw(st.sampled_from(NODES)), value=value, link=draw(links()) if what == What.LINK else None
    )


#: When and what; a third of all runs have none.
schedules = st.one_of(
    st.just([]),
    st.lists(
        st.tuples(st.sampled_from([0, 1, 10**9, 50 * 10**9, 77_777_777_777, 180 * 10**9]), changes()),
        min_size=2,
        max_size=6,
    ),
    st.lists(st.tuples(st.integers(10**10, 29 * 10**10), changes()), min_size=1, max_size=8),
)


def carried_out(
    kind: type[Machinery], scenario: Scenario, model: Model, plan: list[tuple[int, Step]]
) -> tuple[RunRecord, list[object]]:
    """A run with changes, and what it told of messages; what a plan says of tasks or nodes that are not there is left
    out."""
    plane = kind(World(scenario, model, scenario.seed, 1, keep_requests=True))
    told: list[object] = []
    links = plane.world.machine.links
    for number, (at, step) in enumerate(sorted(plan, key=lambda step: step[0])):
        while plane.advance(at) < at:
            told.append((plane.now_ps, plane.outcomes()))
        told.append(plane.look(sorted(links), 300).tolist())
        if isinstance(step, str):
            old, new = model.tasks.get(step), f"{step}x"
            if old is not None and new not in plane.world.model.tasks:
                last = list(model.nodes.values())[-1]
                plane.add_task(replace(old, name=new, node=last, addresses=dict(old.addresses)))
        elif isinstance(step, Message):
            if {step.src, step.dst} <= set(model.nodes):
                told.append(plane.path_delay(step.src, step.dst, step.size_bytes))
                plane.send([replace(step, number=number)])
        elif isinstance(step, dict):
            plane.background({name: rate for name, rate in step.items() if name in model.nodes})
        elif isinstance(step, Change) and not (fits(step, model) and may_return(step, plane)):
            continue
        elif not step.subject or any(
            step.subject in known for known in (model.nodes, plane.world.model.tasks, links)
        ):
            known = model.nodes.keys() | model.tasks.keys()
            groups = tuple(tuple(n for n in group if n in known) for group in step.groups)
            if step.what != What.HOLDER or () not in groups:
                plane.apply([replace(step, groups=groups)])
    record = run_out(plane)
    return record, [*told, plane.outcomes()]


def by_reference(
    text: str, scenario: Scenario, model: Model, plan: list[tuple[int, Step]]
) -> tuple[RunRecord, list[object]]:
    """What the reference does; kept in the folder that a check of the test itself names, which changes the other engine
    alone and comes back with the same scenarios."""
    folder = os.environ.get("NETSIM_KEPT_RUNS")
    if folder is None:
        return carried_out(Reference, scenario, model, plan)
    kept = Path(folder) / hashlib.sha256(repr((text, plan)).encode()).hexdigest()
    if kept.exists():
        found: tuple[RunRecord, list[object]] = pickle.loads(zlib.decompress(kept.read_bytes()))
        return found
    found = carried_out(Reference, scenario, model, plan)
    part = kept.with_suffix(f".{os.getpid()}")
    part.write_bytes(zlib.compress(pickle.dumps(found), 1))
    part.replace(kept)
    return found


def may_return(step: Change, plane: Machinery) -> bool:
    """Whether a task has been over for as long as a container needs to start again."""
    if step.what != What.TASK_AGAIN:
        return True
    server = plane.world.servers.get(step.subject)
    return server is not None and plane.now_ps - server.ended_ps >= 100 * 10**9


def fits(step: Change, model: Model) -> bool:
    """Whether a bond has the cables that a change says it uses."""
    node = model.nodes.get(step.subject)
    bonded = node is not None and node.cables > 1 and step.value >> node.cables == 0
    return step.what != What.LANES or bonded


def filtered(parts: list[dict[str, int]]) -> list[dict[str, int]]:
    return [{name: ps for name, ps in split.items() if ps} for split in parts]


def assert_equal(a: RunRecord, b: RunRecord) -> None:
    for name, one in a.workloads.items():
        other = b.workloads[name]
        x, z = one.log, other.log
        assert np.array_equal(x.start_ps, z.start_ps), name
        assert np.array_equal(x.fate, z.fate), name
        assert np.array_equal(x.finish_ps, z.finish_ps), name
        assert np.array_equal(x.attempts, z.attempts), name
        assert (one.jitter_sum_ps, one.jitters) == (other.jitter_sum_ps, other.jitters), name
        assert np.array_equal(x.response_bytes, z.response_bytes), name
        assert filtered(x.split) == z.split, name
        for field in ("fates", "ended", "latency", "histogram", "parts", "outage"):
            assert np.array_equal(getattr(one, field), getattr(other, field)), (name, field)
        assert (one.completed_in_period, one.goodput_bytes_in_period) == (
            other.completed_in_period,
            other.goodput_bytes_in_period,
        )
    for name, station in a.stations.items():
        assert asdict(station) == asdict(b.stations[name])
    assert a.visits == b.visits and a.conntrack_peak == b.conntrack_peak and a.simulated_ps == b.simulated_ps


#: A connection that rests for longer than the time-out of retransmission and shorter than twice that, between requests of many
#: windows: generated runs are too short to do this often.
RESTING = """netsim: 1
seed: 1
duration: 2s
warmup: 0s
nodes: {m: {role: manager, count: 2, cores: 2, profile: stock}}
outside: {rtt: 20ms, clients: 1}
networks: {net: {driver: overlay, attachable: true}}
services:
  web: {replicas: 1, networks: [net], ports: [{published: 8080, target: 80}], work: {cpu: 100us}}
load:
  rests: {from: outside, to: 'web:8080', users: 1, think: 300ms, request: 300KiB, response: 300KiB, connection: {pool: 1}}
"""

#: Requests of forty users come at once to a card with room for sixteen packets: it is full to the last place, and beyond.
FULL_RING = """netsim: 1
duration: 200ms
warmup: 0s
nodes: {m: {role: manager, cores: 1, profile: stock, nic: {ring: 16}}}
outside: {rtt: 1ms, clients: 40}
networks: {net: {driver: overlay}}
services: {web: {networks: [net], ports: [{published: 8080, target: 80}], work: {cpu: 20us}}}
load:
  kept: {from: outside, to: 'web:8080', users: 40, think: 10ms, request: 600B, response: 600B, connection: {pool: 1}}
  anew: {from: outside, to: 'web:8080', users: 40, think: 10ms, request: 600B, response: 600B, connection: new}
"""

#: Full packets of the manager are larger than the worker's card takes; small ones pass.
BLACK_HOLE = """netsim: 1
duration: 1s
warmup: 0s
nodes: {m: {role: manager, cores: 2, profile: stock}, w: {cores: 2, profile: stock, nic: {mtu: 1400}}}
outside: {rtt: 1ms, clients: 2, entry: {nodes: [m-1]}}
networks: {net: {driver: overlay, attachable: true}}
services:
  web: {networks: [net], placement: {constraints: [node.role == worker]}, ports: [{published: 8080, target: 80}], work: {cpu: 100us}}
load:
  small: {from: outside, to: 'web:8080', arrivals: {constant: 50/s}, request: 600B, response: 70KiB, connection: {pool: 2}}
  large: {from: outside, to: 'web:8080', arrivals: {constant: 50/s}, request: 70KiB, response: 600B, timeout: 300ms}
  bulk: {from: outside, to: 'web:8080', bulk: 1MB}
"""

#: A container leaves its network, its name is forgotten a little later on each node, and it comes back.
LEAVING = """netsim: 1
duration: 2s
warmup: 0s
nodes: {m: {role: manager, count: 2, cores: 2, profile: stock}}
networks: {net: {driver: overlay, attachable: true}}
services: {web: {replicas: 2, networks: [net], work: {cpu: 100us}}}
containers: {box: {node: m-1, networks: [net], work: {cpu: 100us}}}
load:
  kept: {from: web, to: box, arrivals: {constant: 100/s}, request: 600B, response: 70KiB, connection: {pool: 4}, timeout: 100ms}
  anew: {from: web, to: box, arrivals: {constant: 100/s}, request: 600B, response: 600B, connection: new, timeout: 100ms}
  leaver: {from: box, to: web, arrivals: {constant: 100/s}, request: 600B, response: 600B, connection: new, timeout: 100ms}
"""
MS = 10**9
LEAVES: list[tuple[int, Step]] = [
    (499 * MS, Message(0, "m-1", "m-2", 3_000_000)),
    (500 * MS, Change(What.DETACH, "box", network="net")),
    (501 * MS, Change(What.NAME_REMOVE, "box", times_ps=np.array([500 * MS, 700 * MS]))),
    (1000 * MS, Change(What.ATTACH, "box", network="net")),
    (1001 * MS, Change(What.NAME_ADD, "box", times_ps=np.array([1000 * MS, 1200 * MS]))),
]


#: Clients that stay with their tasks while one task's weight falls to 0 and another goes and comes back, on kernels that
#: drop entries at random; who calls a task that listens no more is refused, and its entry waits in CLOSE.
STICKY = """netsim: 1
duration: 3s
warmup: 0s
nodes: {m: {role: manager, count: 2, cores: 2, profile: old.yaml}}
outside: {clients: 7}
networks: {net: {driver: overlay}}
services:
  web: {replicas: 3, networks: [net], ports: [{published: 8080, target: 80}], ipvs: {persistence: 100ms}, work: {cpu: 100us}}
  api: {replicas: 3, networks: [net], ipvs: {scheduler: wlc, persistence: 1h}, work: {cpu: 100us}}
load:
  anew: {from: outside, to: 'web:8080', arrivals: {constant: 40/s}, request: 600B, response: 600B, connection: new, timeout: 2s}
  kept: {from: web, to: api, arrivals: {constant: 100/s}, request: 600B, response: 600B, connection: {pool: 2, requests: 9}, timeout: 2s}
"""
SHIFTS: list[tuple[int, Step]] = [
    (400 * MS, Change(What.BACKEND_WEIGHT, "web.1", value=0)),
    (600 * MS, Change(What.TASK_TERMS, "api.2")),
    (900 * MS, Change(What.BACKEND_REMOVE, "api.2")),
    (1500 * MS, Change(What.BACKEND_WEIGHT, "web.1", value=1)),
]


#: Kernels that drop IPVS entries at random: a balancer that is first asked after the second look, when attempts come again, does not
#: make what was looked for already be looked for again.
RANDOMLY_DROPPED = """netsim: 1
seed: 5
duration: 300ms
warmup: 0s
nodes: {m: {role: manager, count: 2, cores: 4, profile: old.yaml, nic: {rate: 10Gbit, rx_queues: 2, mtu: 1500}}, w: {cores: 1, profile: old.yaml, nic: {rate: 10Gbit, rx_queues: 2, mtu: 1500}}}
outside: {rtt: 20ms, clients: 5, entry: {choose: round-robin}}
networks: {net: {driver: overlay, attachable: true}}
services:
  web: {replicas: 2, networks: [net], ports: [{published: 8080, target: 80, mode: ingress}, {published: 53, target: 53, mode: ingress, protocol: udp}], resources: {limits: {cpus: 0.3}}, work: {cpu: 2ms, workers: 2, blocking: false, backlog: 3, busy: 2}, calls: [{to: api, count: 3, request: 1B, response: 0B, connection: new}]}
  api: {replicas: 1, networks: [net], resources: {limits: {cpus: 0.3}}, work: {cpu: 7ms, workers: 3, blocking: true, backlog: 1}, calls: [{to: db, count: 1, request: 1B, response: 1B, connection: new}]}
  db: {replicas: 2, networks: [net], resources: {limits: {cpus: 0.3}}, work: {cpu: 0s, wait: 7ms, workers: 3, blocking: false, backlog: 1, busy: 2}, calls: []}
load:
  w0: {from: m-1, to: 'web:53', arrivals: {constant: 300/s}, datagram: 172B, flows: 1}
"""


#: Names whose answers lose and get addresses on each node at its own time: a service without a virtual address, one whose tasks
#: are asked one by one, a virtual address that has no task for a while, and clients that keep what they were told.
NAMED = """netsim: 1
duration: 1s
warmup: 100ms
nodes: {m: {role: manager, count: 2, cores: 2}}
networks: {net: {attachable: true}}
services:
  rr: {replicas: 3, endpoint_mode: dnsrr, networks: [net], work: {cpu: 100us}, calls: [{to: tasks.db, response: 12KiB, timeout: 50ms}]}
  db: {replicas: 2, networks: [net], work: {cpu: 100us}}
containers: {a: {node: m-1, networks: [net]}, b: {node: m-2, networks: [net]}}
load:
  asks: {from: a, to: rr, arrivals: {constant: 200/s}, connection: new, timeout: 50ms}
  keeps: {from: b, to: rr, arrivals: {constant: 200/s}, connection: {requests: 3}, timeout: 50ms, dns: {cache: true}}
  vip: {from: b, to: db, arrivals: {constant: 200/s}, connection: new, timeout: 50ms}
  one: {from: a, to: rr.2, arrivals: {constant: 100/s}, connection: new, timeout: 50ms}
  bulk: {from: a, to: tasks.db, bulk: 3MB, flows: 2, start: 700ms}
"""


#: Ports in mode host: the entry's list loses one and gets it back, a task ends and its node answers for it, a node dies.
PORTED = """netsim: 1
duration: 1s
warmup: 100ms
nodes: {m: {role: manager, count: 3, cores: 2}}
outside: {clients: 7, entry: {choose: CHOICE}}
networks: {net: {}}
services:
  web: {replicas: 3, networks: [net], ports: [{published: 8080, target: 80, mode: host}, {published: 81, target: 81, mode: host}], work: {cpu: 100us}}
load:
  anew: {from: outside, to: 'web:8080', arrivals: {constant: 200/s}, connection: new, timeout: 50ms}
  kept: {from: outside, to: 'web:81', arrivals: {constant: 200/s}, connection: {pool: 5, requests: 9}, timeout: 50ms, retries: {max: 2}}
"""
PORTS: list[tuple[int, Step]] = [
    (0, Change(What.PORT_REMOVE, "web.1", 100 * MS)),
    (0, Change(What.PORT_ADD, "web.1", 300 * MS, value=1)),
    (200 * MS, Change(What.TASK_GONE, "web.2")),
    (210 * MS, Change(What.SANDBOX_GONE, "web.2")),
    (400 * MS, Change(What.PORT_REMOVE, "web.2", 450 * MS)),
    (500 * MS, Change(What.NODE_DOWN, "m-3")),
    (600 * MS, Change(What.ENTRY_OUT, "m-3")),
    (700 * MS, Change(What.PORT_REMOVE, "web.1", 800 * MS)),
    (900 * MS, Change(What.ENTRY_IN, "m-3")),
]


def row(what: What, task: str, *times_ms: int) -> Change:
    return Change(what, task, value=int(what == What.BACKEND_ADD), times_ps=np.array(times_ms, np.int64) * MS)


FORGETS: list[tuple[int, Step]] = [
    (-50 * MS, row(What.BACKEND_REMOVE, "rr.1", 100, 200)),
    (200 * MS, row(What.BACKEND_WEIGHT, "rr.2", 300, 250)),
    (250 * MS, row(What.BACKEND_WEIGHT, "rr.3", 350, 350)),
    (260 * MS, row(What.BACKEND_WEIGHT, "db.1", 300, 300)),
    (270 * MS, row(What.BACKEND_REMOVE, "db.1", 400, 500)),
    (280 * MS, row(What.BACKEND_REMOVE, "db.2", 450, 500)),
    (300 * MS, Change(What.NODE_DOWN, "m-2")),
    (600 * MS, row(What.BACKEND_ADD, "rr.1", 610, 640)),
    (600 * MS, row(What.BACKEND_ADD, "db.1", 650, 620)),
    (650 * MS, Change(What.SANDBOX_GONE, "rr.1")),
]


#: Addresses that were given again: what is meant for a task that has gone is served by another one, refused, or swallowed, by
#: the virtual address, the mesh, and who keeps what DNS said; each node hears of it at its own time.
REUSED = (
    NAMED.replace(
        "containers:",
        "  sink: {replicas: 2, networks: [net], ports: [{published: 80, target: 80}], work: {cpu: 100us}}\ncontainers:",
    )
    .replace(
        "load:\n",
        """load:
  logs: {from: b, to: sink, arrivals: {constant: 500/s}, datagram: 300B, flows: 4}
  mesh: {from: outside, to: 'sink:80', arrivals: {constant: 200/s}, connection: {pool: 4, requests: 5}, timeout: 50ms}
""",
    )
    .replace("networks:", "outside: {rtt: 1ms}\nnetworks:", 1)
)


def holder(kind: Holder, task: str, other: str, network: str, *times_ms: int) -> Change:
    groups = ((other,),) if other else ()
    times = np.array(times_ms, np.int64) * MS
    return Change(What.HOLDER, task, value=kind, times_ps=times, network=network, groups=groups)


TAKEN: list[tuple[int, Step]] = [
    (-50 * MS, holder(Holder.STRANGER, "rr.1", "", "net", 300, 350)),
    (-50 * MS, holder(Holder.TASK, "db.2", "db.1", "net", 100, 400)),
    (100 * MS, Change(What.SANDBOX_GONE, "rr.1")),
    (150 * MS, Change(What.SANDBOX_GONE, "db.2")),
    (200 * MS, holder(Holder.NOBODY, "rr.2", "", "net", 210, 0)),
    (300 * MS, holder(Holder.TASK, "rr.2", "rr.2", "net", 0, 600)),
    (350 * MS, Change(What.SANDBOX_GONE, "sink.1")),
    (400 * MS, holder(Holder.TASK, "sink.1", "sink.2", "ingress", 0, 500)),
    (400 * MS, holder(Holder.STRANGER, "sink.1", "", "net", 0, 450)),
    (500 * MS, row(What.BACKEND_REMOVE, "sink.2", 600, 520)),
    (600 * MS, holder(Holder.TASK, "rr.1", "rr.3", "net", 700, 650)),
    (800 * MS, holder(Holder.NOBODY, "rr.1", "", "net", 850, 900)),
]


#: The sandbox of one of two tasks goes while connections to it are open: nothing tells their clients.
VANISHING = """netsim: 1
duration: 1s
warmup: 0s
nodes: {m: {role: manager, count: 2, cores: 2, profile: stock}}
networks: {net: {driver: overlay, attachable: true}}
services: {web: {replicas: 2, networks: [net], work: {cpu: 100us}}}
containers: {box: {node: m-1, networks: [net]}}
load:
  kept: {from: box, to: web, arrivals: {constant: 200/s}, request: 600B, response: 70KiB, connection: {pool: 8}, timeout: 100ms}
"""
VANISHES: list[tuple[int, Step]] = [(500 * MS, Change(What.SANDBOX_GONE, "web.1"))]


#: Work of several time slices on one core, a listen queue of one, and transfers over a link that loses packets to a
#: receiver that has no time to read.
BUSY = """netsim: 1
duration: 1s
warmup: 0s
nodes: {m: {role: manager, cores: 1, profile: stock}}
outside: {rtt: 4ms, clients: 20}
networks: {net: {driver: overlay, attachable: true}}
services:
  web: {networks: [net], ports: [{published: 8080, target: 80}], work: {cpu: 7ms, workers: 3, backlog: 1}}
  sink: {networks: [net], ports: [{published: 8081, target: 80}]}
load:
  anew: {from: outside, to: 'web:8080', users: 12, think: 5ms, request: 600B, response: 600B, connection: new, timeout: 150ms}
  up: {from: outside, to: 'web:8080', bulk: 3333333B, flows: 4}
  short: {from: outside, to: 'sink:8081', bulk: 100KB, flows: 9, start: 100ms}
  down: {from: web, to: outside, bulk: 1MB, flows: 2}
"""
LOSES: list[tuple[int, Step]] = [
    (250 * MS, Change(What.LINK, "m-1", link=LinkState(loss=0.03))),
]


#: Transfers under each congestion control over one port with a small buffer, that lose packets on the way besides, for long enough
#: to be in every phase.
CONGESTED = """netsim: 1
duration: 3s
warmup: 0s
nodes:
  m: {role: manager, cores: 4, profile: tuned, nic: {rate: 1Gbit}}
  w: {cores: 4, profile: tuned, nic: {rate: 100Mbit}}
fabric: {latency: 4ms, buffer: 150KiB}
networks: {net: {driver: overlay, attachable: true}}
services:
  src: {networks: [net], placement: {constraints: [node.role == manager]}}
  dst: {networks: [net], placement: {constraints: [node.role == worker]}, work: {cpu: 1ms}}
load:
  cubic: {from: src, to: dst, bulk: 1GB, connection: {congestion: cubic}}
  reno: {from: src, to: dst, bulk: 1GB, connection: {congestion: reno}}
  bbr: {from: src, to: dst, bulk: 1GB, connection: {congestion: bbr}}
  kept: {from: src, to: dst, users: 2, think: 70ms, request: 300KiB, response: 300KiB, connection: {pool: 1, congestion: bbr}}
  asks: {from: src, to: dst, users: 2, think: 300ms, request: 300KiB, response: 300KiB, connection: {pool: 2, congestion: reno}}
"""
CONGESTS: list[tuple[int, Step]] = [
    (1500 * MS, Change(What.LINK, "m-1", link=LinkState(loss=0.002))),
]


#: Three nodes of two cores on a machine of three: their threads, quotas and receive work meet on its cores, and the
#: power of one goes and comes back while the others work.
SHARED = """netsim: 1
duration: 1s
warmup: 0s
nodes: {m: {role: manager, count: 3, cores: 2, profile: stock}, w: {cores: 2, profile: tuned}}
hypervisors: {h: {cores: 3, nodes: [m-*]}}
outside: {rtt: 1ms, clients: 20}
networks: {net: {driver: overlay, attachable: true}}
services:
  web: {replicas: 4, networks: [net], ports: [{published: 8080, target: 80}], resources: {limits: {cpus: 0.9}}, work: {cpu: 5ms, workers: 3}}
load:
  users: {from: outside, to: 'web:8080', arrivals: {poisson: 400/s}, request: 600B, response: 70KiB, timeout: 150ms, connection: {pool: 10}}
  up: {from: outside, to: 'web:8080', bulk: 20MB, flows: 3}
"""
FAILS_ALONE: list[tuple[int, Step]] = [
    (200 * MS, Change(What.STEAL, "m-3", value=300_000)),
    (400 * MS, Change(What.NODE_DOWN, "m-2")),
    (401 * MS, Message(0, "w-1", "m-3", 300_000, True)),
    (600 * MS, Change(What.NODE_UP, "m-2")),
]

#: A server is in the middle of answers that do not fit its socket when its container leaves the network: nothing of them is on its
#: way any more until the client gives up and the worker hears of it.
STALLED = """netsim: 1
duration: 300ms
warmup: 0s
nodes: {m: {role: manager, count: 2, cores: 2, profile: tuned, nic: {rate: 10Gbit}}}
networks: {net: {driver: overlay, attachable: true}}
services:
  web: {replicas: 2, networks: [net], work: {cpu: 1ms, workers: 3}}
containers:
  box: {node: m-1, networks: [net]}
load:
  w0: {from: web, to: 'box', users: 9, think: {exponential: {mean: 10ms}}, response: 3MiB, connection: {pool: 2, idle: 50ms}, timeout: 2ms}
  w1: {from: web, to: 'box', arrivals: 50/s, response: 1MiB, connection: new, timeout: 20ms}
"""
STALLS: list[tuple[int, Step]] = [
    (12 * MS, Change(What.DETACH, "box", network="net")),
    (13 * MS, "web.1"),
    (60 * MS, Change(What.ATTACH, "box", network="net")),
    (90 * MS, Change(What.DETACH, "box", network="net")),
]

#: Two racks on two sites under three spines whose ports are small: answers and transfers cross, the lanes fill and drop, and
#: a node dies with units of its own between the switches.
CROSSING = """netsim: 1
duration: 1s
warmup: 0s
nodes: {m: {role: manager, count: 4, cores: 2, labels: {rack: [a, b], site: [x, y]}, nic: {rate: 1Gbit}}}
fabric: {latency: 5us, leaf_spine: {spines: 3, uplink: 300Mbit, buffer: 100KiB}, wan: {latency: 2ms, rate: 500Mbit, buffer: 200KiB}}
outside: {rtt: 1ms, clients: 20}
networks: {net: {driver: overlay, attachable: true}}
services:
  web: {replicas: 2, networks: [net], ports: [{published: 8080, target: 80}], placement: {constraints: [node.labels.rack == a]}, work: {cpu: 500us, workers: 8}, calls: [{to: db, response: 70KiB, connection: {pool: 4}}]}
  db: {replicas: 2, networks: [net], placement: {constraints: [node.labels.rack == b]}, work: {cpu: 300us, workers: 8}}
load:
  users: {from: outside, to: 'web:8080', arrivals: {poisson: 300/s}, request: 600B, response: 12KiB, timeout: 200ms, connection: {pool: 20, requests: 9}}
  copy: {from: db, to: web, bulk: 20MB, flows: 4}
"""
ONE_DIES: list[tuple[int, Step]] = [
    (200 * MS, Change(What.PART, "", groups=(("m-1", "m-3"), ("m-2", "m-4")))),
    (260 * MS, Change(What.PART, "")),
    (300 * MS, Change(What.LINK, "m-1", link=LinkState(loss=0.05, delay_ps=10**8, direction="both"))),
    (500 * MS, Change(What.NODE_DOWN, "m-2")),
    (501 * MS, Message(0, "m-3", "m-4", 300_000, True)),
    (700 * MS, Change(What.NODE_UP, "m-2")),
]


#: Cards with few packets a second and a credit that runs out, in pairs behind hypervisors' cards, and a switch whose ports
#: share one small buffer.
RATIONED = """netsim: 1
duration: 1s
warmup: 100ms
nodes:
  m: {role: manager, count: 4, cores: 2, nic: {rate: 1Gbit, pps: 30000/s, burst: {baseline: 40Mbit, credit: 2MB}}}
  w: {cores: 2}
hypervisors:
  h: {cores: 4, nodes: [m-1, m-2], nic: {rate: 300Mbit, burst: {baseline: 60Mbit, credit: 1MB}}}
  g: {cores: 4, nodes: [m-3, m-4], nic: {rate: 1Gbit}}
fabric: {latency: 5us, buffer: 300KiB, alpha: 0.5}
outside: {rtt: 1ms, clients: 20}
networks: {net: {driver: overlay, attachable: true}}
services:
  web: {replicas: 3, networks: [net], ports: [{published: 8080, target: 80}], work: {cpu: 300us, workers: 8}, calls: [{to: db, response: 12KiB, connection: {pool: 4}}]}
  db: {replicas: 3, networks: [net], work: {cpu: 200us, workers: 8}}
load:
  users: {from: outside, to: 'web:8080', arrivals: {poisson: 200/s}, request: 600B, response: 70KiB, timeout: 400ms, connection: {pool: 20, requests: 9}}
  copy: {from: db, to: web, bulk: 5MB, flows: 4}
"""
#: Cards of two and three cables, one of which is pulled under load: what goes over it is lost until the bond leaves it.
BONDED = """netsim: 1
duration: 600ms
warmup: 0s
nodes:
  m: {role: manager, count: 2, cores: 2, sockets: 2, smt: 0.6, nic: {rate: 100Mbit, bond: {links: 2}}}
  w: {count: 2, cores: 2, nic: {rate: 100Mbit, bond: {links: 3, mode: active-backup}}}
outside: {rtt: 1ms, clients: 20}
networks: {net: {driver: overlay, attachable: true}}
services: {web: {replicas: 4, networks: [net], ports: [{published: 8080, target: 80}], work: {cpu: 300us, workers: 8}}}
load:
  users: {from: outside, to: 'web:8080', arrivals: {poisson: 200/s}, request: 600B, response: 70KiB, timeout: 300ms, connection: {pool: 20}}
  up: {from: outside, to: 'web:8080', bulk: 3MB, flows: 4}
"""
PULLED: list[tuple[int, Step]] = [
    (200 * MS, Change(What.CABLE, "m-1", value=2, link=LinkState(False))),
    (201 * MS, Change(What.CABLE, "w-1", value=1, link=LinkState(False))),
    (202 * MS, Message(0, "m-1", "w-1", 300_000, True)),
    (250 * MS, Change(What.LANES, "m-1", value=1)),
    (280 * MS, Change(What.LANES, "w-1", value=4)),
    (400 * MS, Change(What.CABLE, "m-1", value=2)),
    (450 * MS, Change(What.LANES, "m-1", value=3)),
    (460 * MS, Change(What.NODE_DOWN, "w-2")),
]
A_GUEST_DIES: list[tuple[int, Step]] = [
    (500 * MS, Change(What.NODE_DOWN, "m-2")),
    (501 * MS, Message(0, "m-1", "m-3", 300_000, True)),
    (700 * MS, Change(What.NODE_UP, "m-2")),
]


#: One virtual address: its holder dies, nobody has it for a while, another node takes it, and the first one takes it back.
#: Kept connections, answers of many windows, uploads and handshakes with TLS are cut off in the middle of all that.
TAKEN_OVER = """netsim: 1
duration: 4s
warmup: 0s
nodes: {m: {role: manager, count: 3, cores: 2, nic: {rate: 1Gbit}}}
outside: {rtt: 20ms, clients: 20, entry: {nodes: [m-1, m-2], vrrp: {priorities: {m-1: 150}}}}
networks: {net: {driver: overlay, attachable: true}}
services:
  web: {replicas: 3, networks: [net], ports: [{published: 8080, target: 80}], work: {cpu: 300us, workers: 8}, calls: [{to: db, response: 12KiB, connection: {pool: 4}}]}
  db: {replicas: 2, networks: [net], work: {cpu: 200us, workers: 8}}
load:
  kept: {from: outside, to: 'web:8080', arrivals: {poisson: 200/s}, request: 600B, response: 300KiB, timeout: 2500ms, connection: {pool: 20}}
  anew: {from: outside, to: 'web:8080', arrivals: {poisson: 200/s}, request: 70KiB, response: 600B, timeout: 2500ms, connection: {requests: 1, tls: true}}
  up: {from: outside, to: 'web:8080', bulk: 300MB, flows: 4}
  out: {from: web, to: outside, arrivals: {poisson: 100/s}, request: 600B, response: 70KiB, connection: {pool: 4}}
"""
#: The same with datagrams besides, which nobody answers.
TAKEN_OVER_TOLD = TAKEN_OVER.replace("target: 80}]", "target: 80}, {published: 53, target: 53, protocol: udp}]").replace(
    "  kept:", "  told: {from: outside, to: 'web:53', arrivals: {poisson: 400/s}, datagram: 500B, flows: 7}\n  kept:"
)  # fmt: skip
TAKEOVER: list[tuple[int, Step]] = [
    (0, Change(What.ENTRY_ADDRESS, "m-1")),
    (0, Change(What.ENTRY_OUT, "m-2")),
    (0, Change(What.ENTRY_OUT, "m-3")),
    (1000 * MS, Change(What.NODE_DOWN, "m-1")),
    (1000 * MS, Change(What.ENTRY_ADDRESS, "")),
    (1790 * MS, Change(What.ENTRY_IN, "m-2")),
    (1790 * MS, Change(What.ENTRY_OUT, "m-1")),
    (1800 * MS, Change(What.ENTRY_ADDRESS, "m-2")),
    (2200 * MS, Change(What.NODE_UP, "m-1")),
    (2500 * MS, Change(What.ENTRY_IN, "m-1")),
    (2500 * MS, Change(What.ENTRY_OUT, "m-2")),
    (2510 * MS, Change(What.ENTRY_ADDRESS, "m-1")),
    (3000 * MS, Change(What.ENTRY_ADDRESS, "m-3")),  # late for those who send: their SYNs are turned away
]


#: Processes on the nodes themselves ask: a bridge address, a port by the node's address, by loopback and from another node,
#: the mesh, and containers ask what runs in a node's own namespace. A node that asks dies.
FROM_NODES = """netsim: 1
duration: 500ms
warmup: 0s
nodes: {n: {role: manager, count: 2, cores: 2, nic: {rate: 1Gbit}}}
networks: {br: {driver: bridge}, ov: {driver: overlay}}
services:
  web: {replicas: 3, networks: [ov], ports: [{published: 8080, target: 80}], work: {cpu: 300us, workers: 4}}
containers:
  a: {node: n-1, networks: [br], ports: [{published: 81, target: 80}], work: {cpu: 200us}, calls: [{to: h, response: 12KiB}]}
  b: {node: n-1, networks: [br], work: {cpu: 50us}}
  h: {node: n-2, networks: [host], work: {cpu: 50us}}
load:
  direct: {from: n-1, to: b, arrivals: {poisson: 200/s}, response: 70KiB}
  own: {from: n-1, to: 'a:81', arrivals: {poisson: 200/s}, connection: new}
  far: {from: n-2, to: 'a:81', arrivals: {poisson: 200/s}, timeout: 100ms, connection: {pool: 4}}
  proxy: {from: n-1, to: 'localhost:81', users: 3}
  mesh: {from: n-2, to: 'web:8080', arrivals: {poisson: 300/s}, response: 20KiB, connection: {requests: 1}}
  local: {from: n-1, to: 'localhost:8080', arrivals: {poisson: 300/s}, connection: {pool: 5, requests: 7, tls: true}}
  out: {from: b, to: h, bulk: 3MB, flows: 2}
  in: {from: n-1, to: b, bulk: 3MB, flows: 2}
"""
A_SOURCE_DIES: list[tuple[int, Step]] = [
    (300 * MS, Change(What.NODE_DOWN, "n-2")),
    (400 * MS, Change(What.NODE_UP, "n-2")),
]

#: The card of a hypervisor whose nodes say that they stand in two racks: one port, which has a part in one buffer only.
ONE_CARD = """netsim: 1
seed: 0
duration: 300ms
warmup: 0s
nodes: {m: {role: manager, count: 2, cores: 1, profile: stock, labels: {rack: [a, b], site: [x, y]}, nic: {rate: 1Gbit, ring: 8, rx_queues: 1, mtu: 1500}}}
hypervisors: {h: {cores: 4, nodes: [m-2, m-1], nic: {rate: 100Mbit}}}
fabric: {latency: 0s, buffer: 4KiB, leaf_spine: {spines: 1, uplink: 20Mbit, buffer: 4KiB}, alpha: 1}
outside: {rtt: 0s, clients: 5, entry: {choose: round-robin}}
networks: {net: {driver: overlay, attachable: true}}
services:
  web: {replicas: 1, networks: [net], ipvs: {scheduler: rr, flags: []}, ports: [{published: 8080, target: 80, mode: ingress}], work: {cpu: 0s, wait: 0s, workers: 1, blocking: false, backlog: 1}, calls: []}
  api: {replicas: 1, networks: [net], ipvs: {scheduler: rr, flags: []}, work: {cpu: 0s, wait: 0s, workers: 1, blocking: false, backlog: 1}, calls: []}
  db: {replicas: 1, networks: [net], ipvs: {scheduler: rr, flags: []}, work: {cpu: 0s, wait: 0s, workers: 1, blocking: false, backlog: 1}, calls: []}
containers:
  box: {node: m-1, networks: [net]}
load:
  w0: {from: outside, to: 'web:8080', bulk: 100KB, flows: 1, start: 0s}
  w1: {from: db, to: 'outside', bulk: 100KB, flows: 2, start: 0s}
"""

#: Cards without TSO and GRO, and with RFS: flows cut by the sender's kernel or not, that their receiver takes packet by packet or,
#: behind a tunnel, not, on the core of the thread that reads them or on another; lost packets among them.
UNMERGED = """netsim: 1
duration: 35ms
warmup: 0s
nodes:
  m: {role: manager, cores: 4, profile: cores.yaml, nic: {rate: 1Gbit, offloads: [rfs]}}
  w: {cores: 3, profile: cores.yaml, nic: {rate: 10Gbit, offloads: [tso, tx-checksum]}}
  x: {cores: 2, profile: cores.yaml, nic: {rate: 10Gbit, offloads: [gro, rx-checksum, rfs]}}
fabric: {latency: 20us, buffer: 60KiB}
outside: {rtt: 2ms, clients: 5}
networks: {net: {driver: overlay, attachable: true}}
services:
  src: {replicas: 3, networks: [net], ports: [{published: 8080, target: 80}], work: {cpu: 100us}}
  raw: {replicas: 3, networks: [host], work: {cpu: 100us}}
containers:
  one: {node: m-1, networks: [host]}
  two: {node: w-1, networks: [host]}
  three: {node: x-1, networks: [net]}
load:
  a: {from: raw, to: one, bulk: 1GB, flows: 3, write: 130000B}
  b: {from: raw, to: two, bulk: 1GB, flows: 3, connection: {congestion: bbr}}
  c: {from: src, to: three, bulk: 1GB, flows: 3, connection: {congestion: reno}}
  up: {from: outside, to: 'src:8080', bulk: 1GB, flows: 3}
  asks: {from: three, to: src, arrivals: {poisson: 300/s}, request: 600B, response: 70KiB, connection: {pool: 4}, timeout: 30ms}
"""
LOSES_SOME: list[tuple[int, Step]] = [(25 * MS, Change(What.LINK, "w-1", link=LinkState(loss=0.003)))]

#: Receive queues that hand packets on to all cores, as units and packet by packet, whose backlogs are short; a node without power.
STEERED = """netsim: 1
duration: 15ms
warmup: 0s
nodes:
  m: {role: manager, count: 2, cores: 3, profile: short.yaml, nic: {rate: 10Gbit, rx_queues: 1, offloads: [tso, gro, rps, rx-checksum, tx-checksum]}}
  w: {cores: 2, profile: short.yaml, nic: {rate: 10Gbit, rx_queues: 2, offloads: [tso, rps, tx-checksum]}}
outside: {rtt: 1ms, clients: 30, entry: {nodes: [m-1, w-1]}}
networks: {net: {driver: overlay, attachable: true}}
services:
  web: {replicas: 3, networks: [net], ports: [{published: 80, target: 80}, {published: 53, target: 53, protocol: udp}], work: {cpu: 20us, workers: 9}}
containers: {box: {node: w-1, networks: [net]}}
load:
  users: {from: outside, to: 'web:80', arrivals: {poisson: 20000/s}, request: 600B, response: 12KiB, connection: new, timeout: 30ms}
  asks: {from: box, to: web, arrivals: {poisson: 9000/s}, request: 5KiB, response: 70KiB, connection: {pool: 9}}
  names: {from: outside, to: 'web:53', arrivals: {poisson: 60000/s}, datagram: 100B, flows: 30}
  up: {from: outside, to: 'web:80', bulk: 1GB, flows: 3}
"""
STREAMS_ALONE = "\n".join(line for line in STEERED.splitlines() if "names:" not in line)
FAILS_UNDER_LOAD: list[tuple[int, Step]] = [
    (5 * MS, Change(What.NODE_DOWN, "m-2")),
    (10 * MS, Change(What.NODE_UP, "m-2")),
]

#: Cards whose flows' packets alternate: many flows between nodes of several cores, steered to their readers, over one queue that hands
#: them on, through a node that forwards, and over a port slower than the cards; large answers among them.
ALTERNATING = """netsim: 1
duration: 4ms
warmup: 0s
nodes:
  m: {role: manager, cores: 6, profile: cores.yaml, nic: {rate: 40Gbit, rx_queues: 6, offloads: [tso, gro, rfs, rx-checksum, tx-checksum, udp-tunnel-tso]}}
  w: {cores: 4, profile: cores.yaml, nic: {rate: 40Gbit, rx_queues: 1, offloads: [tso, gro, rps, rx-checksum, tx-checksum]}}
  x: {cores: 2, profile: cores.yaml, nic: {rate: 10Gbit, rx_queues: 2, offloads: [gro, rx-checksum, tx-checksum, tso]}}
fabric: {latency: 2us, buffer: 900KiB}
outside: {rtt: 100us, clients: 30, entry: {nodes: [x-1]}}
networks: {net: {driver: overlay, attachable: true}}
services:
  web: {networks: [net], placement: {constraints: [node.hostname == w-1]}, ports: [{published: 80, target: 80}], work: {cpu: 5us, workers: 9}}
containers: {a: {node: m-1, networks: [net]}, b: {node: w-1, networks: [net]}, c: {node: x-1, networks: [net]}, d: {node: m-1, networks: [net]}}
load:
  one: {from: a, to: b, bulk: 1GB, flows: 8}
  back: {from: b, to: d, bulk: 1GB, flows: 8}
  slow: {from: a, to: c, bulk: 1GB, flows: 3, connection: {congestion: bbr}}
  in: {from: outside, to: 'web:80', bulk: 1GB, flows: 5}
  asks: {from: c, to: web, arrivals: {poisson: 9000/s}, request: 600B, response: 70KiB, connection: {pool: 9}}
"""

#: What bulk transfers have in their own host's queues: beside others' on one card, over a short ring, over a wire that loses some
#: of it, from a node without power, at a congestion control that paces; and on ways that are routed, where nothing counts.
QUEUED = """netsim: 1
duration: 130ms
warmup: 0s
nodes:
  m: {role: manager, count: 2, cores: 2, profile: tuned, nic: {rate: 100Mbit, ring: 64}}
  w: {cores: 2, profile: narrow.yaml, nic: {rate: 1Gbit, bond: {links: 2}}}
fabric: {latency: 100us, buffer: 400KiB}
outside: {rtt: 4ms, clients: 5}
networks: {net: {driver: overlay, attachable: true}, br: {driver: bridge}}
services:
  web: {replicas: 3, networks: [net], ports: [{published: 80, target: 80}], work: {cpu: 50us, workers: 9}}
containers: {a: {node: m-1, networks: [net]}, b: {node: m-2, networks: [net]}, c: {node: w-1, networks: [net]}, r: {node: m-1, networks: [br]}}
load:
  one: {from: a, to: b, bulk: 1GB, flows: 5}
  two: {from: a, to: c, bulk: 1GB, flows: 2, connection: {congestion: bbr}}
  far: {from: c, to: b, bulk: 1GB, flows: 4, connection: {congestion: reno}}
  out: {from: r, to: outside, bulk: 1GB, flows: 2}
  down: {from: outside, to: 'web:80', arrivals: {poisson: 30/s}, request: 600B, response: 300KiB, connection: {pool: 9}, timeout: 90ms}
  asks: {from: a, to: web, arrivals: {poisson: 300/s}, request: 600B, response: 70KiB, connection: {pool: 4}}
"""
#: Cards whose queues flows take turns in: what has nothing there goes ahead, small and large; datagrams among them.
FAIR = (
    QUEUED.replace("ring: 64}", "ring: 64, qdisc: fq_codel}").replace(
        "bond: {links: 2}", "bond: {links: 2}, qdisc: fq_codel"
    )
    + """  names: {from: a, to: b, arrivals: {poisson: 900/s}, request: 100B, response: 20KiB, connection: new}
  voice: {from: b, to: c, arrivals: {constant: 500/s}, datagram: 172B, flows: 9}
"""
)
LOSES_AND_FAILS: list[tuple[int, Step]] = [
    (30 * MS, Change(What.LINK, "m-1", link=LinkState(loss=0.01))),
    (60 * MS, Change(What.LINK, "m-1", link=LinkState())),
    (80 * MS, Change(What.NODE_DOWN, "m-1")),
    (120 * MS, Change(What.NODE_UP, "m-1")),
]

#: Senders that are busier than their ways, by writes whose end is cut in two, or is a whole number of segments, or less than one; and
#: one whose card is slower.
WRITES = """netsim: 1
duration: 15ms
warmup: 5ms
nodes: {m: {role: manager, count: 2, cores: 4, profile: cores.yaml, nic: {rate: 100Gbit}}, w: {cores: 2, profile: cores.yaml, nic: {rate: 1Gbit}}}
outside: {rtt: 1ms}
networks: {net: {driver: overlay, attachable: true}, br: {driver: bridge}}
containers:
  a: {node: m-1, networks: [net]}
  b: {node: m-1, networks: [net]}
  c: {node: m-2, networks: [net]}
  d: {node: w-1, networks: [net]}
  e: {node: m-2, networks: [br]}
  f: {node: m-2, networks: [br]}
load:
  near: {from: a, to: b, bulk: 1GB, write: 128KiB}
  far: {from: a, to: c, bulk: 1GB, write: 130000B}
  slow: {from: d, to: c, bulk: 1GB, write: 70000B}
  small: {from: e, to: f, bulk: 1GB, write: 5000B, connection: {congestion: bbr}}
  whole: {from: f, to: e, bulk: 3MB, write: 130320B}
  out: {from: b, to: outside, bulk: 1GB, write: 128KiB}
"""
LOSES_SOME_OF_THEM: list[tuple[int, Step]] = [(8 * MS, Change(What.LINK, "m-2", link=LinkState(loss=0.001)))]

#: Datagrams to a port of the mesh, some of which are on their way before the first one has an entry, to a virtual address and to the
#: outside; receive buffers, a card's ring and a slow port overflow, and who receives calls another service.
DATAGRAMS = """netsim: 1
duration: 200ms
warmup: 20ms
nodes: {m: {role: manager, count: 2, cores: 2, profile: stock, nic: {rate: 1Gbit, ring: 64}}, w: {cores: 2, profile: tight.yaml, nic: {rate: 10Mbit}}}
fabric: {latency: 5us, buffer: 20KB}
outside: {rtt: 20ms, clients: 3, entry: {nodes: [m-1, m-2]}}
networks: {net: {driver: overlay, attachable: true}}
services:
  web: {replicas: 2, networks: [net], placement: {constraints: [node.role == manager]}, ports: [{published: 53, target: 53, protocol: udp}], work: {cpu: {exponential: {mean: 100us}}, workers: 1, receive_buffer: 4000B}}
  asks: {replicas: 2, networks: [net], work: {cpu: 20us, wait: 100us, workers: 1, blocking: false}, calls: [{to: db, response: 600B}]}
  db: {replicas: 2, networks: [net], work: {cpu: 50us}}
containers: {box: {node: m-1, networks: [net]}, slow: {node: w-1, networks: [net]}, bulk: {node: m-2, networks: [net]}}
load:
  out: {from: outside, to: 'web:53', arrivals: {poisson: 9000/s}, datagram: 600B, flows: 3}
  ins: {from: box, to: web, arrivals: {constant: 5000/s}, datagram: 1000B, flows: 2}
  calls: {from: box, to: asks, arrivals: {poisson: 2000/s}, datagram: 10B, flows: 2}
  go: {from: web, to: outside, arrivals: {lognormal: {rate: 5000/s, cv: 3}}, datagram: 1000B, flows: 2, start: 10ms}
  down: {from: box, to: slow, arrivals: {poisson: 2000/s}, datagram: 1200B}
  many: {from: slow, to: db, arrivals: {poisson: 500/s}, datagram: 100B, flows: 9}
  flood: {from: outside, to: 'web:53', arrivals: {poisson: [[0s, 0/s], [100ms, 0/s], [100ms, 900000/s], [106ms, 900000/s], [106ms, 0/s]]}, datagram: 1B, flows: 40}
  up: {from: box, to: bulk, bulk: 5MB}
"""


#: Streams of datagrams beside all that a swarm does: to a port of the mesh and to one in mode host, whose nodes the entry leaves out, to
#: a virtual address, to names of tasks and to a container that leaves; from tasks that end and are followed by others, and from a node
#: that dies. Flows outlive their back ends, on kernels that keep the entries of those and on others.
STREAMS = """netsim: 1
duration: 500ms
warmup: 20ms
nodes: {m: {role: manager, count: 3, cores: 2, profile: PROFILE, nic: {rate: 1Gbit}}}
outside: {rtt: 4ms, clients: 7, entry: {nodes: [m-1, m-2], choose: CHOICE}}
networks: {net: {driver: overlay, attachable: true}}
services:
  web: {replicas: 3, networks: [net], ports: [{published: 53, target: 53, protocol: udp}], work: {cpu: 100us, workers: 1}}
  own: {replicas: 2, networks: [net], ports: [{published: 54, target: 54, protocol: udp, mode: host}], work: {cpu: 2ms, wait: 1ms, workers: 1}}
  rr: {replicas: 3, endpoint_mode: dnsrr, networks: [net], work: {cpu: 50us}, resources: {limits: {cpus: 0.1}}}
  asks: {replicas: 2, networks: [net], work: {cpu: 20us, wait: 1ms, workers: 2}, calls: [{to: web, response: 600B, timeout: 20ms}]}
containers: {box: {node: m-1, networks: [net], work: {cpu: 20us}}, a: {node: m-2, networks: [net]}}
load:
  mesh: {from: outside, to: 'web:53', arrivals: {poisson: 2000/s}, datagram: 300B, flows: 9}
  port: {from: outside, to: 'own:54', arrivals: {poisson: 300/s}, datagram: 300B, flows: 5}
  vip: {from: rr, to: web, arrivals: {constant: 1000/s}, datagram: 100B, flows: 7}
  names: {from: a, to: rr, arrivals: {poisson: 500/s}, datagram: 100B, flows: 4}
  task: {from: web, to: tasks.asks, arrivals: {poisson: 500/s}, datagram: 100B, flows: 4}
  box: {from: web, to: box, arrivals: {poisson: 300/s}, datagram: 100B, flows: 3}
  node: {from: m-3, to: 'web:53', arrivals: {constant: 400/s}, datagram: 100B, flows: 3}
"""
STREAMED: list[tuple[int, Step]] = [
    (40 * MS, row(What.BACKEND_WEIGHT, "web.1", 40, 50, 60)),
    (50 * MS, Change(What.TASK_TERMS, "web.1")),
    (60 * MS, Change(What.TASK_GONE, "web.1")),
    (70 * MS, row(What.BACKEND_REMOVE, "web.1", 75, 80, 90)),
    (72 * MS, "web.1"),
    (74 * MS, Change(What.TASK_LISTENS, "web.1x")),
    (85 * MS, Change(What.SANDBOX_GONE, "web.1")),
    (95 * MS, Change(What.TASK_GONE, "rr.2")),
    (100 * MS, Change(What.TASK_GONE, "own.1")),
    (110 * MS, Change(What.PORT_REMOVE, "own.1", 115 * MS)),
    (120 * MS, Change(What.SANDBOX_GONE, "own.1")),
    (130 * MS, Change(What.ENTRY_OUT, "m-2")),
    (140 * MS, Change(What.DETACH, "box", network="net")),
    (160 * MS, Change(What.ATTACH, "box", network="net")),
    (170 * MS, Change(What.LINK, "m-2", link=LinkState(up=False))),
    (180 * MS, Change(What.LINK, "m-2", link=LinkState(loss=0.2))),
    (200 * MS, Change(What.LINK, "m-2", link=LinkState())),
    (220 * MS, Change(What.NODE_DOWN, "m-3")),
    (240 * MS, row(What.BACKEND_REMOVE, "web.3", 250, 260, 270)),
    (250 * MS, row(What.BACKEND_REMOVE, "web.2", 251, 300, 300)),
    (280 * MS, Change(What.NODE_UP, "m-3")),
    (300 * MS, row(What.BACKEND_ADD, "web.2", 305, 310, 320)),
    (330 * MS, Change(What.ENTRY_IN, "m-2")),
    (340 * MS, Change(What.ENTRY_OUT, "m-1")),
    (350 * MS, Change(What.ENTRY_OUT, "m-2")),
    (360 * MS, Change(What.ENTRY_IN, "m-2")),
    (400 * MS, Change(What.NODE_DOWN, "m-2")),
    (450 * MS, Change(What.NODE_UP, "m-2")),
]


#: Threads that compute beside requests, some of them under a limit: their tasks begin, end and begin anew.
COMPUTING = """netsim: 1
duration: 600ms
warmup: 50ms
nodes: {m: {role: manager, count: 2, cores: 2, profile: stock}}
outside: {rtt: 1ms, clients: 20}
networks: {net: {driver: overlay, attachable: true}}
services:
  web: {replicas: 2, networks: [net], ports: [{published: 8080, target: 80}], work: {cpu: {exponential: {mean: 2ms}}, workers: 8, busy: 1}}
  db: {replicas: 2, networks: [net], work: {busy: 2}, resources: {limits: {cpus: 0.7}}}
containers: {box: {node: m-1, networks: [net], work: {busy: 1}}}
load:
  users: {from: outside, to: 'web:8080', arrivals: {poisson: 300/s}, request: 600B, response: 12KiB, timeout: 200ms, connection: {pool: 20}}
"""
COMPUTES: list[tuple[int, Step]] = [
    (50 * MS, "db.1"),
    (60 * MS, Change(What.TASK_LISTENS, "db.1x")),
    (100 * MS, Change(What.TASK_GONE, "box")),
    (150 * MS, Change(What.STEAL, "m-1", value=300_000)),
    (205 * MS, Change(What.TASK_AGAIN, "box")),
    (250 * MS, Change(What.TASK_GONE, "db.2")),
    (300 * MS, Change(What.NODE_DOWN, "m-2")),
    (500 * MS, Change(What.NODE_UP, "m-2")),
]


def test_full_packets_vanish_at_a_small_card(tmp_path: Path) -> None:
    scenario = scenario_from(BLACK_HOLE, tmp_path)
    scenario.tolerate()
    runs = [carried_out(kind, scenario, build_model(scenario), [])[0] for kind in (Reference, FastPlane)]
    assert_equal(*runs)
    fates = {
        name: {FATES[int(fate)] for fate in done.log.fate if fate >= 0}
        for name, done in runs[1].workloads.items()
    }
    assert fates["small"] == {"completed"} and fates["large"] == {"mtu"}
    drops = {name: station.dropped for name, station in runs[1].stations.items() if station.dropped}
    assert drops and all(name.startswith("w-1/eth0.rx") for name in drops)


def test_a_container_that_leaves_is_silent_then_unknown_and_comes_back(tmp_path: Path) -> None:
    scenario = scenario_from(LEAVING, tmp_path)
    runs = [carried_out(kind, scenario, build_model(scenario), LEAVES)[0] for kind in (Reference, FastPlane)]
    assert_equal(*runs)

    def seen(load: str, since: int, until: int) -> set[str]:
        log = runs[1].workloads[load].log
        when = (log.start_ps >= since * MS) & (log.start_ps < until * MS)
        return {FATES[fate] for fate in log.fate[when]}

    for load in ("kept", "anew", "leaver"):
        assert seen(load, 0, 450) == seen(load, 1300, 2000) == {"completed"}, load
    # The kernel of the other end is told nothing; who opens connections asks for the name, which one node still has.
    assert seen("kept", 501, 700) <= {"timeout", "dns"} and "timeout" in seen("kept", 501, 700)
    assert seen("anew", 501, 700) == {"timeout", "dns"} and seen("anew", 701, 1000) == {"dns"}
    assert seen("anew", 1001, 1200) == {"completed", "dns"}
    assert seen("leaver", 501, 1000) == {"dns"} and seen("leaver", 1001, 1200) == {"completed"}


def agree(text: str, plan: list[tuple[int, Step]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        scenario = scenario_from(text, Path(folder))
        scenario.tolerate()
        try:
            model = build_model(scenario)
        except ModelError:
            event("cannot be placed")
            return
        a, told = by_reference(text, scenario, model, plan)
        for fate in {int(f) for x in a.workloads.values() for f in x.log.fate}:
            event(f"fate {fate}")
        event(f"drops {any(s.dropped for s in a.stations.values())}")
        event(f"{len(plan)} changes")
        b, told_by_fast = carried_out(FastPlane, scenario, model, plan)
        assert told == told_by_fast
        assert_equal(a, b)


@pytest.mark.timeout(1200)
@given(scenarios(), schedules)
@example(RESTING, [])
@example(FULL_RING, [])
@example(BLACK_HOLE, [])
@example(LEAVING, LEAVES)
@example(CONGESTED, CONGESTS)
@example(BUSY, LOSES)
@example(VANISHING, VANISHES)
@example(SHARED, FAILS_ALONE)
@example(CROSSING, ONE_DIES)
@example(STALLED, STALLS)
@example(RATIONED, A_GUEST_DIES)
@example(BONDED, PULLED)
@example(STICKY, SHIFTS)
@example(RANDOMLY_DROPPED, [])
@example(NAMED, FORGETS)
@example(REUSED, TAKEN)
@example(PORTED.replace("CHOICE", "round-robin"), PORTS)
@example(PORTED.replace("CHOICE", "source-hash"), PORTS)
@example(NAMED, [step for step in FORGETS if step[1].what != What.NODE_DOWN])
@example(TAKEN_OVER, TAKEOVER)
@example(TAKEN_OVER_TOLD, TAKEOVER)
@example(FROM_NODES, [])
@example(FROM_NODES, A_SOURCE_DIES)
@example(ONE_CARD, [])
@example(UNMERGED, LOSES_SOME)
@example(COMPUTING, [])
@example(COMPUTING, COMPUTES)
@example(STEERED, [])
@example(STREAMS_ALONE, FAILS_UNDER_LOAD)
@example(ALTERNATING, [])
@example(QUEUED, [])
@example(QUEUED, LOSES_AND_FAILS)
@example(FAIR, LOSES_AND_FAILS)
@example(WRITES, [])
@example(WRITES, LOSES_SOME_OF_THEM)
@example(DATAGRAMS, [])
@example(DATAGRAMS, LOSES_SOME)
@example(STREAMS.replace("CHOICE", "round-robin").replace("PROFILE", "stock"), STREAMED)
@example(STREAMS.replace("CHOICE", "source-hash").replace("PROFILE", "old.yaml"), STREAMED)
@example(STREAMS.replace("CHOICE", "first").replace("PROFILE", "lasting.yaml"), STREAMED)
@settings(
    max_examples=int(os.environ.get("NETSIM_EXAMPLES", "80")),
    suppress_health_check=list(HealthCheck),
    phases=PHASES,
)
def test_both_engines_give_the_same_picoseconds(text: str, plan: list[tuple[int, Step]]) -> None:
    agree(text, plan)


@pytest.mark.slow
@pytest.mark.timeout(1200)
@given(scenarios(), schedules)
@settings(max_examples=300, suppress_health_check=list(HealthCheck))
def test_both_engines_give_the_same_picoseconds_on_many_more(text: str, plan: list[tuple[int, Step]]) -> None:
    agree(text, plan)
