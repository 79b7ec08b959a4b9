"""The load: who asks whom, how often, for how much."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

from pydantic import ConfigDict, Field

from netsim.scenario.problems import nearest, show
from netsim.scenario.schema_types import (
    Duration,
    Form,
    PositiveDuration,
    PositiveSize,
    Size,
    Strict,
    Text,
    Value,
    WrittenAs,
    fail,
    number,
    whole,
)
from netsim.scenario.schema_work import ZERO, Connection, ConnectionField, Dns, Retries, Spread
from netsim.scenario.units import UnitError, parse_duration, parse_per_second

_PROCESSES = ("poisson", "constant", "lognormal")
_EXPECTED = (
    "a rate, like {poisson: 1000/s}, or a line through points, like {poisson: [[0s, 1000/s], [60s, 4000/s]]}"
)
Point = tuple[int, float]


@dataclass(frozen=True, slots=True)
class Arrivals:
    """When requests start. ``points``: (time in ps, requests per s), rates between them on a line.

    ``kind``: poisson, constant or lognormal gaps; ``cv`` is that of lognormal gaps.
    """

    kind: str
    points: tuple[Point, ...]
    cv: float = 1.0


def _points(value: Any) -> tuple[Point, ...]:
    if not isinstance(value, list):
        return ((0, parse_per_second(value)),)
    if not value:
        raise UnitError("BAD_VALUE", "at least one point, like [0s, 1000/s]")
    points: list[Point] = []
    for item in value:
        if not isinstance(item, list) or len(item) != 2:
            raise UnitError("BAD_VALUE", "points, like [[0s, 1000/s], [60s, 4000/s]]", found=show(item))
        at, rate = parse_duration(item[0]), parse_per_second(item[1])
        if points and at < points[-1][0]:
            raise UnitError("BAD_VALUE", "points in order of time", found=show(item[0]))
        points.append((at, rate))
    return tuple(points)


_RATE_JSON = {"type": "string", "pattern": r"^[0-9]+(\.[0-9]+)? */ *(s|m|h)$"}
_POINTS_JSON: dict[str, Any] = {
    "anyOf": [
        _RATE_JSON,
        {
            "type": "array",
            "minItems": 1,
            "items": {"type": "array", "minItems": 2, "maxItems": 2, "items": {"type": "string"}},
        },
    ]
}
PointList = Annotated[tuple[Point, ...], Value(_points, _POINTS_JSON)]


class LognormalGaps(Strict):
    """Gaps between requests are lognormal."""

    rate: PointList = Field(description="Requests per second, or a line through points.")
    cv: Annotated[float, number(0.001, 100)] = Field(
        default=1.0, description="Standard deviation of the gaps over their mean (ratio)."
    )


class ArrivalsForm(Form):
    """An arrival process: its kind and its rate."""

    poisson: PointList | None = Field(default=None, description="Independent requests (rate).")
    constant: PointList | None = Field(default=None, description="Equal gaps (rate).")
    lognormal: LognormalGaps | None = Field(default=None, description="Lognormal gaps.")

    short_schema: ClassVar[dict[str, Any] | None] = _RATE_JSON

    @classmethod
    def what(cls) -> str:
        return _EXPECTED

    @classmethod
    def short_form(cls, value: Any) -> Any:
        if isinstance(value, dict):
            if len(value) != 1:
                raise fail("BAD_VALUE", f"one of {', '.join(_PROCESSES)}", found=f"{len(value)} keys")
            (kind,) = value
            if kind not in _PROCESSES:
                close = nearest(kind, _PROCESSES)
                raise fail("UNKNOWN_KEY", f"one of {', '.join(_PROCESSES)}", found=show(kind),
                           help=f"did you mean {close}?" if close else None)  # fmt: skip
            return value
        if isinstance(value, str):
            return {"poisson": value}
        raise fail("WRONG_TYPE", _EXPECTED)

    def resolve(self) -> Arrivals:
        if self.lognormal is not None:
            return Arrivals("lognormal", self.lognormal.rate, self.lognormal.cv)
        for kind, points in (("poisson", self.poisson), ("constant", self.constant)):
            if points is not None:
                return Arrivals(kind, points)
        raise fail("WRONG_TYPE", _EXPECTED)


class Load(Strict):
    """One workload: requests (open or closed loop), a bulk transfer, or a stream of datagrams."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=False)

    from_: Text = Field(
        alias="from", description="Who asks: outside, a service, a task, a container or a node."
    )
    to: Text = Field(
        description="Who is asked: web:8080, db, a task, a container or outside; from a node also localhost:8080."
    )
    arrivals: Annotated[Arrivals, WrittenAs(ArrivalsForm)] | None = Field(
        default=None,
        description="When requests start, whatever the answers do (open loop), over all clients.",
    )
    users: Annotated[int, whole(1, 1_000_000)] | None = Field(
        default=None, description="Users that each wait for the answer before the next request (closed loop)."
    )
    think: Spread = Field(default=ZERO, description="Pause of a user between answer and next request.")
    request: Size = Field(default=400, description="Bytes sent (size).")
    response: Size = Field(default=4096, description="Bytes returned (size).")
    connection: ConnectionField = Field(
        default=Connection(), description="new, or {pool: N}: connections kept, over all clients."
    )
    dns: Dns = Field(default=Dns(), description="How a container that asks looks up the name.")
    timeout: PositiveDuration | None = Field(default=None, description="An attempt fails after this.")
    retries: Retries = Field(default=Retries(), description="What happens after a failed attempt.")
    bulk: PositiveSize | None = Field(
        default=None, description="Bytes to transfer, shared by the flows (size)."
    )
    datagram: PositiveSize | None = Field(
        default=None,
        description="Arrivals are UDP datagrams of so many bytes (size) and not requests: nobody answers or sends them again.",
    )
    write: PositiveSize | None = Field(
        default=None,
        description="Bytes that a bulk transfer's sender writes at a time (size). Without it, what it writes always fills units.",
    )
    start: Duration = Field(default=0, description="When it starts (duration after t = 0).")
    flows: Annotated[int, whole(1, 100_000)] = Field(
        default=1,
        description="Parallel connections of a bulk transfer, or sockets from which datagrams are sent in turn (count).",
    )

    @property
    def sizes(self) -> tuple[int, int]:
        """Bytes of what is sent and of what comes back, each time somebody asks."""
        return (self.request, self.response) if self.datagram is None else (self.datagram, 0)

    @classmethod
    def what(cls) -> str:
        return "a workload, like {from: outside, to: web:8080, arrivals: {poisson: 100/s}}"
