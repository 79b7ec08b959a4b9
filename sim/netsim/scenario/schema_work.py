"""What a task does with a request: processor time, waiting, and calls to other services."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

from pydantic import Field

from netsim.scenario.problems import nearest, show
from netsim.scenario.schema_types import (
    Duration,
    Flag,
    Form,
    PositiveDuration,
    Share,
    Size,
    Strict,
    Text,
    WrittenAs,
    choice,
    fail,
    number,
    whole,
)
from netsim.scenario.units import UnitError, parse_duration

_KINDS = {
    "constant": ("value",),
    "exponential": ("mean",),
    "lognormal": ("mean", "cv"),
    "uniform": ("low", "high"),
}
_EXPECTED = "a duration or a distribution, like 2ms or {lognormal: {mean: 2ms, cv: 1}}"


#: Congestion controls, the default first.
CONGESTION_CONTROLS = ("cubic", "reno", "bbr")

#: Before a service's name: the addresses of its tasks instead of the virtual one, as Docker's DNS has it.
TASKS = "tasks."
#: As a target of a load from a node: what is published there, asked at 127.0.0.1.
LOCALHOST = "localhost"


@dataclass(frozen=True, slots=True)
class Distribution:
    """A duration that is drawn anew each time. ``mean``, ``low``, ``high`` in ps; ``cv`` is a ratio."""

    kind: str
    mean: int
    cv: float = 0.0
    low: int = 0
    high: int = 0


class Exponential(Strict):
    """Exponential with this mean."""

    mean: PositiveDuration = Field(description="Mean (duration).")


class Lognormal(Strict):
    """Lognormal with this mean and coefficient of variation."""

    mean: PositiveDuration = Field(description="Mean (duration).")
    cv: Annotated[float, number(0.001, 100)] = Field(
        default=1.0, description="Standard deviation over mean (ratio)."
    )


class Uniform(Strict):
    """Uniform between two durations."""

    low: Duration = Field(default=0, description="Shortest (duration).")
    high: PositiveDuration = Field(description="Longest (duration).")


class DistributionForm(Form):
    """A duration, or one distribution of durations."""

    constant: Duration | None = Field(default=None, description="Always this long.")
    exponential: Exponential | None = Field(default=None, description="Exponentially distributed.")
    lognormal: Lognormal | None = Field(default=None, description="Lognormally distributed.")
    uniform: Uniform | None = Field(default=None, description="Uniformly distributed.")

    short_schema: ClassVar[dict[str, Any] | None] = {
        "type": "string",
        "pattern": r"^([0-9]+(\.[0-9]+)?(ps|ns|us|µs|μs|ms|s|m|h|d))+$",
    }

    @classmethod
    def what(cls) -> str:
        return _EXPECTED

    @classmethod
    def short_form(cls, value: Any) -> Any:
        if isinstance(value, dict):
            if len(value) != 1:
                raise fail("BAD_VALUE", f"one of {', '.join(_KINDS)}", found=f"{len(value)} keys")
            (kind,) = value
            if kind not in _KINDS:
                close = nearest(kind, _KINDS)
                raise fail(
                    "UNKNOWN_KEY",
                    f"one of {', '.join(_KINDS)}",
                    found=show(kind),
                    help=f"did you mean {close}?" if close else None,
                )
            return value
        if isinstance(value, list) or value is None:
            raise fail("WRONG_TYPE", _EXPECTED)
        try:
            parse_duration(value)
        except UnitError as error:
            expected = _EXPECTED if error.code in ("UNIT", "WRONG_TYPE") else error.expected
            raise fail(error.code, expected, help=error.help) from None
        return {"constant": value}

    def resolve(self) -> Distribution:
        if self.exponential is not None:
            return Distribution("exponential", self.exponential.mean, 1.0)
        if self.lognormal is not None:
            return Distribution("lognormal", self.lognormal.mean, self.lognormal.cv)
        if self.uniform is not None:
            low, high = self.uniform.low, self.uniform.high
            if low > high:
                raise fail("BAD_VALUE", "low of at most high", at=("uniform", "low"))
            return Distribution("uniform", (low + high) // 2, 0.0, low, high)
        if self.constant is None:
            raise fail("WRONG_TYPE", _EXPECTED)
        return Distribution("constant", self.constant)


Spread = Annotated[Distribution, WrittenAs(DistributionForm)]
ZERO = Distribution("constant", 0)


class PoolForm(Form):
    """``new``, or a pool of connections that are kept."""

    pool: Annotated[int, whole(1, 1_000_000)] = Field(
        default=1, description="Connections that each client keeps (count)."
    )
    requests: Annotated[int, whole(1, 10**9)] | None = Field(
        default=None, description="Requests until a connection is closed (count); without it, never."
    )
    idle: PositiveDuration | None = Field(
        default=None, description="A connection unused for this long is closed."
    )
    tls: Flag = Field(default=False, description="TLS 1.3 on top (one more round trip, processor time).")
    congestion: Annotated[str, choice(*CONGESTION_CONTROLS)] = Field(
        default="cubic", description="Congestion control of both ends (net.ipv4.tcp_congestion_control)."
    )

    short_schema: ClassVar[dict[str, Any] | None] = {"enum": ["new"]}

    @classmethod
    def what(cls) -> str:
        return "new or a pool, like {pool: 200}"

    @classmethod
    def short_form(cls, value: Any) -> Any:
        if value == "new":
            return {"requests": 1}
        if isinstance(value, dict) and set(value) == {"new"}:
            raise fail("BAD_VALUE", cls.what())
        if not isinstance(value, dict):
            raise fail("BAD_VALUE" if isinstance(value, str) else "WRONG_TYPE", cls.what())
        return value

    def resolve(self) -> Connection:
        kind = "pool" if "pool" in self.model_fields_set else "new"
        requests = self.requests if kind == "pool" else 1
        return Connection(kind, self.pool, requests, self.idle, self.tls, self.congestion)


@dataclass(frozen=True, slots=True)
class Connection:
    """How a client uses TCP connections: ``new`` for each request, or from a pool. ``idle`` in ps."""

    kind: str = "new"
    pool: int = 1
    requests: int | None = 1
    idle: int | None = None
    tls: bool = False
    congestion: str = "cubic"


ConnectionField = Annotated[Connection, WrittenAs(PoolForm)]


class Retries(Strict):
    """What a client does after a failed attempt."""

    max: Annotated[int, whole(0, 100)] = Field(default=0, description="Further attempts at most (count).")
    backoff: Duration = Field(
        default=0, description="Wait before the first further attempt; doubles with each one."
    )
    jitter: Share = Field(default=0.0, description="Share of the wait that is random (0 to 1).")

    short_schema: ClassVar[dict[str, Any] | None] = {"type": "integer", "minimum": 0, "maximum": 100}

    @classmethod
    def short_form(cls, value: Any) -> Any:
        return {"max": value} if isinstance(value, int) and not isinstance(value, bool) else value


class Dns(Strict):
    """How a client looks up names, by the embedded DNS server of its container."""

    cache: Flag = Field(
        default=False,
        description="An answer is kept for its TTL of 600 s, whatever becomes of its address; without it, every new connection asks again.",
    )


class Call(Strict):
    """A call to another service while a request is served."""

    to: Text = Field(
        description="The service or container called, like db or db:5432; tasks.db for its tasks' own addresses."
    )
    count: Annotated[int, whole(1, 1000)] = Field(default=1, description="Calls per request (count).")
    request: Size = Field(default=400, description="Bytes sent (size).")
    response: Size = Field(default=4096, description="Bytes returned (size).")
    parallel: Flag = Field(
        default=False, description="All at the same time, together with neighbouring parallel calls."
    )
    connection: ConnectionField = Field(
        default=Connection("pool", 64, None), description="new, or {pool: N}: connections per calling task."
    )
    dns: Dns = Field(default=Dns(), description="How the caller looks up the name.")
    timeout: PositiveDuration | None = Field(
        default=None, description="The call fails after this; without it, it waits."
    )
    retries: Retries = Field(default=Retries(), description="What happens after a failed attempt.")


class Work(Strict):
    """Processor time, waiting and workers of a service."""

    cpu: Spread = Field(default=ZERO, description="Processor time of one request.")
    wait: Spread = Field(default=ZERO, description="Time waiting for something else, like a disk.")
    workers: Annotated[int, whole(1, 100_000)] = Field(
        default=8, description="Requests that a task serves at the same time (count)."
    )
    blocking: Flag = Field(default=True, description="A worker is held during its calls.")
    busy: Annotated[int, whole(0, 1024)] = Field(
        default=0,
        description="Threads that compute for as long as its process runs, besides requests (count).",
    )
    backlog: Annotated[int, whole(1, 65535)] = Field(
        default=4096, description="Connections that wait to be accepted (count); beyond it a SYN is dropped."
    )
    receive_buffer: Size | None = Field(
        default=None,
        description="Bytes of datagrams, as the kernel counts them (skb->truesize), that wait for a worker; beyond it they are "
        "dropped. Left out: net.core.rmem_default of the node.",
    )
