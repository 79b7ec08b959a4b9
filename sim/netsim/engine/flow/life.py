"""The life of each flow of a bulk transfer while the swarm changes: its cap from when on, and when it breaks.

While nothing arrives a flow does nothing but send one packet at each time-out (`netsim.engine.transfer`), so it goes on with the first
time-out after its way is whole again, by slow start; or gives up after as many as TCP bears.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

from netsim.datapath.tcp import TcpTable
from netsim.engine.flow.laws import window_packets
from netsim.engine.flow.opening import GOOD, Condition, Way
from netsim.engine.flow.ways import Price
from netsim.picoseconds import PS_PER_S


@dataclass(slots=True)
class Life:
    """``caps``: from when on (s) what a flow can do by itself (bytes/s). ``ends_s``: when it breaks, with ``fate``. ``waited_s``: for a time-out, with
    its way whole again."""

    caps: list[tuple[float, float]] = field(default_factory=list)
    ends_s: float = math.inf
    waited_s: float = 0.0
    fate: str = ""


@dataclass(frozen=True, slots=True)
class Sender:
    """What a flow's cap follows from: its congestion control, the bytes of a packet, its price, and the rate (bytes/s) that it comes
    back to after a time-out."""

    congestion: str
    mss_bytes: int
    price: Price
    rate_bps: float
    tcp: TcpTable
    queued_s: Callable[[float], float] = lambda at_s: (
        0.0
    )  # how long its packets stand in the queue that holds it back

    def cap_bps(self, met: Condition = GOOD) -> float:
        """What it can do by itself: its threads, each on a core of its own; a window each round trip, its receiver's or what losses
        leave of its own."""
        sends, receives = self.price.ends_s
        busiest_s = max(sends / met.sends, receives / met.receives)
        rtt = self.rtt_s(met)
        mean = window_packets(self.congestion, 1 - met.kept, rtt) * self.mss_bytes
        window = min(float(self.tcp.window_limit_bytes), mean)
        return min(1 / busiest_s if busiest_s else math.inf, window / rtt if rtt else math.inf)

    def rtt_s(self, met: Condition) -> float:
        """The round trip. An acknowledgement that is lost counts one round trip later."""
        rtt = self.price.rtt_s + met.there_s + met.back_s
        return rtt + self.price.one_way_s + met.there_s if met.deaf else rtt

    def probes_s(self, stalled_s: float) -> list[float]:
        """When packets go out after nothing was acknowledged any more: a tail loss probe, then time-outs; the last is when TCP
        gives up."""
        rtt, tcp = self.price.rtt_s + self.queued_s(stalled_s), self.tcp
        at = stalled_s + 2 * rtt + tcp.tlp_least_ps / PS_PER_S
        found = [at]
        for backoff in range(tcp.retries2 + 1):
            at += tcp.rto_ps(round(rtt * PS_PER_S), backoff) / PS_PER_S
            found.append(at)
        return found

    def back_s(self) -> float:
        """How much later than at once a flow is back at its rate after a time-out: a window of one packet that doubles each round
        trip."""
        return slow_start_s(self.price.rtt_s, self.rate_bps, self.mss_bytes)


def slow_start_s(rtt_s: float, rate_bps: float, first_bytes: float) -> float:
    """How much later a flow would have to begin if it sent at its rate at once: a window that doubles each round trip from
    ``first_bytes`` on reaches the rate after n of them, and has then moved what takes 1 - 1/2^n of one."""
    n = math.log2(max(1.0, rate_bps * rtt_s / first_bytes)) if math.isfinite(rate_bps) else 0.0
    return rtt_s * (n - 1 + 2**-n)


def life(way: Way, sender: Sender) -> Life:
    """The life of one flow that was opened."""
    found = Life()
    since = math.nan  # when it stalled
    for at_ps, met in way.conditions or [(way.begun_ps, GOOD)]:
        at = at_ps / PS_PER_S
        waits = since == since
        goes = at
        if waits and not met.stalled:  # the first packet that gets through
            tries = sender.probes_s(since)
            k = next((k for k, t in enumerate(tries) if t >= at), len(tries) - 1)
            goes = tries[k] + (sender.back_s() if k else 0.0)
            found.waited_s += goes - at
            since = math.nan
        if met.stalled and not waits:
            since = at
        if met.stalled:
            found.caps.append((at, 0.0))
        elif met.answered:
            found.caps.append((at, 0.0))
            _break(found, goes + sender.rtt_s(met) / 2, "reset")
        else:
            found.caps.append((goes, sender.cap_bps(met)))
    if since == since:
        _break(found, sender.probes_s(since)[-1], "timeout")
    if way.broken is not None:
        _break(found, way.ended_ps / PS_PER_S, way.broken)
    return _in_order(found)


def _break(found: Life, at_s: float, fate: str) -> None:
    if at_s < found.ends_s:
        found.ends_s, found.fate = at_s, fate


def _in_order(found: Life) -> Life:
    """A flow that stalls again before it is back does not come back in between."""
    caps: list[tuple[float, float]] = []
    for at, cap in found.caps:
        while caps and caps[-1][0] >= at:
            caps.pop()
        caps.append((at, cap))
    found.caps = caps
    return found
