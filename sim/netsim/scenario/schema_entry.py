"""How traffic from outside finds the swarm: a load balancer or DNS list, or a virtual address that keepalived moves."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from netsim.picoseconds import PS_PER_S
from netsim.scenario.schema_types import (
    Duration,
    Flag,
    Name,
    PositiveDuration,
    Strict,
    Value,
    choice,
    or_words,
    whole,
)
from netsim.scenario.units import UnitError

#: Priorities that may be given (RFC 5798, 5.2.4): 0 says that a master stops, 255 belongs to an address of one's own.
LEAST_PRIORITY, MOST_PRIORITY, OWNER = 1, 255, 255
#: What a node that is not named in ``priorities`` has (keepalived.conf(5)).
PRIORITY = 100


class Check(Strict):
    """The health check by which outside traffic avoids dead nodes."""

    every: PositiveDuration = Field(default=2 * PS_PER_S, description="Time between two checks.")
    failures: Annotated[int, whole(1, 1000)] = Field(
        default=3, description="Checks failed in a row until a node is left out (count)."
    )
    timeout: PositiveDuration = Field(
        default=1 * PS_PER_S, description="A check without answer fails after this."
    )


def _entry_nodes(value: Any) -> str | tuple[str, ...]:
    expected = "all or a list of node names"
    if value == "all":
        return "all"
    if not isinstance(value, list):
        raise UnitError("WRONG_TYPE", expected)
    if not value or not all(isinstance(name, str) for name in value):
        raise UnitError("BAD_VALUE", expected)
    return tuple(value)


def _no_check(value: Any) -> Any:
    return None if value == "none" else value


class TrackScript(Strict):
    """A script by which keepalived judges its own node (vrrp_script and track_script)."""

    script: Annotated[str, choice("dockerd", "quorum")] = Field(
        description="What it asks: dockerd (docker info is answered), quorum (docker node ls, by a manager with a leader)."
    )
    interval: PositiveDuration = Field(default=PS_PER_S, description="Time between two runs.")
    fall: Annotated[int, whole(1, 1000)] = Field(
        default=1, description="Runs failed in a row until it counts as failed (count)."
    )
    rise: Annotated[int, whole(1, 1000)] = Field(
        default=1, description="Runs succeeded in a row until it counts as good again (count)."
    )
    weight: Annotated[int, whole(-253, 253)] = Field(
        default=0,
        description="What is added to the priority while it is good, or with a minus while it has failed; 0: the node gives "
        "the address up while it has failed.",
    )


class Vrrp(Strict):
    """keepalived on the entry's nodes: a virtual address that the living one of the highest priority holds."""

    version: Annotated[int, whole(2, 3)] = Field(default=2, description="Of VRRP (vrrp_version): 2 or 3.")
    priorities: dict[Name, Annotated[int, whole(LEAST_PRIORITY, MOST_PRIORITY)]] = Field(
        default={},
        description=f"Priorities by node; {PRIORITY} where nothing is said, {OWNER} for the address's owner.",
    )
    advert_int: PositiveDuration = Field(
        default=PS_PER_S,
        description="Time between two advertisements of the master; whole seconds with version 2.",
    )
    nopreempt: Flag = Field(
        default=False,
        description="A node of a higher priority that comes back leaves the address where it is.",
    )
    preempt_delay: Duration = Field(
        default=0, description="How long a node of a higher priority waits before it takes the address back."
    )
    garp_master_repeat: Annotated[int, whole(1, 1000)] = Field(
        default=5, description="Gratuitous ARPs that a new master sends at once (count)."
    )
    garp_master_delay: Duration = Field(
        default=5 * PS_PER_S, description="When it sends as many once more; 0: not."
    )
    track_script: tuple[TrackScript, ...] = Field(default=(), description="Scripts that a node has to pass.")

    def priority(self, node: str) -> int:
        """Of a node by its name."""
        return self.priorities.get(node, PRIORITY)

    def usual(self, node: str) -> int:
        """The effective priority while all scripts are good."""
        base = self.priority(node)
        if base == OWNER:
            return base
        return min(OWNER - 1, base + sum(max(0, script.weight) for script in self.track_script))


class Entry(Strict):
    """How outside traffic finds a node: a load balancer or a DNS list in front of the swarm."""

    nodes: Annotated[
        str | tuple[str, ...],
        Value(
            _entry_nodes,
            {"anyOf": [{"enum": ["all"]}, {"type": "array", "items": {"type": "string"}, "minItems": 1}]},
        ),
    ] = Field(default="all", description="The nodes that traffic enters by: all, or a list of names.")
    choose: Annotated[str, choice("round-robin", "random", "source-hash", "first")] = Field(
        default="round-robin", description="How a node is chosen for a connection."
    )
    check: Annotated[Check | None, BeforeValidator(_no_check)] = Field(
        default=Check(),
        description="The health check of the entry, or none; of ports in mode host it opens a connection to the port.",
        json_schema_extra=or_words("none"),
    )
    vrrp: Vrrp | None = Field(
        default=None,
        description="One virtual address that keepalived moves between the nodes, in place of choose and check.",
    )

    @property
    def chooses(self) -> str:
        """How a node is chosen of those that are in: with a virtual address only its holder is."""
        return self.choose if self.vrrp is None else "first"
