"""Limits of machines that nodes share, counted by hand."""

from __future__ import annotations

import pytest

from netsim.audit import audit
from netsim.model.build import build_model
from netsim.scenario import loads

TEXT = """netsim: 1
nodes: {m: {role: manager, count: %d, cores: 2}, w: {count: 2, cores: 4}}
hypervisors: {a: {cores: 8, nodes: [m-1, %s w-1]}, b: {cores: 2, nodes: [w-2]}}
networks: {net: {}}
services:
  web: {replicas: %d, networks: [net], placement: {constraints: [node.role == worker]}}
  all: {mode: global, networks: [net]}
"""


def limits(text: str) -> dict[tuple[str, str], tuple[float, float | None, str, int]]:
    model = build_model(loads(text), audit=True)
    return {
        (x.id, x.where): (x.used, x.most, x.status, model.scenario.line_of(x.path)[0]) for x in audit(model)
    }


@pytest.mark.parametrize(
    ("more", "cores", "status"), [("", 6, "ok"), ("m-2,", 8, "ok"), ("m-2, m-3,", 10, "risk")]
)
def test_cores_are_promised_once(more: str, cores: int, status: str) -> None:
    found = limits(TEXT % (3, more, 2))
    assert found["hypervisor.cores", "a"] == (cores, 8, status, 3)
    assert found["hypervisor.cores", "b"] == (4, 2, "risk", 3)


@pytest.mark.parametrize(
    ("managers", "more", "used", "most", "status"),
    [(3, "", 1, 1, "ok"), (3, "m-2,", 2, 1, "risk"), (5, "m-2,", 2, 2, "ok"), (5, "m-2, m-3,", 3, 2, "risk")],
)
def test_a_machine_that_holds_the_quorum(managers: int, more: str, used: int, most: int, status: str) -> None:
    found = limits(TEXT % (managers, more, 2))
    assert found["single-point.hypervisor-quorum", "a"] == (used, most, status, 3)


def test_two_replicas_on_one_machine() -> None:
    found = limits(TEXT % (3, "", 3))
    shared = {
        where: value[:3] for (id, where), value in found.items() if id == "single-point.hypervisor-replicas"
    }
    assert list(shared.values()) == [(2, 1, "risk")] and set(shared) <= {"web on a", "web on b"}
    apart = limits(TEXT % (3, "", 2))
    assert not [key for key in apart if key[0] == "single-point.hypervisor-replicas"]
