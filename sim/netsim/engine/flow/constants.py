"""The numbers of the flow engine's approximations, as ``data/flow.yaml`` has them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from netsim.tables import table


@dataclass(frozen=True, slots=True)
class Constants:
    """Units and sources stand in the data file."""

    replayed_around_changes: int
    replayed_between_changes: int
    own_s: float
    forwarded: float
    alike: float
    drawn: int
    valid: float
    full: float
    small_unit_packets: int
    waited: float
    mixed: float


@cache
def constants() -> Constants:
    """The shipped table."""
    return Constants(**{name: row["value"] for name, row in table("flow.yaml").items()})
