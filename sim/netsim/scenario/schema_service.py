"""Services and containers, in the words of compose."""

from __future__ import annotations

import re
from pkgutil import resolve_name
from typing import Annotated, Any, ClassVar

from pydantic import Field

from netsim.picoseconds import PS_PER_S
from netsim.scenario.problems import suggest
from netsim.scenario.schema_attach import Networks
from netsim.scenario.schema_network import Port
from netsim.scenario.schema_types import (
    Cpus,
    Duration,
    Flag,
    Name,
    PerSecond,
    PositiveDuration,
    PositiveSize,
    Restart,
    Share,
    Size,
    Strict,
    Text,
    Value,
    choice,
    fail,
    whole,
)
from netsim.scenario.schema_work import Call, Spread, Work
from netsim.scenario.units import UnitError

_CONSTRAINT = re.compile(r"\s*([a-zA-Z][\w.-]*)\s*(==|!=)\s*([\w./-]+(?: [\w./-]+)*)\s*")
_CONSTRAINT_KEYS = (
    "node.id",
    "node.hostname",
    "node.role",
    "node.ip",
    "node.platform.os",
    "node.platform.arch",
)
_COUNT = Annotated[int, whole(0, 1_000_000)]


def _constraint(value: Any) -> str:
    expected = "a constraint, like node.role == worker or node.labels.zone != b"
    if not isinstance(value, str):
        raise UnitError("WRONG_TYPE", expected)
    match = _CONSTRAINT.fullmatch(value)
    if match is None:
        raise UnitError("BAD_CONSTRAINT", expected)
    key = match[1]
    if key not in _CONSTRAINT_KEYS and not key.startswith(("node.labels.", "engine.labels.")):
        raise UnitError(
            "BAD_CONSTRAINT",
            expected,
            help="keys: node.role, node.hostname, node.labels.NAME, engine.labels.NAME",
        )
    if key == "node.role" and match[3] not in ("worker", "manager"):
        raise UnitError("BAD_CONSTRAINT", "worker or manager as a node.role")
    return f"{key} {match[2]} {match[3]}"


def _spread(value: Any) -> str:
    expected = "a preference, like {spread: node.labels.zone}"
    if isinstance(value, dict) and set(value) == {"spread"}:
        value = value["spread"]
    if not isinstance(value, str) or not value.startswith(("node.labels.", "engine.labels.")):
        raise UnitError("BAD_VALUE", expected)
    return value


class Placement(Strict):
    """Conditions, spreading and limits for the choice of a node."""

    constraints: tuple[Annotated[str, Value(_constraint, {"type": "string"})], ...] = Field(
        default=(), description="Conditions that a node must meet, all of them."
    )
    preferences: tuple[
        Annotated[
            str,
            Value(
                _spread,
                {
                    "type": "object",
                    "properties": {
                        "spread": {"type": "string", "description": "A label, like node.labels.zone."}
                    },
                    "required": ["spread"],
                },
            ),
        ],
        ...,
    ] = Field(default=(), description="Labels over whose values tasks are spread evenly.")
    max_replicas_per_node: Annotated[int, whole(0, 100_000)] = Field(
        default=0, description="Tasks of the service on one node at most (count); 0: no limit."
    )


class Amount(Strict):
    """An amount of processor and memory."""

    cpus: Cpus | None = Field(default=None, description="Cores (number).")
    memory: PositiveSize | None = Field(default=None, description="Memory (size).")
    pids: Annotated[int, whole(1, 10**7)] | None = Field(default=None, description="Processes (count).")


class Resources(Strict):
    """Limits and reservations."""

    limits: Amount = Field(default=Amount(), description="What a task gets at most.")
    reservations: Amount = Field(default=Amount(), description="What a node must have free for a task.")


class RestartPolicy(Strict):
    """Whether and when an ended task is replaced."""

    condition: Annotated[str, choice("any", "on-failure", "none")] = Field(
        default="any", description="When a task is replaced."
    )
    delay: Duration = Field(default=5 * PS_PER_S, description="Wait before a replacement starts.")
    max_attempts: _COUNT = Field(default=0, description="Replacements at most (count); 0: no limit.")
    window: Duration = Field(default=0, description="A task that ran this long counts as started well.")


class UpdateConfig(Strict):
    """How an update or a rollback proceeds."""

    parallelism: _COUNT = Field(default=1, description="Tasks changed at a time (count); 0: all.")
    delay: Duration = Field(default=0, description="Wait between two groups.")
    failure_action: Annotated[str, choice("pause", "continue", "rollback")] = Field(
        default="pause", description="What happens when it fails."
    )
    monitor: Duration = Field(default=5 * PS_PER_S, description="How long a new task is watched for failure.")
    max_failure_ratio: Share = Field(default=0.0, description="Share of tasks that may fail.")
    order: Annotated[str, choice("stop-first", "start-first")] = Field(
        default="stop-first", description="Which comes first: the old task's stop or the new one's start."
    )


class Healthcheck(Strict):
    """How a container's health is found out."""

    test: Text | tuple[Text, ...] | None = Field(default=None, description="The command.")
    interval: PositiveDuration = Field(default=30 * PS_PER_S, description="Time between two checks.")
    timeout: PositiveDuration = Field(default=30 * PS_PER_S, description="A check fails after this.")
    retries: Annotated[int, whole(1, 1000)] = Field(
        default=3, description="Failures in a row until the container is unhealthy (count)."
    )
    start_period: Duration = Field(
        default=0, description="Failures in this time after the start do not count."
    )
    start_interval: PositiveDuration = Field(
        default=5 * PS_PER_S, description="Time between two checks in the start period."
    )
    disable: Flag = Field(default=False, description="No check at all.")


#: What ``ip_vs`` has; Docker uses rr alone.
SCHEDULERS = ("rr", "wrr", "lc", "wlc", "lblc", "lblcr", "dh", "sh", "sed", "nq", "fo", "ovf", "mh", "twos")


def _scheduler(value: Any) -> str:
    """One that the kernel has, or one of an installed package."""
    if isinstance(value, str) and value in SCHEDULERS:
        return value
    registry = resolve_name("netsim.datapath.ipvs.registry")  # a later room
    try:
        known = tuple(registry.names())
    except registry.SchedulerError as error:
        raise UnitError("BAD_SCHEDULER", "schedulers that can be loaded", found=str(error)) from None
    if not isinstance(value, str) or value not in known:
        raise UnitError(
            "BAD_VALUE",
            "the name of a scheduler",
            help=suggest(value, known, "schedulers") or f"schedulers: {', '.join(known)}",
        )
    return value


class Ipvs(Strict):
    """How IPVS balances a service. Docker has no such setting: rr, each task of weight 1."""

    scheduler: Annotated[
        str, Value(_scheduler, {"anyOf": [{"enum": list(SCHEDULERS)}, {"type": "string", "minLength": 1}]})
    ] = Field(
        default="rr",
        description="Who gets a new connection; anything but rr is a what-if. Packages may bring more (netsim.schedulers).",
    )
    flags: tuple[Annotated[str, choice("fallback", "port")], ...] = Field(
        default=(), description="Of sh and mh: go on when a task is unavailable; hash the source port, too."
    )
    persistence: PositiveDuration | None = Field(
        default=None,
        description="Clients stay with their task until they opened no connection for so long (ipvsadm -p); a what-if.",
    )
    persistence_prefix: Annotated[int, whole(1, 32)] = Field(
        default=32, description="How many bits of a client's address persistence looks at (ipvsadm -M)."
    )


class Image(Strict):
    """The image that a task runs."""

    name: Text = Field(default="image", description="Name and tag.")
    size: Size = Field(default=0, description="Bytes to pull where it is missing (size).")
    start: Duration = Field(default=0, description="Time from the container's start until it can serve.")
    stop: Duration | None = Field(
        default=None,
        description="Time from SIGTERM until its process ends; without it SIGTERM is ignored, as the first process of "
        "a container does that has no handler for it, and the grace period runs out.",
    )
    run: Spread | None = Field(
        default=None,
        description="Time from the container's start until its process ends by itself, with success; without it, never.",
    )

    short_schema: ClassVar[dict[str, Any] | None] = {"type": "string"}

    @classmethod
    def short_form(cls, value: Any) -> Any:
        return {"name": value} if isinstance(value, str) else value


class ScaleTarget(Strict):
    """What a rule looks at, and how much of it a task shall have: one of the two."""

    requests: PerSecond | None = Field(default=None, description="Requests that come to a task (per second).")
    workers: Share | None = Field(
        default=None, description="Share of a task's workers that are busy, by the requests that have ended."
    )

    @classmethod
    def short_form(cls, value: Any) -> Any:
        if isinstance(value, dict) and len(value) != 1:
            raise fail("BAD_VALUE", "one metric, like {requests: 50/s}", found=f"{len(value)} keys")
        return value

    @classmethod
    def what(cls) -> str:
        return "a metric and its target, like {requests: 50/s} or {workers: 70%}"

    @property
    def per_task(self) -> float:
        """The target of one task: requests per second, or a share of its workers."""
        return (self.requests if self.workers is None else self.workers) or 0.0

    def text(self, value: float) -> str:
        """A measured value in words."""
        if self.workers is None:
            return f"{value:.4g} requests/s a task"
        return f"{value:.3g} of the workers busy"


class Autoscale(Strict):
    """A rule that sets a service's replicas while the clock runs, from outside the swarm, as Docker has none."""

    target: ScaleTarget = Field(description="The metric, and what each task shall have of it at most.")
    min: Annotated[int, whole(1, 100_000)] = Field(default=1, description="Fewest replicas (count).")
    max: Annotated[int, whole(1, 100_000)] = Field(description="Most replicas (count).")
    interval: PositiveDuration = Field(
        default=15 * PS_PER_S, description="Time between two looks, over which the metric is taken."
    )
    cooldown: Duration = Field(
        default=60 * PS_PER_S, description="Time after a change in which there is no other."
    )

    @classmethod
    def what(cls) -> str:
        return "a rule, like {target: {requests: 50/s}, min: 2, max: 10}"


class Service(Strict):
    """A swarm service."""

    mode: Annotated[str, choice("replicated", "global", "replicated-job", "global-job")] = Field(
        default="replicated",
        description="replicated: so many tasks; global: one on each node; jobs: tasks that end and are not started "
        "again if they succeeded.",
    )
    replicas: Annotated[int, whole(0, 100_000)] = Field(
        default=1, description="Tasks wanted, of a replicated-job tasks to complete (count)."
    )
    max_concurrent: _COUNT = Field(
        default=0, description="Tasks of a replicated-job at the same time (count); 0: all."
    )
    autoscale: Autoscale | None = Field(
        default=None, description="A rule that changes the replicas while the clock runs (a what-if)."
    )
    networks: Networks = Field(default=(), description="Names of the networks that its tasks attach to.")
    endpoint_mode: Annotated[str, choice("vip", "dnsrr")] = Field(
        default="vip",
        description="vip: one virtual address, balanced by IPVS; dnsrr: the tasks' addresses, as each node's DNS knows them.",
    )
    ipvs: Ipvs = Field(default=Ipvs(), description="How IPVS balances it (a what-if).")
    ports: tuple[Port, ...] = Field(default=(), description="Published ports.")
    placement: Placement = Field(default=Placement(), description="Where its tasks may run.")
    resources: Resources = Field(default=Resources(), description="Limits and reservations of each task.")
    restart_policy: RestartPolicy = Field(
        default=RestartPolicy(), description="What happens when a task ends."
    )
    update_config: UpdateConfig = Field(default=UpdateConfig(), description="How an update proceeds.")
    rollback_config: UpdateConfig = Field(default=UpdateConfig(), description="How a rollback proceeds.")
    healthcheck: Healthcheck | None = Field(
        default=None, description="Health check; without it a running task is healthy."
    )
    stop_grace_period: Duration = Field(
        default=10 * PS_PER_S, description="Time between SIGTERM and SIGKILL."
    )
    image: Image = Field(default=Image(), description="The image.")
    work: Work = Field(default=Work(), description="What serving one request takes.")
    calls: tuple[Call, ...] = Field(default=(), description="Calls to others while a request is served.")

    @classmethod
    def what(cls) -> str:
        return "a service, like {replicas: 2, networks: [shop]}"

    @property
    def is_global(self) -> bool:
        """Whether it has a task on each node."""
        return self.mode.startswith("global")

    @property
    def is_job(self) -> bool:
        """Whether its tasks are to end."""
        return self.mode.endswith("-job")

    @property
    def at_once(self) -> int:
        """Tasks of a service that is not global at the beginning (count)."""
        return min(self.replicas, self.max_concurrent or self.replicas)


class Container(Strict):
    """A container outside any service."""

    node: Text = Field(description="The node that it runs on, like worker-1.")
    networks: Networks = Field(
        default=("bridge",),
        description="Its networks: names, or names with ipv4_address, gw_priority and aliases; without it the default bridge.",
    )
    links: tuple[Name, ...] = Field(
        default=(), description="Containers of its node whose names it knows on the default bridge."
    )
    ports: tuple[Port, ...] = Field(default=(), description="Published ports (on its node).")
    resources: Resources = Field(default=Resources(), description="Limits.")
    restart: Restart = Field(
        default="no",
        description="Whether dockerd starts it again: no, on-failure or on-failure:5 (after its process was killed, at most so often), "
        "always, unless-stopped (the same here: also when the node or dockerd is back).",
    )
    image: Image = Field(default=Image(), description="The image.")
    work: Work = Field(default=Work(), description="What serving one request takes.")
    calls: tuple[Call, ...] = Field(default=(), description="Calls to others while a request is served.")
