"""Host profiles: what each stage costs on a kind of machine, read from a data file.

A profile names each value's unit, source and confidence. A profile of one's own may say ``base: stock``,
``tuned`` or ``zero`` (nothing costs anything) and give only what differs from it.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import resources

from netsim.datapath.kernel_settings import RANGES, settings
from netsim.scenario.problems import Problem, ScenarioError, show, suggest
from netsim.scenario.yaml_marks import Node, parse, read_text

PS_PER = {"ps": 1, "ns": 1000, "us": 10**6, "ms": 10**9, "s": 10**12}
FS_PER_PS = 1000
DEFAULT_QUANTUM_PS = 3 * PS_PER["ms"]

SHIPPED = ("stock", "tuned", "lab")
BASES = (*SHIPPED, "zero")
CONFIDENCES = ("high", "medium", "low")

#: Every stage that has a cost in a profile, and what happens in it.
STAGES: dict[str, str] = {
    "irq.moderation": "the card holds its interrupt back, and the interrupt reaches a core",
    "core.wake": "a sleeping core wakes up and schedules the thread",
    "tcp.send": "system call, copy from the application, TCP segment",
    "tcp.recv": "system call, copy to the application",
    "udp.send": "system call, copy from the application, datagram and route",
    "udp.recv": "system call, copy to the application, receive buffer freed",
    "ip.recv": "IP and TCP or UDP receive, up to the socket",
    "nic.xmit": "IP output, queueing discipline, driver",
    "nic.rx": "interrupt, NAPI, driver, GRO",
    "rps": "another core is chosen by the flow, its backlog filled and an interrupt sent to it",
    "rps.backlog": "that core begins (interrupt, softirq) and takes the skb from its backlog",
    "veth": "crossing between two network namespaces",
    "bridge": "forwarding on a bridge",
    "ip.forward": "routing between two interfaces",
    "conntrack.hit": "lookup of a known connection",
    "conntrack.new": "entry of a new connection",
    "nat.dnat": "rewriting the destination",
    "nat.snat": "rewriting the source",
    "nat.redirect": "rewriting the published to the target port",
    "ipvs.hit": "IPVS sends a packet of a known connection",
    "ipvs.new": "IPVS chooses a back end for a new connection",
    "vxlan.encap": "VXLAN header, outer UDP and IP",
    "vxlan.decap": "outer UDP and IP, VXLAN header off",
    "geneve.encap": "Geneve header, outer UDP and IP",
    "geneve.decap": "outer UDP and IP, Geneve header off",
    "gso.segment": "cutting into wire packets before what cannot take larger ones, and the card's work for each",
    "ip.fragment": "cutting a packet that is larger than the card's MTU into IP fragments, for each of them",
    "ip.reassemble": "putting a packet together from its IP fragments, for each of them",
    "esp.encrypt": "ESP header and trailer, AES-GCM over each packet",
    "esp.decrypt": "AES-GCM over each packet, ESP header and trailer off",
    "macvlan": "between a macvlan interface and its parent, by MAC address",
    "ipvlan": "between an ipvlan interface and its parent, by IP address",
    "ipvlan.route": "the routing lookup of ipvlan's l3 modes",
    "vlan.tag": "802.1Q tag put on",
    "vlan.untag": "802.1Q tag taken off",
    "proxy": "the userland proxy: two sockets, two wake-ups and two copies",
    "dns.query": "a client asks 127.0.0.11 for a name (A and AAAA) and takes the answer: socket, NAT to the engine's port",
    "dns.answer": "the engine reads the query, looks the name up and answers; per packet: per record",
    "dns.tcp": "the query once more over TCP, because the answer was cut: a connection over loopback",
    "tls.handshake": "TLS handshake, one side's work",
    "tls.record": "TLS encryption or decryption of a message",
    "vhost": "a virtual machine's packet crosses to or from its hypervisor: kick, vhost thread, copy, virtual switch",
}
#: Stages that a profile without base need not name: stock's then hold.
OPTIONAL = ("vhost", "udp.send", "udp.recv", "ip.fragment", "ip.reassemble", "rps", "rps.backlog")


@dataclass(frozen=True, slots=True)
class StageCost:
    """``fixed_ps + per_packet_ps * packets + per_byte_fs * bytes / 1000`` (ps), and where that is from. In receive work it
    grows by ``per_core_ppt`` thousandths for each other core at receive work, and by ``chain_ps`` times the node's entries
    in a bucket of conntrack's table (`netsim.datapath.crowd`). ``cross_ppt``: by so many thousandths it grows where a flow's
    packets are received on another core than they are read on; ``poll_ps``: an interrupt, when the card raises one; ``held_ps``:
    what a sender pays more for the end of a write that TCP cuts in two (`netsim.datapath.writes`)."""

    fixed_ps: int = 0
    per_packet_ps: int = 0
    per_byte_fs: int = 0
    source: str = ""
    confidence: str = "low"
    per_core_ppt: int = 0
    chain_ps: int = 0
    cross_ppt: int = 0
    poll_ps: int = 0
    held_ps: int = 0


@dataclass(frozen=True)
class HostProfile:
    """What stages cost on one kind of machine. ``quantum_ps``: time slice of a thread. ``kernel``: its version and
    what it is set to, by the names of ``data/sysctls.yaml``."""

    name: str
    description: str
    quantum_ps: int
    stages: Mapping[str, StageCost]
    kernel: Mapping[str, float] = field(default_factory=settings)

    def cost(self, stage: str) -> StageCost:
        """The cost of a stage; raises ``KeyError`` for one that no profile has."""
        return self.stages[stage]


def load_profile(name: str, base_dir: str | os.PathLike[str] = ".") -> HostProfile:
    """The profile that ships as ``name``, or the YAML file ``name`` relative to ``base_dir``.

    Raises `ScenarioError` with every problem of the file.
    """
    if name in SHIPPED:
        return _shipped(name)
    path = os.path.join(os.fspath(base_dir), name)
    if not name.endswith((".yaml", ".yml")) and "/" not in name and not os.path.exists(path):
        help = suggest(name, SHIPPED, "profiles")
        raise ScenarioError(
            [Problem(path, 0, 0, "UNKNOWN_PROFILE", "", "stock, tuned, lab or a YAML file", show(name), help)]
        )
    return _read(read_text(path), path)


@cache
def _shipped(name: str) -> HostProfile:
    text = resources.files("netsim").joinpath("data", "profiles", f"{name}.yaml").read_text("utf-8")
    return _read(text, f"{name}.yaml")


def zero_profile() -> HostProfile:
    """Nothing costs anything: what is left is links, queues and application work."""
    nothing = StageCost(source="by definition", confidence="high")
    return HostProfile("zero", "Nothing costs anything", DEFAULT_QUANTUM_PS, dict.fromkeys(STAGES, nothing))


def _read(text: str, file: str) -> HostProfile:
    problems: list[Problem] = []
    reader = _Reader(file, parse(text, file, problems), problems)
    profile = reader.profile()
    if problems:
        raise ScenarioError(problems)
    return profile


class _Reader:
    """Turns the tree of a profile file into a profile; what is wrong goes to ``problems``."""

    def __init__(self, file: str, tree: Node, problems: list[Problem]) -> None:
        self.file = file
        self.tree = tree
        self.problems = problems

    def wrong(
        self, path: tuple[str, ...], code: str, expected: str, found: object, help: str | None = None,
        of_key: bool = False,
    ) -> None:  # fmt: skip
        file, line, col = self.tree.place(path, of_key=of_key)
        self.problems.append(Problem(file, line, col, code, ".".join(path), expected, show(found), help))

    def known(self, path: tuple[str, ...], keys: object, valid: tuple[str, ...]) -> bool:
        """Whether it is a mapping; unknown keys of it are problems."""
        if not isinstance(keys, dict):
            self.wrong(path, "WRONG_TYPE", "a mapping", keys)
            return False
        for key in keys:
            if key not in valid:
                self.wrong((*path, key), "UNKNOWN_KEY", "a known key", key, suggest(key, valid, "keys"), True)
        return True

    def profile(self) -> HostProfile:
        data = self.tree.plain()
        base = zero_profile()
        if not self.known((), data, ("name", "description", "base", "quantum", "kernel", "stages")):
            return base
        assert isinstance(data, dict)
        base_name = data.get("base")
        if base_name in SHIPPED:
            base = _shipped(str(base_name))
        elif base_name not in (None, "zero"):
            help = suggest(base_name, BASES)
            self.wrong(("base",), "BAD_VALUE", f"one of {', '.join(BASES)}", base_name, help)
        stages = dict(base.stages)
        given = data.get("stages", {})
        if self.known(("stages",), given, tuple(STAGES)):
            for name, value in given.items():
                if name in STAGES:
                    stages[name] = self.stage(name, value)
            missing = [name for name in STAGES if name not in given] if "base" not in data else []
            stages |= {name: _shipped("stock").stages[name] for name in missing if name in OPTIONAL}
            needed = [name for name in missing if name not in OPTIONAL]
            if needed:
                help = "or say which profile it is based on, like base: stock"
                self.wrong(("stages",), "MISSING", f"the stage {needed[0]}", "nothing", help)
        quantum = base.quantum_ps
        if "quantum" in data:
            quantum = self.quantum(data["quantum"])
        default = os.path.splitext(os.path.basename(self.file))[0]
        name, text = data.get("name", default), data.get("description", "")
        kernel = self.kernel(base.kernel, data.get("kernel", {}))
        return HostProfile(show(name), " ".join(str(text or "").split()), quantum, stages, kernel)

    def kernel(self, base: Mapping[str, float], given: object) -> Mapping[str, float]:
        """Version and settings; those that are not given are the base's."""
        found = dict(base)
        if self.known(("kernel",), given, tuple(RANGES)):
            assert isinstance(given, dict)
            for name, value in given.items():
                if name in RANGES:
                    low, most = RANGES[name]
                    number = self.number(("kernel", name), value, most)
                    if number < low:
                        self.wrong(
                            ("kernel", name), "OUT_OF_RANGE", f"a number from {low:g} to {most:g}", value
                        )
                    found[name] = number
        return found

    def quantum(self, value: object) -> int:
        path = ("quantum",)
        if not self.known(path, value, ("value", "unit", "source", "confidence")):
            return DEFAULT_QUANTUM_PS
        assert isinstance(value, dict)
        unit = self.unit(path, value)
        if "value" not in value:
            self.wrong(path, "MISSING", "the key value", None)
        return max(1, round(self.number((*path, "value"), value.get("value", 1), 1e18 / unit) * unit))

    def stage(self, name: str, value: object) -> StageCost:
        path = ("stages", name)
        times, shares = ("fixed", "per_packet", "per_byte", "chain", "poll", "held"), ("per_core", "cross")
        keys = (*times, *shares, "unit", "source", "confidence")
        if not self.known(path, value, keys):
            return StageCost()
        assert isinstance(value, dict)
        unit = self.unit(path, value)
        confidence = value.get("confidence", "low")
        if confidence not in CONFIDENCES:
            expected = f"one of {', '.join(CONFIDENCES)}"
            self.wrong((*path, "confidence"), "BAD_VALUE", expected, confidence)
        fixed, packet, byte, chain, poll, held = (
            self.number((*path, key), value.get(key, 0), 1e15 / unit) * unit for key in times
        )
        core, cross = (round(self.number((*path, key), value.get(key, 0), 10) * 1000) for key in shares)
        source = str(value.get("source", "user"))
        costs = (round(fixed), round(packet), round(byte * FS_PER_PS))
        return StageCost(*costs, source, str(confidence), core, round(chain), cross, round(poll), round(held))

    def unit(self, path: tuple[str, ...], value: dict[str, object]) -> int:
        """Picoseconds of the unit that a value names; ns without one."""
        unit = value.get("unit", "ns")
        if not isinstance(unit, str) or unit not in PS_PER:
            self.wrong((*path, "unit"), "UNIT", f"one of {', '.join(PS_PER)}", unit)
            return PS_PER["ns"]
        return PS_PER[unit]

    def number(self, path: tuple[str, ...], value: object, most: float) -> float:
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            self.wrong(path, "WRONG_TYPE", "a number", value)
            return 0.0
        if not math.isfinite(value) or not 0 <= value <= most:
            self.wrong(path, "OUT_OF_RANGE", f"a number from 0 to {most:g}", value)
            return 0.0
        return float(value)
