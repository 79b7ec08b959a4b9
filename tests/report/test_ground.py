"""The ground in the report: places, and answers where cards live on burst credit."""

from __future__ import annotations

import pytest
from helpers import ROOT

import netsim
from netsim.report.answer import numbers, verdict
from netsim.report.data import busiest
from netsim.report.ground import credit_table, place_table

BURST = "nodes.node.nic.burst.credit"


@pytest.mark.parametrize(
    ("load", "credit", "head", "words"),
    [
        ("450/s", "3GB", "Too small for good", "is gone after"),
        ("450/s", "20GB", "For a while", "until its burst credit is gone, after about"),
        ("100/s", "20GB", "Enough", "fills first"),
    ],
)
def test_a_load_is_carried_for_good_for_a_while_or_not(load: str, credit: str, head: str, words: str) -> None:
    path = ROOT / "scenarios" / "cloud-burst.yaml"
    given = {
        "duration": "120s" if credit == "3GB" else "20s",
        "load.users.arrivals": load,
        BURST: credit,
        "expect": "[]",
    }
    result = netsim.run(netsim.load(path, given), replications=1)
    found, sentence = verdict(result)
    assert found == head and words in sentence
    limits = {number.label: number for number in numbers(result)}
    on_credit = head != "Enough"
    assert limits["What limits it"].value.startswith("burst credit of node-") is on_credit
    assert ("none" in limits["Capacity remaining"].value) is on_credit
    assert any("no measure of what fits" in text for text in busiest(result)) is on_credit
    table = credit_table(result.data["credit"])
    assert len(table) == 7  # two directions of three cards
    assert table[1][4].startswith("ran out at") is (credit == "3GB")


def test_places_are_told_with_their_busiest_link() -> None:
    given = {"duration": "2s", "load.copy.start": "1999ms", "expect": "[]"}
    result = netsim.run(netsim.load(ROOT / "scenarios" / "leaf-spine.yaml", given), replications=2)
    table = place_table(result.data["places"])
    assert [row[:3] for row in table[1:]] == [["rack a", "8", "7"], ["rack b", "8", "7"]]
    assert "switch/b.up" in table[2][4] and "switch/a.down" in table[1][4]
    assert place_table([]) == [] and credit_table([]) == []
