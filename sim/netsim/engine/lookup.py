"""A name is looked up before a connection is opened: by the client's thread, the engine's, and waiting for both."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from netsim.datapath.dns import dns_table, lookup_cost
from netsim.engine.cpu import Thread
from netsim.engine.kernel import Phase
from netsim.engine.keys import Tag, fold, name_key
from netsim.engine.unit import Split

if TYPE_CHECKING:
    from netsim.datapath.dns import Asking
    from netsim.engine.exchange import Exchange

#: What the choice of one of several addresses is drawn for, and whether queries of a look-up are lost in a race.
RECORD = name_key("dns")
RACE = name_key("dns race")
PER_RACE = 10**9


class Lookup:
    """One query of an exchange; ``done()`` when the answer is there, even if nobody waits for it any more."""

    __slots__ = ("exchange", "asked", "thread", "cost", "split", "done")

    def __init__(self, exchange: Exchange, asked: Asking, thread: Thread, done: Callable[[], None]) -> None:
        self.exchange = exchange
        self.asked = asked
        self.thread = thread
        self.cost = lookup_cost(exchange.client.world.model, asked, exchange.client.records())
        self.split: Split = {}
        self.done = done

    @property
    def raced(self) -> int:
        """How many tries are lost before an answer comes; all of them if the name stays unknown."""
        draws, key = self.exchange.client.world.draws, self.exchange.key
        lost = 0
        while lost < dns_table().tries and draws.uniform(key, RACE, lost) * PER_RACE < self.cost.race_ppb:
            lost += 1
        return lost

    def start(self) -> None:
        """The client asks."""
        work = [("dns.query", self.cost.query_ps), ("dns.tcp", self.cost.tcp_ps)]
        self._run(self.thread, work, self._asked)

    def _asked(self) -> None:
        # Go serves each query in a goroutine of its own.
        thread = self.exchange.client.world.machine.thread(fold(self.exchange.key, Tag.LOOKUP, 1))
        self._run(thread, [("dns.answer", self.cost.answer_ps)], self._answered)

    def _run(self, thread: Thread, work: list[tuple[str, int]], then: Callable[[], None]) -> None:
        self.exchange.client.world.machine.run(thread, self.asked.node, work, then, self.split)

    def _answered(self) -> None:
        kernel = self.exchange.client.kernel
        waits = (
            ("core.wake", self.cost.wake_ps),
            ("outside", self.cost.upstream_ps),
            ("dns.retry", self.raced * dns_table().retry_ps),
        )
        for name, ps in waits:
            if ps:
                self.split[name] = self.split.get(name, 0) + ps
        wait = sum(ps for _, ps in waits)
        if wait == 0:
            self._there()
        else:
            kernel.at(kernel.now + wait, Phase.FINISH, fold(self.exchange.key, Tag.LOOKUP), self._there)

    def _there(self) -> None:
        self.exchange.span.take(self.split, "queue:cpu", self.exchange.client.kernel.now)
        self.done()
