"""Routes between endpoints, made once and kept."""

from __future__ import annotations

from dataclasses import replace

from netsim.datapath.paths import Reach, reach, reply_path, request_path
from netsim.datapath.stage import Context, Path, PathStage
from netsim.engine.netstate import passed
from netsim.engine.route import Route
from netsim.model.entities import OUTSIDE, Model

WAKE = "core.wake"


def sent_by_kernel(path: Path) -> Path:
    """SYN-ACKs and ACKs leave from softirq: the sender's thread stages run on its receiving core."""
    stages = list(path.stages)
    for i, stage in enumerate(stages):
        if stage.context != Context.THREAD:
            break
        stages[i] = replace(stage, context=Context.SOFTIRQ)
    return Path(tuple(stages), path.mss_bytes)


def taken_by_kernel(path: Path) -> Path:
    """SYNs and ACKs wake nobody: the path ends before the receiver's core wakes up."""
    stages: list[PathStage] = list(path.stages)
    while stages and stages[-1].context == Context.THREAD and len(stages) > 1:
        stages.pop()
    if stages and stages[-1].stage == WAKE:
        stages.pop()
    return Path(tuple(stages), path.mss_bytes)


class Ways:
    """The routes of connections that go by one reach between one source and one destination."""

    __slots__ = ("syn", "syn_ack", "request", "reply", "request_ack", "reply_ack", "passed")

    def __init__(
        self, model: Model, found: Reach, src: str, dst: str, via: str | None, udp: bool = False
    ) -> None:
        """``udp``: of a stream of datagrams. ``syn`` is then the way of those that make the tables' entries; nothing comes back."""
        new = request_path(model, found, src, dst, via, True, udp)
        there = request_path(model, found, src, dst, via, False, udp)
        back = reply_path(model, found, src, dst, via)
        self.passed = passed(new)
        self.syn = Route(new if udp else taken_by_kernel(new))
        self.syn_ack = Route(sent_by_kernel(back))
        self.request = Route(there)
        self.reply = Route(back)
        self.request_ack = Route(taken_by_kernel(sent_by_kernel(back)))
        self.reply_ack = Route(taken_by_kernel(sent_by_kernel(there)))
        if src == OUTSIDE:
            for sent in (self.syn, self.request, self.reply_ack):
                sent.enters = True


class RouteBook:
    """All ways of a run."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self._reaches: dict[tuple[str, str, str | None], Reach] = {}
        self._ways: dict[tuple[str, str, str, str, str | None, bool], Ways] = {}

    def reach(self, src: str, target: str, by: str | None = None) -> Reach:
        """How ``target`` is reached from ``src``; ``by``: the network, where there are several."""
        key = (src, target, by)
        if key not in self._reaches:
            self._reaches[key] = reach(self.model, src, target, by)
        return self._reaches[key]

    def ways(self, src: str, target: str, found: Reach, dst: str, via: str | None, udp: bool = False) -> Ways:
        """The routes between ``src`` and the chosen ``dst``, as the target is reached; ``udp``: of datagrams."""
        key = (src, target, found.network, dst, via, udp)
        if key not in self._ways:
            self._ways[key] = Ways(self.model, found, src, dst, via, udp)
        return self._ways[key]
