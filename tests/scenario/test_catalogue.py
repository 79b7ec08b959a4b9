"""Machines by name."""

from __future__ import annotations

import pytest
from helpers import ROOT

from netsim.scenario import ScenarioError, loads
from netsim.scenario.machines import catalogue, page

TEXT = "netsim: 1\nnodes: {m: {role: manager, %s}}\n"


@pytest.mark.parametrize("name", catalogue())
def test_every_machine_can_be_named(name: str) -> None:
    group = loads(TEXT % f"machine: {name}").nodes["m"]
    facts = catalogue()[name]
    assert group.cores == facts["cores"].value
    assert (group.nic.burst is not None) == ("baseline" in facts) and (group.price is not None) == (
        "price" in facts
    )
    if group.nic.burst is not None:
        assert group.nic.burst.baseline < group.nic.rate
    assert {fact.confidence for fact in facts.values()} <= {"high", "medium", "low"}


def test_what_the_group_says_itself_counts() -> None:
    group = loads(
        TEXT
        % "machine: aws/c5.xlarge, cores: 3, price: 1/h, nic: {mtu: 9000, burst: {baseline: 2Gbit, credit: 1GB}}"
    ).nodes["m"]
    assert (group.cores, group.price, group.nic.mtu) == (3, 1.0, 9000)
    assert group.nic.rate == 10 * 10**9 and group.nic.burst is not None
    assert (group.nic.burst.baseline, group.nic.burst.credit) == (2 * 10**9, 10**9)


def test_an_unknown_machine_is_told_with_the_nearest() -> None:
    with pytest.raises(ScenarioError) as error:
        loads(TEXT % "machine: aws/c5.xlage")
    assert str(error.value).splitlines() == [
        "<text>:2:37: BAD_VALUE nodes.m.machine: expected the name of a machine, got aws/c5.xlage",
        "  help: did you mean aws/c5.xlarge?",
    ]


def test_the_page_is_made_from_the_data() -> None:
    assert (ROOT / "docs" / "machines.md").read_text(encoding="utf-8") == page()
