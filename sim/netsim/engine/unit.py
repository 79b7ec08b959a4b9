"""Units: what moves over the stations, an skb each, and where its time went."""

from __future__ import annotations

from collections.abc import Callable

from netsim.engine.cpu import Thread
from netsim.engine.kernel import Key
from netsim.engine.route import Route

Split = dict[str, int]


class Unit:
    """One skb on its way."""

    __slots__ = ("route", "at", "payload", "packets", "key", "flow", "arrive", "drop", "split", "choose",
                 "thin", "last_in", "accounted", "ends", "leaves", "turns", "skbs", "apart")  # fmt: skip

    def __init__(self, route: Route, payload: int, key: Key, flow: int, arrive: Callable[[int], None],
                 drop: Callable[[int, str], None], split: Split | None, choose: Callable[[], Route | None] | None,
                 thin: Callable[[int, bool], None] | None, now: int, ends: tuple[Thread | None, ...],
                 leaves: Callable[[int], None] | None = None, apart: Callable[[int], None] | None = None) -> None:  # fmt: skip
        self.ends = ends
        self.leaves = leaves  # told when it has left its sender's card
        self.apart = apart  # told into how many skbs it came
        #: Time between two of its packets (ps) and flows whose packets alternate with them, at the slowest transmitter so far.
        self.turns = (0, 1)
        self.skbs = 1
        self.route = route
        self.at = 0
        self.payload = payload
        self.packets = route.packets(payload)
        self.key = key
        self.flow = flow
        self.arrive = arrive
        self.drop = drop
        self.split = split
        self.choose = choose
        self.thin = thin
        self.last_in = now
        self.accounted = now  # everything before this is in the split

    def spend(self, what: str, until: int) -> None:
        """The time up to ``until`` went into ``what``."""
        if until > self.accounted:
            if self.split is not None:
                self.split[what] = self.split.get(what, 0) + until - self.accounted
            self.accounted = until
