"""The scenario: everything that a file may say, with the meaning and unit of every word."""

from __future__ import annotations

import fnmatch
from typing import Annotated, Any

from pydantic import Field, PrivateAttr, model_validator

from netsim.picoseconds import PS_PER_S
from netsim.scenario.problems import PathTuple
from netsim.scenario.schema_events import Fault, Operation
from netsim.scenario.schema_load import Load
from netsim.scenario.schema_network import Network
from netsim.scenario.schema_nodes import ClusterStore, Fabric, Hypervisor, NodeGroup, Outside, Swarm
from netsim.scenario.schema_service import Container, Service
from netsim.scenario.schema_types import (
    Duration,
    ExpectText,
    Name,
    PositiveDuration,
    Precision,
    Strict,
    Text,
    Value,
    fail,
    whole,
)
from netsim.scenario.units import UnitError
from netsim.scenario.yaml_marks import Node

__all__ = ["Scenario"]


def _version(value: Any) -> int:
    if value == 1 and not isinstance(value, (bool, float)):
        return 1
    raise UnitError("VERSION", "1, the version of the language")


class Scenario(Strict):
    """What is there, what it is asked to do, and what is expected of it."""

    netsim: Annotated[int, Value(_version, {"enum": [1]})] = Field(description="Version of the language: 1.")
    name: Name = Field(default="scenario", description="Name of the scenario, used in results.")
    description: Text | None = Field(default=None, description="What it shows.")
    seed: Annotated[int, whole(0, 2**63 - 1)] = Field(default=1, description="Seed of all chance.")
    duration: PositiveDuration = Field(default=60 * PS_PER_S, description="Measured time.")
    warmup: Duration | None = Field(
        default=None, description="Time before t = 0; without it the larger of 5s and 10 % of the duration."
    )
    replications: Annotated[int, whole(1, 10_000)] = Field(
        default=5, description="Independent repetitions (count)."
    )
    precision: Precision | None = Field(
        default=None,
        description="Repeat until throughput, mean latency and p99 are known this well (half of the 95 % interval).",
    )
    max_replications: Annotated[int, whole(2, 10_000)] | None = Field(
        default=None, description="Most repetitions for the precision (count); without it 100."
    )
    max_time: PositiveDuration | None = Field(
        default=None, description="Computing time after which no repetition begins for the precision."
    )
    swarm: Swarm = Field(default=Swarm(), description="Settings of the swarm.")
    nodes: dict[Name, NodeGroup] = Field(description="Groups of machines, by name.")
    hypervisors: dict[Name, Hypervisor] = Field(default={}, description="Machines that nodes share.")
    cluster_store: ClusterStore | None = Field(
        default=None,
        description="A key-value store for overlays without swarm mode; excludes services and managers.",
    )
    fabric: Fabric = Field(default=Fabric(), description="The switch that connects the nodes.")
    outside: Outside = Field(default=Outside(), description="The world outside the swarm.")
    networks: dict[Name, Network] = Field(default={}, description="Networks, by name.")
    services: dict[Name, Service] = Field(default={}, description="Services, by name.")
    containers: dict[Name, Container] = Field(default={}, description="Standalone containers, by name.")
    load: dict[Name, Load] = Field(default={}, description="Workloads, by name.")
    faults: tuple[Fault, ...] = Field(default=(), description="What breaks, and when.")
    operations: tuple[Operation, ...] = Field(default=(), description="What operators do, and when.")
    expect: tuple[ExpectText, ...] = Field(
        default=(), description="What must hold, like users.latency.p99 < 50ms; docs/expectations.md."
    )

    _source: str | None = PrivateAttr(default=None)
    _sha256: str = PrivateAttr(default="")
    _tree: Node | None = PrivateAttr(default=None)
    _tolerant: bool = PrivateAttr(default=False)

    @model_validator(mode="before")
    @classmethod
    def _has_nodes(cls, value: Any) -> Any:
        if isinstance(value, dict) and "nodes" in value and value["nodes"] in ({}, None):
            raise fail("BAD_VALUE", "at least one group of nodes", at=("nodes",))
        return value

    @property
    def source(self) -> str | None:
        """The file that it was read from."""
        return self._source

    @property
    def tolerant(self) -> bool:
        """Whether it is to run although a hard limit is exceeded."""
        return self._tolerant

    def tolerate(self) -> None:
        """Let it run although a hard limit is exceeded."""
        self._tolerant = True

    @property
    def sha256(self) -> str:
        """SHA-256 of the text that it was read from, overrides included (hex)."""
        return self._sha256

    @property
    def warmup_ps(self) -> int:
        """Warm-up (ps), the default resolved."""
        if self.warmup is not None:
            return self.warmup
        return max(5 * PS_PER_S, self.duration // 10)

    @property
    def changes(self) -> bool:
        """Whether the swarm has anything to do while the clock runs: something fails, somebody or a rule changes something,
        tasks end by themselves."""
        return bool(self.faults or self.operations) or self._changes_itself

    @property
    def _changes_itself(self) -> bool:
        return any(s.image.run is not None or s.autoscale is not None for s in self.services.values())

    @property
    def only_rewires(self) -> bool:
        """Whether nothing happens while the clock runs but that containers join and leave networks."""
        rewires = all(o.connect is not None or o.disconnect is not None for o in self.operations)
        return rewires and not self.faults and not self._changes_itself

    def node_names(self) -> list[str]:
        """The names of all nodes, group by group."""
        return [f"{group}-{i}" for group, spec in self.nodes.items() for i in range(1, spec.count + 1)]

    def label_values(self, key: str) -> list[str]:
        """All values that nodes have of a label, in the order of the file."""
        found = (spec.label(key, i) for spec in self.nodes.values() for i in range(spec.count))
        return list(dict.fromkeys(value for value in found if value is not None))

    def store_nodes(self) -> list[str]:
        """The nodes that the key-value store runs on; none with swarm mode."""
        names = self.node_names()
        patterns = () if self.cluster_store is None else self.cluster_store.nodes
        return list(dict.fromkeys(name for one in patterns for name in fnmatch.filter(names, one)))

    def hypervisor_of(self) -> dict[str, str]:
        """The machine that a node shares with others, by the node's name; nodes with one of their own are not in it."""
        names = self.node_names()
        return {
            node: hypervisor
            for hypervisor, spec in self.hypervisors.items()
            for pattern in spec.nodes
            for node in fnmatch.filter(names, pattern)
        }

    def container_networks(self, name: str) -> tuple[str, ...]:
        """The networks of a container, then those that it joins while the clock runs."""
        joined = (o.connect[name] for o in self.operations if o.connect is not None and name in o.connect)
        return tuple(dict.fromkeys((*self.containers[name].networks, *joined)))

    def line_of(self, path: PathTuple) -> tuple[int, int]:
        """Line and column of a value in the file; (0, 0) without one, as for what ``--set`` replaced."""
        if self._tree is None:
            return (0, 0)
        file, line, col = self._tree.place(path)
        return (line, col) if file == self._tree.file else (0, 0)
