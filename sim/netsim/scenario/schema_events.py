"""Faults and operations: ``{at: T, VERB: TARGET, for: T}``."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from pydantic import Field

from netsim.scenario.problems import nearest, show
from netsim.scenario.schema_attach import Joined
from netsim.scenario.schema_types import (
    Duration,
    Flag,
    Name,
    PositiveDuration,
    Rate,
    Share,
    Strict,
    Text,
    fail,
    number,
    whole,
)

FAULT_VERBS = (
    "crash", "reboot", "kill_daemon", "cut", "flap", "link", "partition", "switch_down", "kill_task",
    "unhealthy", "steal", "slow_disk", "registry_down", "random",
)  # fmt: skip
OPERATION_VERBS = (
    "drain", "pause", "activate", "scale", "update", "rollback", "promote", "demote", "connect",
    "disconnect",
)  # fmt: skip


def _one_verb(value: Any, verbs: tuple[str, ...], other: set[str], example: str) -> Any:
    """Exactly one verb has to be there."""
    if not isinstance(value, dict):
        raise fail("WRONG_TYPE", f"a mapping like {example}")
    found = [verb for verb in verbs if verb in value]
    if len(found) == 1:
        if value[found[0]] is None:
            raise fail("WRONG_TYPE", f"a value for {found[0]}, as in {example}", at=(found[0],))
        return value
    if found:
        raise fail("BAD_VALUE", "one verb", found=" and ".join(found))
    unknown = [key for key in value if key not in other]
    close = nearest(unknown[0], verbs) if unknown else None
    raise fail(
        "BAD_VALUE",
        f"a verb, as in {example}",
        found=show(unknown[0]) if unknown else "none",
        help=f"did you mean {close}?" if close else f"verbs: {', '.join(verbs)}",
    )


class Event(Strict):
    """Something that happens at a time."""

    at: Duration = Field(default=0, description="When (duration after t = 0).")

    verbs: ClassVar[tuple[str, ...]] = ()
    example: ClassVar[str] = ""

    @classmethod
    def short_form(cls, value: Any) -> Any:
        other = {field.alias or name for name, field in cls.model_fields.items()} - set(cls.verbs)
        return _one_verb(value, cls.verbs, other, cls.example)

    @property
    def verb(self) -> str:
        """The verb that is given."""
        return next(verb for verb in self.verbs if getattr(self, verb) is not None)


class Fault(Event):
    """Something that breaks. Targets: a name, leader, random(worker), random(web), a label like rack=a."""

    verbs: ClassVar[tuple[str, ...]] = FAULT_VERBS
    example: ClassVar[str] = "{at: 30s, crash: worker-3, for: 60s}"

    for_: PositiveDuration | None = Field(
        default=None, alias="for", description="How long; without it, until the end."
    )
    crash: Text | None = Field(default=None, description="A node loses its power.")
    reboot: Text | None = Field(default=None, description="A node restarts.")
    kill_daemon: Text | None = Field(default=None, description="dockerd of a node ends.")
    cut: Text | None = Field(default=None, description="A node's cable is unplugged.")
    flap: Text | None = Field(default=None, description="A node's link goes down and up.")
    link: Text | None = Field(default=None, description="A node's link gets worse.")
    partition: tuple[tuple[Text, ...], ...] | None = Field(
        default=None, description="Groups of nodes that cannot reach each other."
    )
    switch_down: Flag | Text | None = Field(
        default=None, description="All switches fail (true), or the leaf of a rack, by the rack's name."
    )
    kill_task: Text | None = Field(default=None, description="The process of a task or of a container ends.")
    unhealthy: Text | None = Field(
        default=None, description="A task's health checks fail; the task serves on until it is stopped."
    )
    steal: Text | None = Field(default=None, description="A hypervisor takes processor time of a node.")
    slow_disk: Text | None = Field(default=None, description="A node's disk slows down.")
    registry_down: Flag | Text | None = Field(default=None, description="Images cannot be pulled.")
    random: Text | None = Field(default=None, description="Faults at random: of a node group or service.")
    loss: Share | None = Field(default=None, description="Share of packets lost (link).")
    delay: Duration | None = Field(
        default=None,
        description="Delay added (link, slow_disk), or how long a check takes until it fails, at most its timeout "
        "(unhealthy).",
    )
    rate: Rate | None = Field(default=None, description="Rate left (link).")
    one_way: Flag = Field(default=False, description="Only packets that the node sends (link, cut).")
    cable: Annotated[int, whole(1, 8)] | None = Field(
        default=None, description="Only this cable of a bonded card, from 1 (cut)."
    )
    share: Share | None = Field(default=None, description="Share of processor time taken (steal).")
    factor: Annotated[float, number(1, 1e6)] | None = Field(
        default=None, description="How many times slower (slow_disk)."
    )
    period: PositiveDuration | None = Field(default=None, description="Time of one down and up (flap).")
    times: Annotated[int, whole(1, 100_000)] | None = Field(default=None, description="How often (flap).")
    mtbf: PositiveDuration | None = Field(default=None, description="Mean time between failures (random).")
    mttr: PositiveDuration | None = Field(default=None, description="Mean time to repair (random).")


class Operation(Event):
    """Something that an operator does."""

    verbs: ClassVar[tuple[str, ...]] = OPERATION_VERBS
    example: ClassVar[str] = "{at: 20s, scale: {web: 60}}"

    drain: Text | None = Field(default=None, description="A node gives up its tasks.")
    pause: Text | None = Field(default=None, description="A node gets no new tasks.")
    activate: Text | None = Field(default=None, description="A node takes tasks again.")
    promote: Text | None = Field(default=None, description="A worker becomes a manager.")
    demote: Text | None = Field(default=None, description="A manager becomes a worker.")
    scale: dict[Name, Annotated[int, whole(0, 100_000)]] | None = Field(
        default=None, description="New numbers of replicas by service."
    )
    update: dict[Name, dict[str, Any]] | None = Field(
        default=None, description="Changed words of services, by service."
    )
    rollback: Text | None = Field(default=None, description="A service goes back to its previous form.")
    connect: dict[Name, Joined] | None = Field(
        default=None,
        description="Containers that join a network: its name, or {NAME: {gw_priority: 1, ipv4_address: 10.1.0.9}}.",
    )
    disconnect: dict[Name, Name] | None = Field(default=None, description="Containers that leave a network.")

    def new_networks(self) -> list[tuple[str, tuple[str, ...]]]:
        """Services whose networks an update changes, and what they are then, as far as it is a list or a mapping."""
        found = [
            (name, words["networks"]) for name, words in (self.update or {}).items() if "networks" in words
        ]
        return [(name, tuple(map(str, new))) for name, new in found if isinstance(new, (list, dict))]
