"""keepalived on the entry's nodes: who holds the virtual address, and to whom the router in front sends its packets.

One state machine per node as in RFC 5798, 6.4, and RFC 3768, with what keepalived does besides: track scripts, gratuitous
ARP again after a while, and an advertisement back to a master of a lower priority. keepalived is a process of its own: it
lives without dockerd, and ends with its node's power. While one master outranks all others and nothing is wrong,
advertisements change nothing and are not simulated.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, field
from enum import IntEnum
from functools import cache
from typing import TYPE_CHECKING

import simpy

from netsim.scenario.schema_entry import OWNER, TrackScript
from netsim.scenario.schema_entry import Vrrp as Words
from netsim.swarm.raft import LEADER
from netsim.swarm.ways import SENDS
from netsim.tables import table, values

if TYPE_CHECKING:
    from netsim.swarm.world import Swarm

NEVER_PS = 1 << 62


@dataclass(frozen=True, slots=True)
class VrrpTable:
    """What is fixed; the rest are defaults of the scenario's words. Times in ps."""

    adverts_missed: int
    skew_steps: int
    skew_unit_ps: int
    least_effective: int
    most_effective: int
    neighbour_reachable_ps: int
    neighbour_delay_ps: int
    neighbour_probes: int
    neighbour_retrans_ps: int


@cache
def vrrp_table() -> VrrpTable:
    """The shipped table's fixed numbers."""
    found = values(table("keepalived.yaml"))
    return VrrpTable(**{name: found[name] for name in VrrpTable.__slots__})


def skew_ps(words: Words, priority: int) -> int:
    """Skew_Time: the lower the priority, the later a backup takes over."""
    fixed = vrrp_table()
    unit = fixed.skew_unit_ps if words.version == 2 else words.advert_int
    return (fixed.skew_steps - priority) * unit // fixed.skew_steps


def master_down_ps(words: Words, priority: int) -> int:
    """Master_Down_Interval: so long after the last advertisement a backup takes over."""
    return vrrp_table().adverts_missed * words.advert_int + skew_ps(words, priority)


class State(IntEnum):
    """Of a node's VRRP instance."""

    OFF = 0  # keepalived does not run
    FAULT = 1  # its interface has no carrier, or a script without weight has failed
    BACKUP = 2
    MASTER = 3


@dataclass(slots=True)
class Watched:
    """A track script on one node."""

    words: TrackScript
    due: int
    good: bool = True
    row: int = 0  # results in a row that differ from what it counts as


@dataclass(slots=True)
class Router:
    """keepalived on one node. ``due``: when a master advertises next, or a backup takes over."""

    node: int
    base: int
    scripts: list[Watched] = field(default_factory=list)
    state: State = State.BACKUP
    due: int = NEVER_PS
    again: int = NEVER_PS  # when gratuitous ARPs are sent once more
    waits_until: int = NEVER_PS  # when preempt_delay is over, if it has begun


class Vrrp:
    """The instances of all entry nodes, and the neighbour table of the router in front of them."""

    def __init__(self, swarm: Swarm, words: Words) -> None:
        self.swarm = swarm
        self.env = swarm.env
        self.ways = swarm.ways
        self.words = words
        self.luck = swarm.chance.arrays("vrrp")
        now = self.env.now
        names = swarm.model.entry_nodes()
        self.routers = [self._router(self.ways.index[name], words.priority(name)) for name in names]
        self._woken = self.env.event()
        self._rested: int | None = None  # since when nothing has been simulated
        self.known = self.routers[0].node  # whose card the router in front takes for the address's
        self.holder: int | None = None
        for router in self.routers:
            router.due = now + master_down_ps(words, router.base)
        first = self.routers[0]
        first.state, first.due = State.MASTER, now + round(self.luck.random() * words.advert_int)
        self._settle()
        self.env.process(self._run())

    def _router(self, node: int, priority: int) -> Router:
        scripts = [
            Watched(script, self.env.now + round(self.luck.random() * script.interval))
            for script in self.words.track_script
        ]
        return Router(node, priority, scripts)

    def wake(self) -> None:
        """Power, links, daemons or the managers' leader have changed."""
        self._resume()
        for router in self.routers:
            if self.ways.on[router.node] != (router.state != State.OFF):
                self._power(router)
            elif router.state != State.OFF:
                self._judge(router)
        if not self._woken.triggered:
            self._woken.succeed()

    def priority(self, router: Router) -> int:
        """The effective one, which scripts with a weight move."""
        if router.base == OWNER:
            return OWNER
        moved = router.base
        for script in router.scripts:
            if script.good == (script.words.weight > 0):
                moved += script.words.weight
        return max(vrrp_table().least_effective, min(vrrp_table().most_effective, moved))

    # The clock.

    def _run(self) -> Generator[simpy.Event, object, None]:
        while True:
            if self._quiet():
                self._rested = self.env.now
                yield self._woken
            else:
                yield self._woken | self.env.timeout(max(0, self._next() - self.env.now))
            if self._woken.triggered:
                self._woken = self.env.event()
            for router in self.routers:
                self._due(router)

    def _next(self) -> int:
        return min(
            min(router.due, router.again, *(script.due for script in router.scripts))
            for router in self.routers
        )

    def _quiet(self) -> bool:
        """Whether nothing would change but clocks."""
        masters = [router for router in self.routers if router.state == State.MASTER]
        if self.ways.troubled or len(masters) != 1 or self.swarm.raft.acting is None:
            return False
        master = masters[0]
        for router in self.routers:
            outranks = not self.words.nopreempt and self._rank(router) > self._rank(master)
            if router.again < NEVER_PS or (router is not master and router.state != State.BACKUP) or outranks:
                return False
            if any(not script.good or script.row for script in router.scripts):
                return False
        return self.holder == master.node

    def _resume(self) -> None:
        """After a rest clocks stand as if all had been simulated: the master advertised, the backups heard it."""
        now, rested = self.env.now, self._rested
        if rested is None:
            return
        self._rested = None
        for router in self.routers:
            for script in router.scripts:
                script.due = _after(script.due, script.words.interval, now)
        master = next(router for router in self.routers if router.state == State.MASTER)
        master.due = _after(master.due, self.words.advert_int, now)
        last = master.due - self.words.advert_int
        for router in self.routers:
            if router is not master and last > rested:
                router.due = last + self.ways.base_ps + master_down_ps(self.words, self.priority(router))

    def _due(self, router: Router) -> None:
        """What a node does now, if anything."""
        now = self.env.now
        for script in router.scripts:
            if script.due <= now:
                script.due += script.words.interval
                self._run_script(router, script)
        if router.again <= now:
            router.again = NEVER_PS
            if router.state == State.MASTER:
                self._announce(router)
        if router.due <= now:
            if router.state == State.MASTER:
                self._advertise(router, self.priority(router))
                router.due = now + self.words.advert_int
            elif router.state == State.BACKUP:
                self._become_master(router)

    # States.

    def _power(self, router: Router) -> None:
        """keepalived ends with its node's power, and starts as it boots."""
        if not self.ways.on[router.node]:
            router.state, router.due, router.again = State.OFF, NEVER_PS, NEVER_PS
        else:
            for script in router.scripts:
                script.good, script.row = True, 0
                script.due = self.env.now + round(self.luck.random() * script.words.interval)
            router.state = State.FAULT
            self._judge(router)
        self._settle()

    def _judge(self, router: Router) -> None:
        """Its interface and its scripts: out of or into FAULT."""
        node, ways = router.node, self.ways
        carrier = ways.switch and (ways.sends[node] or ways.receives[node])
        well = carrier and all(script.good or script.words.weight for script in router.scripts)
        if not well and router.state != State.FAULT:
            if router.state == State.MASTER:
                self._advertise(router, 0)
            router.state, router.due, router.again = State.FAULT, NEVER_PS, NEVER_PS
        elif well and router.state == State.FAULT:
            if router.base == OWNER:
                self._become_master(router)
            else:
                self._back_up(router)
        self._settle()

    def _back_up(self, router: Router, since: int | None = None) -> None:
        router.state, router.again, router.waits_until = State.BACKUP, NEVER_PS, NEVER_PS
        start = self.env.now if since is None else since
        router.due = start + master_down_ps(self.words, self.priority(router))

    def _become_master(self, router: Router) -> None:
        router.state = State.MASTER
        self._advertise(router, self.priority(router))
        router.due = self.env.now + self.words.advert_int
        self._announce(router)
        if self.words.garp_master_delay:
            router.again = self.env.now + self.words.garp_master_delay

    def _run_script(self, router: Router, script: Watched) -> None:
        if router.state == State.OFF:
            return
        good = bool(self.ways.daemon[router.node])
        if script.words.script == "quorum":
            good = good and self._asks_leader(router.node)
        script.row = 0 if good == script.good else script.row + 1
        if script.row >= (script.words.rise if good else script.words.fall):
            script.good, script.row = good, 0
            self._judge(router)

    def _asks_leader(self, node: int) -> bool:
        """Whether docker node ls is answered: by the node itself, if it holds itself for the leader, or by whom it follows."""
        peers = self.swarm.raft.peers
        lead = peers[node].leader if node in peers else None
        if lead is None or lead not in peers or peers[lead].role != LEADER:
            return False
        return lead == node or self.ways.both(node, lead)

    # Packets.

    def _rank(self, router: Router) -> tuple[int, int]:
        """Of two equal priorities the higher address wins (RFC 5798, 6.4.3)."""
        return self.priority(router), router.node

    def _advertise(self, sender: Router, priority: int) -> None:
        """A multicast to the other instances, each of whom hears it or not."""
        for other in self.routers:
            if other is sender or other.state < State.BACKUP:
                continue
            if self.ways.one_way(sender.node, other.node):
                lost = self.ways.lost(sender.node, other.node)
                if not lost or self.luck.random() >= lost:
                    self._hear(other, sender, priority)

    def _hear(self, router: Router, sender: Router, priority: int) -> None:
        heard = self.env.now + self.ways.delay(sender.node, router.node)
        mine = self.priority(router)
        if router.state == State.MASTER:
            if priority == 0:
                router.due = self.env.now  # it says at once that it is there
            elif (priority, sender.node) > (mine, router.node):
                self._back_up(router, heard)
                self._settle()
            else:  # keepalived tells a lower master, and the neighbours (garp_lower_prio_repeat)
                self._advertise(router, mine)
                self._announce(router)
        elif priority == 0:
            router.due = heard + skew_ps(self.words, mine)
        elif self.words.nopreempt or priority >= mine or self._delayed(router):
            if priority >= mine:
                router.waits_until = NEVER_PS
            router.due = heard + master_down_ps(self.words, mine)

    def _delayed(self, router: Router) -> bool:
        """Whether preempt_delay still holds a backup back that hears a master of a lower priority."""
        if self.words.preempt_delay and router.waits_until == NEVER_PS:
            router.waits_until = self.env.now + self.words.preempt_delay
        return router.waits_until < NEVER_PS and self.env.now < router.waits_until

    def _announce(self, router: Router) -> None:
        """Gratuitous ARPs: one that gets there tells the router in front where the address is."""
        node, ways = router.node, self.ways
        lost = (1 - ways.empty(SENDS, node)) ** self.words.garp_master_repeat
        if ways.switch and ways.on[node] and ways.sends[node] and (not lost or self.luck.random() >= lost):
            self.env.process(
                self._arrives(node, int(ways.base_ps + ways.delay_ps[SENDS, node] + ways.queue_ps[node]))
            )
        self._settle()

    def _arrives(self, node: int, late_ps: int) -> Generator[simpy.Event, object, None]:
        yield self.env.timeout(late_ps)
        self.known = node
        self._settle()

    def _settle(self) -> None:
        """Who the outside's packets come to now: the node that the router knows, if that has the address."""
        there = any(r.node == self.known and r.state == State.MASTER for r in self.routers)
        holder = self.known if there else None
        if holder != self.holder:
            self.swarm.addressed(self.holder, holder)
            self.holder = holder
            if holder is None:
                self.env.process(self._asks_again())

    def _asks_again(self) -> Generator[simpy.Event, object, None]:
        """Whom no gratuitous ARP reaches has a neighbour who does not answer: its entry gets stale, is probed, and then
        everybody is asked (Linux net/core/neighbour.c)."""
        fixed, ways = vrrp_table(), self.ways
        yield self.env.timeout(
            round((0.5 + self.luck.random()) * fixed.neighbour_reachable_ps)
            + fixed.neighbour_delay_ps
            + fixed.neighbour_probes * fixed.neighbour_retrans_ps
        )
        while self.holder is None:
            answer = [
                router.node
                for router in self.routers
                if router.state == State.MASTER
                and ways.switch
                and ways.sends[router.node]
                and ways.receives[router.node]
            ]
            if answer:
                self.known = int(self.luck.choice(answer))
                self._settle()
            else:
                yield self.env.timeout(fixed.neighbour_retrans_ps)


def _after(due: int, period: int, now: int) -> int:
    """The first of a row of times that is not past."""
    return due if due >= now else due + -(-(now - due) // period) * period
