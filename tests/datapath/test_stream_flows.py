"""Streams of datagrams in the tables: what ip_vs_in does with a packet whose entry leads to a destination that is gone, and how long
entries live (udp_timeouts in net/netfilter/ipvs/ip_vs_proto_udp.c, nf_conntrack_udp_timeout).

The kernel's rules as a program of their own: a dictionary of entries, and a list of destinations with their weights.
"""

from __future__ import annotations

import random

import pytest

from netsim.datapath.flows import layout as y
from netsim.datapath.flows.table import FlowTable
from netsim.datapath.kernel_settings import keeps_without_destination

S = 10**12
PORTS = (32_768, 28_232)


class Lab:
    """One node that balances over three destinations."""

    def __init__(self, expire_nodest: bool = True, version: float = 6.1, most: int = 1 << 18) -> None:
        self.table = FlowTable(4)
        self.node = self.table.node()
        space = self.table.namespace(self.node, most, True, False)
        self.set = self.table.namespaces([space])
        self.balancer = self.table.balancer(
            7, "rr", 0, 0, [(1, 1), (2, 1), (3, 1)], reuse_mode=0, drops=False, expire_nodest=expire_nodest, node=self.node,
            lingers=keeps_without_destination(version),
        )  # fmt: skip

    def socket(self, client: int, now: int = 0, balanced: bool = True) -> int:
        return self.table.begin(client, 1, client, self.balancer if balanced else -1, PORTS, now)

    def put(self, row: int, now: int, balanced: bool = True) -> int | None:
        """Send a datagram: the place of the destination that it goes to, None if it is dropped."""
        met = self.table.meet(row, now)
        if met == y.UNKNOWN:
            place = self.table.choose(row, now) if balanced else 0
            if place < 0 or self.table.pass_datagram(row, self.set, int(balanced), now) != y.FINE:
                return None
            return place
        if met != y.FINE:
            return None
        return self._place(row) if balanced else 0

    def _place(self, row: int) -> int:
        first = int(self.table.T[self.balancer + y.BA_DESTS])
        from netsim.datapath.ipvs.layout import W_DEST

        return (int(self.table.T[row + y.FW_DEST]) - first) // W_DEST

    def change(self, what: int, place: int, weight: int, now: int) -> None:
        self.table.later(self.balancer, place, what, weight, now)

    @property
    def tracked(self) -> int:
        return int(self.table.T[self.node + y.ND_COUNT])


def test_a_flow_stays_with_a_destination_of_weight_0() -> None:
    lab = Lab()
    row = lab.socket(0)
    first = lab.put(row, 0)
    assert first is not None
    lab.change(y.WEIGHT, first, 0, S)
    assert [lab.put(row, at * S) for at in range(2, 100)] == [first] * 98
    others = [lab.put(lab.socket(1 + k % 3, 100 * S), 100 * S) for k in range(30)]
    assert first not in others and len(set(others)) == 2


def test_without_its_destination_an_entry_drops_one_datagram_before_5_9_and_none_since() -> None:
    for version, lost in ((5.8, 1), (5.9, 0), (6.1, 0)):
        lab = Lab(version=version)
        row = lab.socket(0)
        first = lab.put(row, 0)
        assert first is not None
        lab.change(y.REMOVE, first, 0, S)
        found = [lab.put(row, at * S) for at in range(2, 12)]
        assert found[:lost] == [None] * lost, version
        assert len(set(found[lost:])) == 1 and found[lost] not in (None, first), version


def test_without_expire_nodest_conn_it_drops_all_until_the_entry_is_300_s_old() -> None:
    lab = Lab(expire_nodest=False)
    row = lab.socket(0)
    first = lab.put(row, 7 * S)
    assert first is not None
    lab.change(y.REMOVE, first, 0, 8 * S)
    found = {at: lab.put(row, at * S) for at in range(10, 400)}
    dropped = [at for at, place in found.items() if place is None]
    assert dropped == list(range(10, 307))  # those that are dropped do not make it younger
    assert len({found[at] for at in range(307, 400)}) == 1


def test_a_destination_that_comes_back_has_its_flows_again() -> None:
    """ip_vs_trash_get_dest: the one that was removed, with its connections."""
    lab = Lab(expire_nodest=False)
    row = lab.socket(0)
    first = lab.put(row, 0)
    assert first is not None
    lab.change(y.REMOVE, first, 0, S)
    assert lab.put(row, 2 * S) is None
    lab.change(y.ADD, first, 1, 3 * S)
    assert lab.put(row, 4 * S) == first


@pytest.mark.parametrize("rest", [29, 31, 299, 301])
def test_conntrack_forgets_after_30_s_and_ipvs_after_300(rest: int) -> None:
    lab = Lab()
    row = lab.socket(0)
    first = lab.put(row, 0)
    lab.put(lab.socket(1), 0)  # the next one in turn would be another
    assert lab.tracked == 2
    lab.table.expire(rest * S)
    assert lab.tracked == (2 if rest < 30 else 0)
    again = lab.put(row, rest * S)
    assert (again == first) is (rest < 300)
    assert lab.tracked == (2 if rest < 30 else 1)


def test_a_node_that_boots_balances_anew() -> None:
    lab = Lab()
    rows = [lab.socket(k) for k in range(4)]
    before = [lab.put(row, 0) for row in rows]
    assert before[:3] == [0, 1, 2] or len(set(before[:3])) == 3
    assert lab.tracked == 4
    lab.table.boot(lab.node, [lab.balancer], S)
    assert lab.tracked == 0
    after = [lab.put(row, 2 * S) for row in rows]
    assert None not in after and lab.tracked == 4
    assert [lab.put(row, 3 * S) for row in rows] == after


def test_a_flow_without_balancer_has_entries_again_after_a_boot() -> None:
    lab = Lab()
    row = lab.socket(0, balanced=False)
    assert lab.put(row, 0, balanced=False) == 0 and lab.tracked == 1
    lab.table.boot(lab.node, [], S)
    assert lab.tracked == 0
    assert lab.put(row, 2 * S, balanced=False) == 0 and lab.tracked == 1
    lab.table.expire(33 * S)
    assert lab.tracked == 0


def test_a_full_table_drops_unanswered_flows_first_and_ipvs_keeps_them() -> None:
    """Nobody has answered: the entries are not assured, so new ones take their places (early_drop)."""
    lab = Lab(most=10)
    rows = [lab.socket(k % 4) for k in range(10)]
    places = [lab.put(row, 0) for row in rows]
    more = [lab.put(lab.socket(k % 4), S) for k in range(10)]
    assert None not in more and lab.tracked == 10
    assert [lab.put(row, 2 * S) for row in rows] == places


@pytest.mark.parametrize("version", [5.4, 6.1])
@pytest.mark.parametrize("expire_nodest", [True, False])
def test_random_histories_go_as_the_rules_say(version: float, expire_nodest: bool) -> None:
    """40 histories of 200 steps: a model of a dictionary and a list predicts where each datagram of a known flow goes, and that one
    without entry goes to somebody in the list with a weight."""
    for history in range(40):
        chance = random.Random(1000 * history + round(10 * version) + expire_nodest)
        lab, now = Lab(expire_nodest, version), 0
        rows = [lab.socket(k % 4) for k in range(6)]
        weights = {0: 1, 1: 1, 2: 1}
        entries: dict[
            int, tuple[int, int]
        ] = {}  # of a flow: its destination, and when its last packet passed
        for _ in range(200):
            now += round(chance.choice([0.1, 1, 20, 100]) * S)
            if chance.random() < 0.2:
                place = chance.randrange(3)
                if place in weights and chance.random() < 0.5:
                    weights[place] = 1 - weights[place]
                    lab.change(y.WEIGHT, place, weights[place], now)
                elif place in weights:
                    del weights[place]
                    lab.change(y.REMOVE, place, 0, now)
                else:
                    weights[place] = 1
                    lab.change(y.ADD, place, 1, now)
                continue
            flow = chance.randrange(6)
            went = lab.put(rows[flow], now)
            to, seen = entries.get(flow, (-1, 0))
            if to >= 0 and now - seen >= 300 * S:
                to = -1
                del entries[flow]
            if to >= 0 and to not in weights:
                if expire_nodest:
                    del entries[flow]
                    to = -1
                if not expire_nodest or version < 5.9:
                    assert went is None
                    continue
            if to >= 0:
                assert went == to
            elif any(weights.values()):
                assert went is not None and weights.get(went)
            else:
                assert went is None
            if went is not None:
                entries[flow] = went, now
