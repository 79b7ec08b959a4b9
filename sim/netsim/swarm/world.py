"""The swarm as a whole: the store, and who is told of what. The processes of the control plane meet here."""

from __future__ import annotations

from collections.abc import Generator

import simpy

from netsim.engine.border import What
from netsim.model.entities import Model
from netsim.picoseconds import PS_PER_S
from netsim.swarm.agent import Agents, has_rows
from netsim.swarm.allocator import Allocator
from netsim.swarm.alone import Containers
from netsim.swarm.chance import Chance
from netsim.swarm.clock import FailoverClock
from netsim.swarm.constants import SwarmTable, swarm_table
from netsim.swarm.dispatcher import Dispatcher, Sessions
from netsim.swarm.gossip import Members
from netsim.swarm.jobs import Jobs
from netsim.swarm.journal import Journal
from netsim.swarm.networkdb import Rows
from netsim.swarm.orchestrator import Orchestrator
from netsim.swarm.raft import Raft
from netsim.swarm.scheduler import Scheduler
from netsim.swarm.store import NodeRow, ServiceRow, State, TaskRow
from netsim.swarm.streams import Streams
from netsim.swarm.time import Clockwork
from netsim.swarm.traffic import Traffic
from netsim.swarm.updates import Updater
from netsim.swarm.vrrp import Vrrp
from netsim.swarm.ways import Ways


class Swarm:
    """One replication's control plane. Its clock counts picoseconds from ``-warmup``."""

    def __init__(self, model: Model, seed: int, replication: int) -> None:
        self.model = model
        self.scenario = model.scenario
        self.table = self._table()
        self.env = Clockwork(initial_time=-self.scenario.warmup_ps)
        self.chance = Chance(seed, replication)
        self.ways = Ways(model)
        self.streams = Streams(self.ways, self.chance)
        self.nodes = [NodeRow() for _ in model.nodes]
        self.timeline: list[dict[str, object]] = []
        self.voters, self.apart = (
            "managers",
            frozenset[int](),
        )  # what they are called; nodes that have no rows at all
        self.ends: dict[TaskRow, int] = {}
        self.tasks_made = 0
        self.journal = Journal(self)
        self.clock = FailoverClock(self)
        self.raft = Raft(self, self._voters() or [0])
        self.raft.on_leader.append(self._leader)
        self.dispatcher = self._sessions()
        self.traffic = Traffic(self)
        self.members = Members(self)
        self.rows = Rows(self)
        self.allocator = Allocator(self)
        self.agents = Agents(self)
        self.alone = Containers(self)
        self.scheduler = Scheduler(self)
        self.orchestrator = Orchestrator(self)
        self.jobs = Jobs(self)
        self.updater = Updater(self)
        self._running: dict[str, set[TaskRow]] = {}
        self._endpoints: dict[tuple[str, str], int] = {}  # numbers of their rows, below those of tasks
        self.services: dict[str, ServiceRow] = {}
        words = self.scenario.outside.entry.vrrp
        self.vrrp = None if words is None else Vrrp(self, words)
        self._deploy()

    # What an overlay without swarm mode has in another form (netsim.swarm.kv.cluster).

    def _table(self) -> SwarmTable:
        return swarm_table()

    def _voters(self) -> list[int]:
        return [node.index for node in self.model.nodes.values() if node.role == "manager"]

    def _sessions(self) -> Sessions:
        return Dispatcher(self)

    def _deploy(self) -> None:
        """Everything that the scenario places runs when the clock starts."""
        for name, spec in self.scenario.services.items():
            placed = self.model.services.get(name, [])
            service = self.services[name] = ServiceRow(
                name, spec, len(placed) if spec.is_global else spec.replicas
            )
            self._running[name] = set()
            for task in placed:
                slot = task.node.index if spec.is_global else task.slot
                row = self._row(service, slot)
                row.node, row.state, row.started = task.node.index, State.RUNNING, self.env.now
                row.bound = has_rows(row)
                self.journal.adopt(row, task.name)
                self.allocator.adopt(row, task.name)
                self.nodes[task.node.index].tasks.add(row)
                self._running[name].add(row)
                self.scheduler.count(row)
                self.agents.adopt(row)
            for starved in self.model.starved:
                party, _, slot_text = starved.rpartition(".")
                if party == name and not spec.is_global and not spec.is_job:
                    self.allocator.submit(self._row(service, int(slot_text)))
            if spec.is_job:
                self.jobs.adopt(service)

    def _row(self, service: ServiceRow, slot: int) -> TaskRow:
        self.tasks_made += 1
        task = TaskRow(self.tasks_made, service.name, slot, service.version, service.spec)
        service.tasks.append(task)
        return task

    def label(self, task: TaskRow) -> str:
        """A task's name, like ``web.3``."""
        where = self.ways.names[task.slot] if task.spec.is_global else str(task.slot)
        return f"{task.service}.{where}"

    def log(self, what: str, who: str, detail: str = "") -> None:
        """One line of the timeline."""
        self.timeline.append({"t_s": self.env.now / PS_PER_S, "what": what, "who": who, "detail": detail})

    # Tasks.

    def create(
        self,
        service: ServiceRow,
        slot: int,
        node: int | None = None,
        delay: int = 0,
        waits_for: TaskRow | None = None,
    ) -> TaskRow:
        """A new task. With a delay, or another to wait for, it is prepared meanwhile and started afterwards."""
        task = self._row(service, slot)
        task.node = node
        if delay or waits_for is not None:
            task.desired = State.READY
            self.env.process(self._start_later(task, delay, waits_for))
        self.allocator.submit(task)
        return task

    def _start_later(
        self, task: TaskRow, delay: int, waits_for: TaskRow | None
    ) -> Generator[simpy.Event, object, None]:
        until = self.env.now + delay
        latest = self.env.now + self.table.old_task_wait_ps
        while waits_for is not None and waits_for.state <= State.RUNNING and self.env.now < latest:
            if waits_for.node is not None and self.nodes[waits_for.node].state == "down":
                break
            yield self.env.timeout(self.table.scheduler_debounce_ps // 5)
        if self.env.now < until:
            yield self.env.timeout(until - self.env.now)
        yield from self.raft.commit()
        if task.desired == State.READY:
            task.desired = State.RUNNING
            if task.node is not None and task.state >= State.ASSIGNED:
                self.assign(task)

    def want(self, task: TaskRow, desired: State) -> None:
        """The desired state of a task, which only rises, and its assignment."""
        if desired <= task.desired:
            return
        task.desired = desired
        self._running[task.service].discard(task)
        self.scheduler.count(task) if task.node is not None else None
        if task.state < State.ASSIGNED:
            self.allocator.release(task)
        elif task.node is not None and task.state <= State.RUNNING:
            self.assign(task)
        self.clock.count()

    def assign(self, task: TaskRow) -> None:
        """The dispatcher sends what changed after 100 ms of quiet."""
        self.env.process(self._assign(task))

    def _assign(self, task: TaskRow) -> Generator[simpy.Event, object, None]:
        assert task.node is not None
        late = self.streams.late("assignment", *reversed(self.dispatcher.path(task.node)))
        yield self.env.timeout(self.table.assignment_batch_ps + self.ways.base_ps + late)
        if self.dispatcher.reachable(task.node):
            self.agents.assigned(task)

    def task_reported(self, task: TaskRow, state: State) -> None:
        """An agent's report has been committed."""
        if state <= task.state:
            return
        task.state = state
        if state == State.RUNNING:
            if task.desired == State.RUNNING:
                self._running[task.service].add(task)
                self.log("running", self.label(task), self._where(task))
        elif state > State.RUNNING:
            self._running[task.service].discard(task)
            self.ends[task] = self.env.now
            self.allocator.release(task)
            if task.node is not None:
                self.nodes[task.node].tasks.discard(task)
                if task.desired <= State.RUNNING and state in (State.FAILED, State.REJECTED):
                    service = self.services[task.service]
                    service.failures.setdefault((task.node, task.version), []).append(self.env.now)
            self.scheduler.count(task) if task.node is not None else None
            self.log(state.name.lower(), self.label(task), self._where(task))
            self.clock.exit_seen(task)
            self.orchestrator.ended(task)
            self.scheduler.kick()
            self._forget(task)
        self.clock.count()

    def _forget(self, task: TaskRow) -> None:
        """Tasks that ended and are not wanted are kept only so long as somebody reads them."""
        service = self.services[task.service]
        if len(service.tasks) > 2 * service.replicas + 64:
            service.tasks = [t for t in service.tasks if t.runnable or t.desired <= State.RUNNING]

    def _where(self, task: TaskRow) -> str:
        return "" if task.node is None else f"on {self.ways.names[task.node]}"

    def running(self, service: str) -> set[TaskRow]:
        """Tasks that the managers hold for running and want."""
        return self._running[service]

    def wanted_nodes(self, service: ServiceRow) -> set[int]:
        """Nodes that a global service should run on."""
        allowed = self.scheduler.ranking.allowed(service.spec)
        return {node.index for node in allowed if self.nodes[node.index].valid}

    # Nodes.

    def node_down(self, node: int) -> None:
        """No heartbeat within the grace."""
        if self.nodes[node].state == "down":
            return
        self.nodes[node].state = "down"
        self.log("node down", self.ways.names[node])
        self.clock.node_down(node)
        self.orchestrator.node_gone(node)
        self.env.process(self._orphan(node))

    def _orphan(self, node: int) -> Generator[simpy.Event, object, None]:
        yield self.env.timeout(self.table.orphaned_after_ps)
        if self.nodes[node].state == "down":
            for task in self.nodes[node].in_order():
                self.task_reported(task, State.ORPHANED)

    def node_unknown(self, node: int) -> None:
        """A new leader has not seen it yet."""
        if self.nodes[node].state == "ready":
            self.nodes[node].state = "unknown"

    def node_ready(self, node: int) -> None:
        """It has registered: all its assignments are sent to it, what it does not have has ended."""
        was = self.nodes[node].state
        self.nodes[node].state = "ready"
        if was == "down":
            self.log("node ready", self.ways.names[node])
            self.clock.node_ready(node)
        for task in self.nodes[node].in_order():
            gone = task not in self.agents.containers[node]
            if gone and (task.state >= State.RUNNING or task in self.agents.outcomes):
                self.task_reported(task, self.agents.outcomes.get(task, State.FAILED))
            elif not gone or task.state < State.PREPARING or task.desired <= State.RUNNING:
                self.agents.assigned(task)
        self.orchestrator.node_here(node)

    def _leader(self, leader: int | None) -> None:
        if leader is None:
            self.log("no leader", self.voters)
            self.shaken()
            return
        if self.env.now > -self.scenario.warmup_ps:
            self.log("leader elected", self.ways.names[leader], f"term {self.raft.peers[leader].term}")
            self.clock.elected()

    # The entry's virtual address.

    def addressed(self, before: int | None, holder: int | None) -> None:
        """What the outside sends to the virtual address comes to another node from now on, or to none that has it."""
        self.journal.address(holder)
        if self.env.now > -self.scenario.warmup_ps:
            name = "" if holder is None else self.ways.names[holder]
            was = "" if before is None else f"from {self.ways.names[before]}"
            self.log(
                "no address" if holder is None else "address at", name or self.ways.names[before or 0], was
            )
            self.clock.address(before, holder)

    # Gossip.

    def rows_added(self, task: TaskRow) -> None:
        """The task's node writes its rows."""
        assert task.node is not None
        self.traffic.joins(task.node, task.spec.networks)
        self.journal.row(What.BACKEND_ADD, task)
        self.rows.put(task, True)

    def rows_removed(self, task: TaskRow, stopping: bool = False) -> None:
        """The task's node deletes them; ``stopping``: before its end, so that nothing new goes there."""
        self.journal.row(What.BACKEND_WEIGHT if stopping else What.BACKEND_REMOVE, task)
        self.rows.put(task, False)

    def attach(self, container: str, network: str, present: bool) -> Generator[simpy.Event, object, None]:
        """`docker network connect` and `disconnect`: the daemon of the container's node does it, at once."""
        self.log(f"{'connect' if present else 'disconnect'}ed", container, network)
        self.alone.attached(container, network, present)
        self.endpoint(container, network, present)
        yield self.env.timeout(0)

    def _number(self, container: str, network: str) -> int:
        """The number of a container's row, below those of tasks."""
        return self._endpoints.setdefault((container, network), -1 - len(self._endpoints))

    def endpoint(self, container: str, network: str, present: bool) -> None:
        """A container joins or leaves a network: its node at once, the others as they hear of its name."""
        node = self.model.tasks[container].node.index
        number = self._number(container, network)
        self.journal.endpoint(container, network, node, number, present)
        if self.model.addresses[network].driver.scope == "swarm":
            self.rows.write(number, node, present)

    def buried(self, observer: int, node: int) -> None:
        """An observer's memberlist holds a node for dead, and drops its rows."""
        self.journal.buried(observer, node)
        self.clock.buried(observer)

    def unburied(self, observer: int, node: int) -> None:
        """It is alive for the observer again; its rows come back with the full exchange of the two."""
        self.journal.unburied(observer, node)

    def rewired(self) -> None:
        """Links, the switch or a partition have changed."""
        self.shaken()
        self.agents.pulls.changed()
        self.journal.wires()

    def shaken(self) -> None:
        """Something that daemons talk over, or live by, has changed: those that watch look."""
        self.members.wake()
        if self.vrrp is not None:
            self.vrrp.wake()

    def views_agree(self) -> bool:
        """Whether all nodes that the managers reach hold one another for alive, and know the same rows."""
        present = self.ways.present(self.raft.acting)
        return self.members.agree(present) and self.rows.stale(present) == 0

    def watch(self) -> Generator[simpy.Event, object, None]:
        """Looks whether all is whole, once per gossip tick, while some fault is open."""
        while True:
            if self.clock.open:
                self.clock.whole()
            yield self.env.timeout(self.table.gossip_ps)
