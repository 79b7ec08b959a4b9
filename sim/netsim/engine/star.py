"""The packet star: hosts that send datagrams to their neighbours through one switch, two transmitters per packet.

The classic measure of packet simulators: nothing but packets, links and their statistics, at the engines' border.
"""

from __future__ import annotations

from dataclasses import dataclass

from netsim.datapath.stage import Context, Path, PathStage
from netsim.engine.datagrams import Datagrams
from netsim.engine.fast import layout as y
from netsim.engine.fast.engine import Fast
from netsim.engine.fast.entries import begin_stream
from netsim.engine.fast.records import station_records
from netsim.engine.record import StationRecord
from netsim.engine.route import Route
from netsim.engine.world import World
from netsim.model.build import build_model
from netsim.scenario.load import loads

HEADERS_BYTES = 42  # Ethernet 14, IPv4 20, UDP 8
LATENCY_PS = 5_000_000
SCENARIO = """netsim: 1
duration: {duration_ns}ns
warmup: 0s
fabric: {{buffer: {buffer}B}}
nodes: {{host: {{count: {hosts}, role: manager, cores: 1, nic: {{rate: 10Gbit}}}}}}
"""


@dataclass(frozen=True, slots=True)
class Star:
    """What a star did: ``hops`` packets were served by a transmitter."""

    sent: int
    arrived: int
    lost: int
    hops: int
    stations: dict[str, StationRecord]


class Setup:
    """A star that is ready to run: build it first, then measure `run` alone."""

    def __init__(
        self, hosts: int = 32, duration_ns: int = 20_000_000, payload_bytes: int = 1448, gap_ps: int = 11_584_000,
        buffer: int = 1_000_000,
    ) -> None:  # fmt: skip
        scenario = loads(SCENARIO.format(hosts=hosts, duration_ns=duration_ns, buffer=buffer))
        self.world = World(scenario, build_model(scenario), 1, 0)
        self.until_ps = duration_ns * 1000
        nodes = list(self.world.model.nodes.values())
        self.streams = []
        for i, source in enumerate(nodes):
            target = nodes[(i + 1) % hosts]
            wire = PathStage("wire", target.name, Context.DELAY, None, LATENCY_PS)
            stages = (
                PathStage("nic.tx", source.name, Context.LINK, source.tx_station, bytes_added=HEADERS_BYTES), wire,
                PathStage("switch", target.name, Context.LINK, target.switch_station), wire,
            )  # fmt: skip
            route = Route(Path(stages, payload_bytes))
            self.streams.append(Datagrams(f"star.{i}", route, payload_bytes, gap_ps, self.until_ps))

    def run(self, engine: str = "fast") -> Star:
        """Run it on one machinery, with all statistics."""
        return self._fast() if engine == "fast" else self._reference()

    def _fast(self) -> Star:
        fast = Fast(self.world, self.streams)
        M = fast.M
        for number in range(len(self.streams)):
            begin_stream(M, number)
        fast.run(2 * self.until_ps, lambda now: False)
        rows = fast.M[fast.M[y.B_STREAM] :][: len(self.streams) * y.W_STREAM].reshape(-1, y.W_STREAM)
        sent, arrived, lost = (int(rows[:, k].sum()) for k in (y.DG_SENT, y.DG_ARRIVED, y.DG_LOST))
        return Star(sent, arrived, lost, int(fast.M[y.H_VISITS]), station_records(fast))

    def _reference(self) -> Star:
        kernel, machine = self.world.kernel, self.world.machine
        for stream in self.streams:
            stream.begin(kernel, machine)
        kernel.run(2 * self.until_ps, lambda now: False)
        sent, arrived, lost = (sum(getattr(s, k) for s in self.streams) for k in ("sent", "arrived", "lost"))
        return Star(sent, arrived, lost, machine.visits, machine.records())
