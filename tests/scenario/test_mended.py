"""What is told beside a broken value: names that nothing has, and none that the broken value would have given."""

from __future__ import annotations

import copy
import random
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from helpers import ROOT

from netsim.scenario import ScenarioError
from netsim.scenario.load import loads
from netsim.scenario.mended import NAMES

SHIPPED = sorted((ROOT / "scenarios").glob("*.yaml"))


def scalars(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if isinstance(value, dict):
        for key, below in value.items():
            yield from scalars(below, (*path, key))
    elif isinstance(value, list):
        for number, below in enumerate(value):
            yield from scalars(below, (*path, number))
    else:
        yield path


def test_one_broken_value_makes_no_name_unknown() -> None:
    """Every name of the shipped scenarios is known, so whatever value of theirs is broken, no name may be told to be unknown."""
    rng, told = random.Random(1), 0
    for file in SHIPPED:
        plain = yaml.safe_load(file.read_text(encoding="utf-8"))
        for path in rng.sample(sorted(scalars(plain), key=str), 5):
            broken = copy.deepcopy(plain)
            inside = broken
            for part in path[:-1]:
                inside = inside[part]
            inside[path[-1]] = {"broken": [1]}
            try:
                loads(yaml.safe_dump(broken), str(file))
            except ScenarioError as error:
                told += 1
                assert not {p.code for p in error.problems} & NAMES or len(error.problems) == 1, (file, path)
    assert told > 4 * len(SHIPPED)


@pytest.mark.parametrize("broken", ["cpu: fast", "cpus: 1", "workers: -1"])
def test_an_unknown_name_is_told_beside_a_broken_value(broken: str) -> None:
    text = f"""netsim: 1
nodes: {{m: {{role: manager}}}}
networks: {{net: {{}}}}
services: {{web: {{networks: [net], work: {{{broken}}}, calls: [{{to: dbb}}]}}, db: {{networks: [net]}}}}
"""
    with pytest.raises(ScenarioError) as caught:
        loads(text)
    assert [p.code for p in caught.value.problems][1:] == ["UNKNOWN_SERVICE"]
    assert len(caught.value.problems) == 2
