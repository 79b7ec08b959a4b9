"""How far a result is known to be right: what the kind of scenario was held against, and what that showed."""

from __future__ import annotations

from collections.abc import Callable

from netsim.scenario.schema import Scenario
from netsim.tables import table

#: Words of ``when`` in data/validity.yaml: whether a scenario on an engine has such a thing in it.
WHEN: dict[str, Callable[[Scenario, str], bool]] = {
    "load": lambda scenario, _: bool(scenario.load),
    "changes": lambda scenario, _: scenario.changes,
    "flow": lambda _, engine: engine == "flow",
    "bulk": lambda scenario, _: any(load.bulk is not None for load in scenario.load.values()),
}


def validity(scenario: Scenario, engine: str) -> list[str]:
    """One or two sentences for each kind of thing that the scenario has, with where it was shown."""
    return [
        f"{' '.join(row['text'].split())} ({row['source']})"
        for row in table("validity.yaml").values()
        if WHEN[row["when"]](scenario, engine)
    ]
