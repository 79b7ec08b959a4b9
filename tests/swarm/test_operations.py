"""Operations and faults of which more than one word counts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from helpers import scenario_from

from netsim.model.build import build_model
from netsim.swarm.simulate import build

TEXT = """netsim: 1
duration: 60s
warmup: 0s
nodes: {m: {role: manager, count: 3}, w: {count: 3}}
networks: {net: {}}
services: {web: {replicas: 4, networks: [net], update_config: {parallelism: 0}}}
%s
"""


def swarm(folder: Path, rest: str) -> Any:
    found = build(build_model(scenario_from(TEXT % rest, folder)), 1, 0)
    found.env.run(until=60 * 10**12)
    return found


@pytest.mark.parametrize(("words", "count", "replaced"), [("{replicas: 7}", 7, False), ("{replicas: 2}", 2, False),
                         ("{replicas: 6, image: web:2}", 6, True), ("{image: web:2}", 4, True)])  # fmt: skip
def test_a_new_count_in_an_update_scales_and_replaces_nothing(
    tmp_path: Path, words: str, count: int, replaced: bool
) -> None:
    found = swarm(tmp_path, f"operations: [{{at: 5s, update: {{web: {words}}}}}]")
    running = found.running("web")
    assert len(running) == count
    first = [task for task in running if task.number <= 4]
    assert len(first) == (0 if replaced else min(4, count))
    assert {task.spec.image.name == "web:2" for task in running} == {replaced}


@pytest.mark.parametrize(
    ("words", "low", "high"), [("", 0.01, 0.2), (", delay: 2s", 2.0, 2.1), (", factor: 100", 0.1, 2)]
)
def test_a_slow_disk_makes_commits_late(tmp_path: Path, words: str, low: float, high: float) -> None:
    """Two of three disks are slow, so every majority has one: ten times 4 ms in the mean, 2 s more, or a hundred times 4 ms."""
    faults = f"faults: [{{at: 1s, slow_disk: m-1{words}}}, {{at: 1s, slow_disk: m-2{words}}}]"
    found = swarm(tmp_path, faults)
    began = found.env.now
    for _ in range(50):
        found.env.run(until=found.env.process(found.raft.commit()))
    assert low < (found.env.now - began) / 50 / 1e12 < high
