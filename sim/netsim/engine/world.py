"""Everything that one replication consists of, put together from the model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from netsim.datapath.paths import link_specs
from netsim.datapath.tcp import tcp_table
from netsim.engine.balance import Balancers
from netsim.engine.client import Ask, Client
from netsim.engine.cpu import Thread
from netsim.engine.host import Host
from netsim.engine.kernel import Kernel
from netsim.engine.keys import Tag, fold, name_key
from netsim.engine.machine import Machine
from netsim.engine.netstate import NetState
from netsim.engine.routes import RouteBook
from netsim.engine.server import Draws, Server
from netsim.engine.tally import Tally
from netsim.model.entities import OUTSIDE, Model, Task
from netsim.model.fabric import lane_groups, shared_buffers
from netsim.scenario.schema import Scenario
from netsim.scenario.schema_load import Load


class World:
    """The machine, the servers on it, and the state that choices leave behind."""

    def __init__(
        self, scenario: Scenario, model: Model, seed: int, replication: int, keep_requests: bool = False
    ) -> None:
        self.scenario = scenario
        # Tasks come and go in this run alone.
        self.model = model = replace(model, tasks=dict(model.tasks))
        self.kernel = Kernel(-scenario.warmup_ps)
        self.tally = Tally(sorted(scenario.load), scenario.duration, keep_requests)
        self.slice_ps = self.tally.slice_ps
        self.machine = Machine(
            self.kernel,
            _hosts(model),
            link_specs(model),
            scenario.duration,
            self.slice_ps,
            shared_buffers(model),
        )
        self.machine.lanes |= {station: [0] for station, _, spread in lane_groups(model) if not spread}
        self.tcp = tcp_table()
        self.book = RouteBook(model)
        self.draws = Draws(seed, replication)
        self.machine.chance = self.draws.base
        #: Clients by which workloads come from nodes themselves.
        #: Clients of workloads whose tasks begin while the clock runs, by task, each with its workload.
        self.later_sources: dict[str, list[tuple[str, Client]]] = {}
        self.node_sources: dict[str, list[Client]] = {name: [] for name in model.nodes}
        #: All clients, in the order in which they were made.
        self.clients: list[Client] = []
        self.state = NetState(model)
        self.machine.tracked = self.state.tracked
        self.servers: dict[str, Server] = {
            name: Server(self, task) for name, task in sorted(model.tasks.items())
        }
        self.balancers = Balancers(self.kernel, model, self.book, self.servers, seed, replication, self.state)
        for server in self.servers.values():
            self._calls(server)

    def add_task(self, task: Task) -> Server:
        """One more task. It does not listen yet, and no table of a balancer or of names has it. Raises
        ``ValueError`` if its name is not new."""
        if task.name in self.model.tasks:
            raise ValueError(f"a task named {task.name} is there already")
        self.model.tasks[task.name] = task
        server = self.servers[task.name] = Server(self, task)
        server.listens = False
        self._calls(server)
        return server

    def _calls(self, server: Server) -> None:
        server.clients = [self._call(server, number) for number in range(len(server.task.spec.calls))]

    def _call(self, server: Server, number: int) -> Client:
        call = server.task.spec.calls[number]
        ask = Ask(
            call.to, call.request, call.response, call.connection, call.timeout, call.retries, call.dns.cache
        )
        return Client(
            self,
            f"{server.name}/{number}",
            server.name,
            server.node,
            ask,
            server.spare_thread,
            pool=call.connection.pool,
            count=call.count,
            parallel=call.parallel,
        )

    def sources(self, workload: str) -> list[Client]:
        """The clients of a workload: the outside as one, or one for each task that it comes from. Those of tasks that are still
        awaited are put by, until `begin_sources`."""
        load = self.scenario.load[workload]
        ask = self._asks(load)
        if load.from_ == OUTSIDE:
            clients = self.model.outside.clients
            return [
                Client(
                    self, workload, OUTSIDE, OUTSIDE, ask, None, pool=load.connection.pool, clients=clients
                )
            ]
        names = self.source_names(load.from_)
        now = [name for name in names if name not in self.servers or not self.servers[name].awaited]
        pool = max(1, -(-load.connection.pool // max(1, len(now))))
        found = [self._source(workload, name, ask, pool) for name in now]
        for name in names:
            if name not in now:
                self.later_sources.setdefault(name, []).append(
                    (workload, self._source(workload, name, ask, pool))
                )
        return found

    @staticmethod
    def _asks(load: Load) -> Ask:
        """What a workload's clients ask for; a datagram is a request that nobody answers."""
        return Ask(
            load.to, *load.sizes, load.connection, load.timeout, load.retries, load.dns.cache,
            udp=load.datagram is not None,
        )  # fmt: skip

    def _source(self, workload: str, name: str, ask: Ask, pool: int) -> Client:
        """The client by which a workload comes from a task or a node."""
        whole = f"{workload}@{name}"
        if name in self.servers:
            server = self.servers[name]
            found = Client(self, whole, name, server.node, ask, server.spare_thread, pool=pool)
            server.sources.append(found)
        else:
            found = Client(self, whole, name, name, ask, self._node_thread(name), pool=pool)
            self.node_sources[name].append(found)
        return found

    def more_sources(self, workload: str, sources: list[Client], task: Task) -> int | None:
        """A workload comes from a new task, too: the place in ``sources`` at which its client now stands, that of
        a client whose task is gone, or at the end. None if the workload does not come from the task's service."""
        load = self.scenario.load[workload]
        if task.service is None or load.from_ != task.service:
            return None
        ask = self._asks(load)
        pool = sources[0].limit if sources else load.connection.pool
        return self._stands(sources, self._source(workload, task.name, ask, pool))

    def begin_sources(self, task: str, sources: Mapping[str, list[Client]]) -> Iterator[tuple[str, int]]:
        """A task that was awaited has begun: the workloads that come from it, and the place of its client in their ``sources``."""
        for workload, client in self.later_sources.pop(task, []):
            yield workload, self._stands(sources[workload], client)

    def _stands(self, sources: list[Client], new: Client) -> int:
        """Put a client where that of its task's slot stands (of a global service: its node), or one whose task is gone, or at the
        end; its place."""
        place = next(
            (i for i, old in enumerate(sources) if self._slot(old) == self._slot(new)),
            next((i for i, old in enumerate(sources) if old.dead), len(sources)),
        )
        sources[place : place + 1] = [new]
        return place

    def _slot(self, client: Client) -> tuple[str | None, object]:
        task = self.model.tasks[client.source]
        spread = task.service is not None and self.scenario.services[task.service].is_global
        return task.service, task.node.name if spread else task.slot

    def tls_handshake_ps(self, node: str) -> int:
        """Processor time of one side of a TLS handshake; the outside costs nothing."""
        return (
            self.model.nodes[node].profile.cost("tls.handshake").fixed_ps if node in self.model.nodes else 0
        )

    def tls_record_ps(self, node: str, size: int) -> int:
        """Processor time to encrypt or decrypt so many bytes."""
        cost = self.model.nodes[node].profile.cost("tls.record")
        return cost.fixed_ps + cost.per_byte_fs * size // 1000

    def source_names(self, source: str) -> list[str]:
        """The tasks of a service, a task, a container or a node."""
        if source in self.model.services:
            return [task.name for task in self.model.services[source]]  # none, if it has no replicas
        return [source]

    def _node_thread(self, node: str) -> _NodeThreads:
        return _NodeThreads(self, node)


def _hosts(model: Model) -> list[Host]:
    """The nodes; those on one hypervisor are held on its cores one after the other, in the order of the file."""
    taken = dict.fromkeys(model.scenario.hypervisors, 0)
    hosts = []
    for node in model.nodes.values():
        host = Host(
            node.name,
            node.cores,
            node.rx_queues,
            node.nic.ring,
            node.nic.name,
            node.profile.quantum_ps,
            smt=round((node.smt or 0) * 1e6),
            rfs="rfs" in node.nic.offloads,
            moderation_ps=node.profile.cost("irq.moderation").fixed_ps,
            polls=node.profile.cost("nic.rx").poll_ps > 0,
            backlog=int(node.profile.kernel["netdev_max_backlog"]) if node.rps else 0,
        )
        if node.shared:
            name, count = node.machine, node.machine_cores
            cores = min(node.cores, count)
            host = replace(host, cores=cores, machine=(name, count), first_core=taken[name] % count)
            taken[name] += cores
        hosts.append(host)
    return hosts


class _NodeThreads:
    """Threads of a process on a node itself."""

    def __init__(self, world: World, node: str) -> None:
        self.world = world
        self.node = node
        self.made = 0

    def __call__(self) -> Thread:
        self.made += 1
        return self.world.machine.thread(fold(name_key(self.node), Tag.SPARE, self.made))
