"""``--engine auto``: what a run would cost on each engine, and which one takes it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from netsim.picoseconds import PS_PER_S
from netsim.tables import table

if TYPE_CHECKING:
    from netsim.model.entities import Model
    from netsim.scenario.schema import Scenario
    from netsim.scenario.schema_load import Load
    from netsim.scenario.schema_work import Connection

NS_PER_S = 1_000_000_000
PACKET_BYTES = 1448  # of data in a packet of 1500 B (IP and TCP with time stamps)


@dataclass(frozen=True, slots=True)
class Choice:
    """The engine of ``auto`` and why; ``seconds`` are predicted, by engine, of one process."""

    engine: str
    why: str
    visits: float
    seconds: dict[str, float]

    @property
    def line(self) -> str:
        """One line for people."""
        return f"auto: {self.engine}, since {self.why}"

    def to_dict(self) -> dict[str, Any]:
        """``manifest.choice`` of ``result.json``."""
        return {
            "engine": self.engine,
            "why": self.why,
            "visits": round(self.visits),
            "predicted_s": {name: float(f"{value:.3g}") for name, value in self.seconds.items()},
        }


def costs() -> dict[str, float]:
    """The shipped costs of the engines, by name (seconds, or counts)."""
    return {name: float(row["value"]) for name, row in table("engines.yaml").items()}


def choose(scenario: Scenario, model: Model, replications: int, unfit: str | None) -> Choice:
    """The fast engine, which is exact, unless it would take long and the flow engine far less. ``unfit``: what of the
    scenario the flow engine cannot run."""
    from netsim.engine.flow.constants import constants

    cost = costs()
    per_request = {name: visits_per_request(scenario, model, name) for name in scenario.load}
    span = (scenario.duration + scenario.warmup_ps) / PS_PER_S
    requests = {name: rate_per_s(scenario, model, name) * span for name in scenario.load}
    visits = replications * sum(requests[name] * per_request[name] for name in scenario.load)
    asked = sum(per_request[name] * _asked(load) for name, load in scenario.load.items())
    drawn = replications * sum(min(requests[name], constants().drawn) for name in scenario.load)
    begins, replayed = cost["start_s"], 0.0
    if scenario.changes:  # the control plane runs first on both, and flow replays requests around its changes
        begins += replications * (cost["control_s"] + cost["control_node_s"] * len(model.nodes) * span)
        most = constants().replayed_around_changes + constants().replayed_between_changes
        share = min(1.0, most / max(1.0, sum(requests.values())))
        replayed = cost["fast_visit_s"] * share * visits
    seconds = {
        "fast": begins + cost["fast_visit_s"] * visits,
        "flow": begins + cost["reference_visit_s"] * asked + cost["flow_draw_s"] * drawn + replayed,
    }
    about = f"about {_short(visits)} visits take it about {_time(seconds['fast'])}"
    if unfit is not None:
        return Choice("fast", f"{about}, and the flow engine cannot run {unfit}", visits, seconds)
    if seconds["fast"] <= cost["patience_s"]:
        return Choice("fast", about, visits, seconds)
    if seconds["flow"] * cost["advantage"] > seconds["fast"]:
        other = f"the flow engine would need about {_time(seconds['flow'])} for approximations"
        return Choice("fast", f"{about}, and {other}", visits, seconds)
    other = f"about {_short(visits)} visits would take the fast engine about {_time(seconds['fast'])}"
    return Choice(
        "flow", f"{other}, and this one about {_time(seconds['flow'])}; latencies are approximations",
        visits, seconds,
    )  # fmt: skip


def rate_per_s(scenario: Scenario, model: Model, name: str) -> float:
    """Requests per second of a workload, or what a bulk transfer has of skbs; users find nobody in their way."""
    from netsim.datapath.paths import ReachError
    from netsim.datapath.trace import trace
    from netsim.scenario.calls import party_of

    load = scenario.load[name]
    if load.bulk is not None:
        span = (scenario.duration + scenario.warmup_ps) / PS_PER_S
        cards = sum(node.nic.rate for node in model.nodes.values()) / 8  # at most what all of them send
        return min(load.bulk / span, cards) / _unit_bytes(model, load)
    if load.arrivals is not None:
        from netsim.engine.flow.rates import mean_rate

        return mean_rate(load.arrivals, -scenario.warmup_ps, scenario.duration)
    try:
        found = trace(model, load.from_, load.to, max(load.request, load.response))
    except ReachError:
        return 0.0
    idle_s = (_work_ps(scenario, load) + load.think.mean) / PS_PER_S + found["total_ns"] / NS_PER_S
    # Users without a pause fill what an answer takes longest at.
    each_ns: dict[str, float] = {}
    for line in found["reply"]:
        each_ns[line["station"]] = each_ns.get(line["station"], 0.0) + line["ns"]
    most = max([ns for station, ns in each_ns.items() if station not in (None, "-")], default=0.0)
    back_ends = max(1, len(model.services.get(party_of(scenario, load.to, load.from_), ())))
    return float(min((load.users or 0) / max(idle_s, 1e-9), back_ends * NS_PER_S / max(most, 1e-3)))


def _unit_bytes(model: Model, load: Load) -> float:
    """Of a bulk transfer: a few packets where its receiver does not merge them."""
    from netsim.datapath.paths import ReachError, reach, request_path
    from netsim.datapath.tcp import tcp_table

    source = model.services[load.from_][0].name if model.services.get(load.from_) else load.from_
    try:
        found = reach(model, source, load.to)
        via = found.vias[0] if found.vias else None
        path = request_path(model, found, source, found.candidates[0], via, False)
    except (ReachError, IndexError):
        return tcp_table().unit_bytes
    return float(path.pieces * path.mss_bytes or tcp_table().unit_bytes)


def _work_ps(scenario: Scenario, load: Load) -> float:
    """Work and pauses of a request with its calls, one after the other."""
    from netsim.scenario.calls import asked_of, spec_of

    total = 0.0
    for party, times in asked_of(scenario, load.to, load.from_).items():
        spec = spec_of(scenario, party)
        if spec is not None:
            total += times * (spec.work.cpu.mean + spec.work.wait.mean)
    return total


def visits_per_request(scenario: Scenario, model: Model, name: str) -> float:
    """Visits to stations of one request of a workload with all the calls that it leads to, over the routes to the
    first back end; without losses and retries."""
    from netsim.scenario.calls import asked_of, spec_of

    load = scenario.load[name]
    size = (0, 0) if load.bulk is not None else load.sizes
    total = _message(model, load.from_, load.to, size, load.connection, load.datagram is not None)
    asked = {} if load.bulk is not None else asked_of(scenario, load.to, load.from_)  # bytes lead to no calls
    for party, times in asked.items():
        spec = spec_of(scenario, party)
        for call in spec.calls if spec is not None else ():
            each = _message(model, party, call.to, (call.request, call.response), call.connection)
            total += times * call.count * each
    return total


def _message(
    model: Model, src: str, dst: str, size: tuple[int, int], connection: Connection, datagram: bool = False
) -> float:
    """A request and its answer, the worker and the thread's work between them, and the handshake if it is new."""
    from netsim.datapath.paths import ReachError
    from netsim.datapath.tcp import tcp_table
    from netsim.datapath.trace import trace

    try:
        found = trace(model, src, dst)
    except ReachError:
        return 0.0
    ways = [_stations(found["request"]), _stations(found["reply"])]
    whole = [bytes_ / tcp_table().unit_bytes for bytes_ in size]
    units = [1 if share <= 1 else math.ceil(share * costs()["pieces"]) for share in whole]
    if connection.kind == "new":  # a window of its own each round trip, which doubles
        first = tcp_table().initial_window_packets * PACKET_BYTES
        units = [max(k, math.ceil(math.log2(size[i] / first + 1))) for i, k in enumerate(units)]
    if datagram:  # nobody answers, and the thread that its way ends at is the worker's
        return ways[0] * units[0] + 1.0
    # Of a message of several units all but the last are acknowledged while the sender waits, where its window has not yet grown
    # to the message; 2: worker and its core.
    acks = [units[1] - 1, units[0] - 1] if connection.kind == "new" else [0, 0]
    total = ways[0] * (units[0] + acks[0]) + ways[1] * (units[1] + acks[1]) + 2.0
    # A SYN and its answer meet no thread at their ends.
    return total + (ways[0] + ways[1] - 2 if connection.kind == "new" else 0)


def _stations(lines: list[dict[str, Any]]) -> int:
    """Consecutive stages at one station are one visit; what has no station is none."""
    names = [line["station"] for line in lines if line["station"] not in (None, "-")]
    return sum(1 for k, name in enumerate(names) if k == 0 or names[k - 1] != name)


def _asked(load: Load) -> float:
    """How many requests the flow engine's probe sends."""
    from netsim.engine.flow.probe import FEW, MOST_CONNECTIONS, PROBES

    pool = load.connection.pool if load.connection.kind == "pool" else 0
    return FEW + PROBES + 3 * min(pool, MOST_CONNECTIONS)


def _short(count: float) -> str:
    for size, word in ((1e9, "billion"), (1e6, "million"), (1e3, "thousand")):
        if count >= size:
            return f"{count / size:.3g} {word}"
    return f"{count:.0f}"


def _time(seconds: float) -> str:
    from netsim.results.text import quantity

    return quantity(seconds, "s") if seconds < 120 else f"{seconds / 60:.0f} min"
