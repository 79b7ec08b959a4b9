"""A scenario whose broken values are left out, so that names which nothing has are told beside them.

What else could be said of such a scenario may follow from what was left out, and is not said.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from pydantic import ValidationError

from netsim.scenario.problems import PathTuple
from netsim.scenario.schema import Scenario

#: What is told all the same.
NAMES = {"UNKNOWN_NETWORK", "UNKNOWN_NODE", "UNKNOWN_SERVICE", "UNKNOWN_TARGET", "UNKNOWN_WORKLOAD"}
#: Words that decide which names there are, and who has them: without what they say nothing is known of names.
DECIDE = {"aliases", "count", "driver", "labels", "mode", "networks", "ports", "replicas"}
#: What is found in what was hidden by something broken.
ROUNDS = 3


def mended(plain: Any, way: Callable[[Mapping[str, Any]], PathTuple]) -> Scenario | None:
    """The scenario without its broken values, which are taken out of ``plain``; None where names may depend on them.
    ``way``: where one of pydantic's errors is."""
    for _ in range(ROUNDS):
        try:
            return Scenario.model_validate(plain)
        except ValidationError as error:
            for found in error.errors(include_url=False):
                if "[key]" in found["loc"] or not _left_out(plain, way(found)):
                    return None
    return None


def _left_out(plain: Any, path: PathTuple) -> bool:
    """Take a value out, or the list that it is in: the others of a list keep their places. Whether that leaves all names."""
    while path and isinstance(path[-1], int):
        path = path[:-1]
    if len(path) < 3 or DECIDE.intersection(path[2:]):
        return False
    for part in path[:-1]:
        try:
            plain = plain[part]
        except (KeyError, IndexError, TypeError):
            return True  # it went with what it was in
    if isinstance(plain, dict):
        plain.pop(path[-1], None)
    return True
