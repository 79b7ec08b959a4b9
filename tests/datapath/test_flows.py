"""The tables of flows against arithmetic and the kernel's documented rules."""

from __future__ import annotations

import math

import pytest

from netsim.datapath.flows import layout as y
from netsim.datapath.flows.table import FlowTable, Persistence
from netsim.datapath.ipvs.layout import DE_ACTIVE, DE_INACTIVE, DE_PERSISTENT, W_DEST

S = 10**12
PORTS = (32768, 28232)


class Tables:
    """One node with a host, a sandbox and a task's namespace, and one balancer."""

    def __init__(
        self, tasks: int = 2, most: int = 1 << 20, reuse_mode: int = 0, drops: bool = False, evicts: bool = False,
        persistence: Persistence | None = None, random_drop: bool = False,
    ) -> None:  # fmt: skip
        self.table = FlowTable(100)
        self.node = self.table.node()
        self.namespaces = self.table.namespaces(
            [self.table.namespace(self.node, most, sandbox, evicts) for sandbox in (False, True, False)]
        )
        self.balancer = self.table.balancer(
            1,
            "rr",
            0,
            1,
            [(task, 1) for task in range(tasks)],
            reuse_mode=reuse_mode,
            drops=drops,
            expire_nodest=True,
            persistence=persistence,
            random_drop=random_drop,
            node=self.node,
        )

    def syn(self, row: int, now: int) -> int:
        place = self.table.choose(row, now)
        if place < 0:
            return place
        met = self.table.pass_tables(row, self.namespaces, 1, now)
        return place if met == y.FINE else met

    def begin(self, client: int, now: int, ports: tuple[int, int] = PORTS) -> int:
        return self.table.begin(client, self.balancer, client, self.balancer, ports, now)

    def open(self, client: int, now: int) -> int:
        row = self.begin(client, now)
        assert self.syn(row, now) >= 0
        self.table.answered(row, now)
        return row

    def count(self) -> int:
        return int(self.table.T[self.node + y.ND_COUNT])

    def counted(self, column: int) -> list[int]:
        """A counter of every task."""
        first = int(self.table.T[self.balancer + y.BA_DESTS])
        return [int(self.table.T[first + place * W_DEST + column]) for place in range(2)]


def test_an_entry_that_is_idle_for_900_s_is_gone_and_one_that_is_used_is_not() -> None:
    tables = Tables()
    idle, used = tables.open(1, 0), tables.open(2, 0)
    assert tables.table.use(used, 899 * S)
    assert tables.table.use(used, 1700 * S)
    assert not tables.table.use(idle, 1701 * S)
    assert tables.table.count(y.T_IDLED) == 1 and tables.table.count(y.T_BROKEN) == 1


def test_entries_stay_120_s_after_the_close() -> None:
    tables = Tables()
    tables.table.end(tables.open(1, 0), 10 * S)
    tables.open(2, 129 * S)
    assert tables.count() == 6
    tables.open(3, 130 * S)
    assert tables.count() == 6


def test_a_client_has_28232_ports_and_gets_one_back_60_s_after_the_close() -> None:
    tables = Tables()
    rows = [tables.open(1, 0) for _ in range(PORTS[1])]
    assert len({int(tables.table.T[row + y.FW_PORT]) for row in rows}) == PORTS[1]
    assert tables.begin(1, 0) == y.NO_PORT
    assert tables.begin(2, 0) >= 0
    tables.table.end(rows[7], 0)
    assert tables.begin(1, 59 * S) == y.NO_PORT
    assert tables.begin(1, 60 * S) >= 0


@pytest.mark.slow
def test_one_task_takes_at_most_64512_translated_connections_and_the_search_gives_up_before() -> None:
    """Clients use 28,232 ports each, so those of the second one are looked for in 1024-65535."""
    tables = Tables(tasks=1)
    opened, failed = 0, 0
    for i in range(70_000):
        row = tables.begin(i % 3, 0)
        if tables.syn(row, 0) >= 0:
            opened += 1
        else:
            failed += 1
    assert opened <= 64_512 and opened > 63_500
    assert failed == tables.table.count(y.T_SNAT) == 70_000 - opened


def test_a_full_table_drops_and_makes_room_of_what_was_never_answered() -> None:
    tables = Tables(most=8)
    for client in range(8):
        tables.open(client, 0)
    row = tables.begin(9, 0)
    assert tables.syn(row, 0) == y.FULL and tables.table.count(y.T_FULL) == 1
    tables = Tables(most=8)
    for client in range(8):
        assert tables.syn(tables.begin(client, 0), 0) >= 0
    assert tables.syn(tables.begin(9, 0), 0) >= 0 and tables.table.count(y.T_EARLY) == 1


def test_a_port_that_is_used_again_goes_to_the_same_task_with_conn_reuse_mode_0() -> None:
    one_port = (40000, 1)
    for reuse_mode, drops, expected in ((0, False, 0), (1, False, 1), (1, True, y.DELAYED)):
        tables = Tables(reuse_mode=reuse_mode, drops=drops)
        row = tables.begin(1, 0, one_port)
        assert tables.syn(row, 0) == 0
        tables.table.answered(row, 0)
        tables.table.end(row, 0)
        again = tables.begin(1, 70 * S, one_port)
        assert tables.syn(again, 70 * S) == expected
        if drops:  # what comes a second later is scheduled
            assert tables.syn(again, 71 * S) == 1


def test_a_task_of_weight_0_gets_nothing_new_and_one_that_is_removed_loses_what_it_had() -> None:
    tables = Tables()
    first, second = tables.open(1, 0), tables.open(2, 0)
    tables.table.later(tables.balancer, 0, y.WEIGHT, 0, 5 * S)
    assert [tables.syn(tables.begin(client, 6 * S), 6 * S) for client in (3, 4, 5)] == [1, 1, 1]
    assert tables.table.use(first, 7 * S)
    tables.table.later(tables.balancer, 0, y.REMOVE, 0, 8 * S)
    assert not tables.table.use(first, 9 * S) and tables.table.use(second, 9 * S)
    waiting = tables.begin(6, 9 * S)
    assert tables.syn(waiting, 9 * S) == 1
    tables.table.later(tables.balancer, 0, y.ADD, 1, 9 * S)
    tables.table.later(tables.balancer, 1, y.REMOVE, 0, 9 * S)
    assert tables.syn(waiting, 10 * S) == 0  # the SYN that comes again is scheduled afresh


def test_a_table_that_grows_keeps_what_is_in_it() -> None:
    tables = Tables()
    rows = {client: tables.open(client, 0) for client in range(20_000)}
    assert all(tables.table.use(row, S) for row in rows.values())
    for row in rows.values():
        tables.table.end(row, S)
    tables.open(30_000, 200 * S)
    assert tables.count() == 3


def test_a_syn_that_nobody_answers_is_kept_60_s_by_ipvs_and_120_s_by_conntrack() -> None:
    tables = Tables()
    row = tables.begin(1, 0)
    assert tables.syn(row, 0) == 0
    tables.table.end(row, S)
    for now, entries, active in ((59, 3, 1), (60, 2, 0), (119, 2, 0), (120, 0, 0)):
        tables.table.expire(now * S)
        assert (tables.count(), sum(tables.counted(DE_ACTIVE))) == (entries, active), now


def test_a_syn_that_comes_again_after_ipvs_forgot_it_is_scheduled_afresh() -> None:
    tables = Tables()
    row = tables.begin(1, 0)
    assert tables.syn(row, 0) == 0
    assert tables.syn(row, 59 * S) == 0  # its time began anew
    assert tables.syn(row, 120 * S) == 1
    assert tables.count() == 3


def test_a_refused_syn_leaves_no_tracked_entry_and_ipvs_waits_10_s() -> None:
    tables = Tables()
    row = tables.begin(1, 0)
    assert tables.syn(row, 0) == 0
    tables.table.refused(row, 0)
    tables.table.end(row, 0)
    assert tables.count() == 0 and tables.counted(DE_INACTIVE) == [1, 0]
    tables.table.expire(10 * S)
    assert tables.counted(DE_INACTIVE) == [0, 0]


def test_a_connection_that_was_reset_stays_10_s() -> None:
    tables = Tables()
    row = tables.open(1, 0)
    tables.table.reset(row, 5 * S)
    tables.table.end(row, 5 * S)
    tables.table.expire(15 * S - 1)
    assert tables.count() == 3 and tables.counted(DE_INACTIVE) == [1, 0]
    tables.table.expire(15 * S)
    assert tables.count() == 0 and tables.counted(DE_INACTIVE) == [0, 0]


def test_a_client_has_its_port_at_once_if_the_server_closed_first() -> None:
    one_port = (40000, 1)
    for by_server, expected in ((False, False), (True, True)):
        tables = Tables()
        row = tables.begin(1, 0, one_port)
        tables.syn(row, 0)
        tables.table.answered(row, 0)
        tables.table.end(row, S, by_server)
        assert (tables.begin(1, 2 * S, one_port) >= 0) is expected


def test_after_a_drop_the_next_scan_takes_what_is_closing_from_a_table_that_is_almost_full() -> None:
    tables = Tables(most=100)
    rows = [tables.open(client, 0) for client in range(100)]
    for row in rows[:60]:
        tables.table.end(row, S)
    tables.table.expire(60 * S)
    assert tables.count() == 300  # nobody waited for room: the scan takes nothing that has not timed out
    assert tables.syn(tables.begin(200, 61 * S), 61 * S) == y.FULL
    tables.table.expire(120 * S)
    # Each of the three tables loses closed entries until it is below 95 of 100; IPVS still counts the connections.
    assert tables.count() == 3 * 94 and tables.table.count(y.T_EARLY) == 18
    assert sum(tables.counted(DE_INACTIVE)) == 60
    assert tables.syn(tables.begin(201, 120 * S), 120 * S) >= 0
    tables.table.expire(121 * S)
    assert tables.count() == 3 * 41 and sum(tables.counted(DE_INACTIVE)) == 0


@pytest.mark.slow
def test_kernels_since_6_5_give_the_ports_of_closed_connections_to_new_ones() -> None:
    tables = Tables(tasks=1, evicts=True)
    for i in range(65_000):  # within 16 s
        row, now = tables.begin(i % 4, i * S // 4000), i * S // 4000
        assert tables.syn(row, now) >= 0
        tables.table.answered(row, now)
        tables.table.end(row, now)
    assert tables.table.count(y.T_EVICTED) >= 65_000 - 64_512


def test_a_client_stays_with_its_task_as_long_as_its_service_says() -> None:
    tables = Tables(persistence=Persistence(300 * S))

    def opened(client: int, now: int) -> int:
        row = tables.begin(client, now)
        place = tables.syn(row, now)
        tables.table.refused(row, now)  # its entry goes after 10 s, so that it holds no template
        tables.table.end(row, now)
        return place

    assert [opened(1, k * 290 * S) for k in range(5)] == [0] * 5
    assert opened(2, 1160 * S) == 1
    assert tables.counted(DE_PERSISTENT) == [1, 1]
    assert opened(1, (1160 + 301) * S) == 0  # round robin begins again where it was
    assert tables.counted(DE_PERSISTENT) == [1, 0]


def test_networks_of_clients_share_a_task_by_the_prefix() -> None:
    tables = Tables(persistence=Persistence(300 * S, prefix=30))
    places = [tables.syn(tables.begin(client, 0), 0) for client in range(8)]
    assert places == [0, 0, 0, 0, 1, 1, 1, 1]


def test_a_template_that_holds_a_connection_lives_on_by_the_minute() -> None:
    tables = Tables(persistence=Persistence(10 * S))
    row = tables.open(1, 0)
    tables.open(2, 0)
    tables.table.end(row, 5 * S)
    assert tables.syn(tables.begin(1, 69 * S), 69 * S) == 0
    # From 10 s on its time-out is a minute: client 1 came at 69 s, and nothing of it is left at 129 s. Client 2's connection
    # is known until 900 s, and its template is looked at 10 s later.
    for now, expected in ((128, [1, 1]), (129, [0, 1]), (909, [0, 1]), (910, [0, 0])):
        tables.table.expire(now * S, tables.balancer)
        assert tables.counted(DE_PERSISTENT) == expected, now


def test_a_task_of_weight_0_keeps_its_clients_only_without_expire_quiescent_template() -> None:
    for quiescent, expected in ((True, 1), (False, 0)):
        tables = Tables(persistence=Persistence(300 * S, quiescent=quiescent))
        assert tables.syn(tables.begin(1, 0), 0) == 0
        tables.table.later(tables.balancer, 0, y.WEIGHT, 0, S)
        assert tables.syn(tables.begin(1, 2 * S), 2 * S) == expected
        assert tables.syn(tables.begin(2, 2 * S), 2 * S) == 1


def test_templates_are_found_in_a_table_that_has_grown() -> None:
    tables = Tables(persistence=Persistence(10_000 * S))
    places = {client: tables.syn(tables.begin(client, 0), 0) for client in range(20_000)}
    assert {client: tables.syn(tables.begin(client, S), S) for client in places} == places


def test_drop_entry_takes_a_32nd_of_unanswered_syns_each_second_and_no_others() -> None:
    """Of 5,000 independent entries 10 looks leave 3,658 in the mean; four standard deviations are 128 (once in 16,000)."""
    for random_drop in (False, True):
        tables = Tables(random_drop=random_drop)
        for client in range(5_000):
            tables.syn(tables.begin(client, 0), 0)
        for client in range(5_000, 6_000):
            tables.open(client, 0)
        tables.table.expire(10 * S)
        left = sum(tables.counted(DE_ACTIVE)) - 1_000
        assert tables.table.count(y.T_DROPPED) == 5_000 - left
        assert abs(left - 5_000 * math.exp(-10 / 32)) < 128 if random_drop else left == 5_000


def test_a_node_that_boots_has_forgotten_its_connections() -> None:
    """What was open there is answered with RST, a SYN that comes again is a new one, and a client's port stays its own."""
    tables = Tables(persistence=Persistence(300 * S))
    opened, asked, closed = tables.open(1, 0), tables.begin(2, 0), tables.open(3, 0)
    assert tables.syn(asked, 0) >= 0
    tables.table.end(closed, S)
    waiting = tables.begin(4, S)
    assert tables.table.choose(waiting, S) >= 0  # and its packet was dropped behind the balancer
    assert (tables.count(), sum(tables.counted(DE_ACTIVE)), sum(tables.counted(DE_PERSISTENT))) == (9, 3, 4)
    tables.table.boot(tables.node, [tables.balancer], 2 * S)
    for cell in (DE_ACTIVE, DE_INACTIVE, DE_PERSISTENT):
        assert tables.counted(cell) == [0, 0]
    assert tables.count() == 0
    assert not tables.table.use(opened, 2 * S)
    for row in (asked, waiting):
        assert tables.syn(row, 3 * S) >= 0
        tables.table.answered(row, 3 * S)
        assert tables.table.use(row, 4 * S)
        tables.table.end(row, 5 * S)
    tables.table.end(opened, 5 * S)
    tables.table.expire(1000 * S, tables.balancer)
    assert tables.count() == 0 and tables.table.T[y.T_LEFT] == tables.table.rows


def test_other_nodes_remember_when_one_boots() -> None:
    """A connection that conntrack of two nodes knows, balanced by one of them."""
    tables = Tables()
    other = tables.table.node()
    far = tables.table.namespace(other, 100, False)
    near = tables.table.namespace(tables.node, 100, True)
    tables.namespaces = tables.table.namespaces([near, far])
    rows = [tables.open(client, 0) for client in range(3)]
    tables.table.boot(other, [], S)
    assert tables.count() == 3 and tables.table.T[other + y.ND_COUNT] == 0
    assert all(tables.table.use(row, S) for row in rows)
    tables.table.boot(tables.node, [tables.balancer], 2 * S)
    assert tables.count() == 0 and not any(tables.table.use(row, 2 * S) for row in rows)


def test_a_syn_that_comes_again_after_its_back_end_is_removed_is_balanced_anew_and_touches_nothing_else() -> (
    None
):
    tables = Tables()
    row = tables.begin(1, 0)
    first = tables.syn(row, 0)
    fixed = (
        y.T_HASH,
        y.T_MASK,
        y.T_INFO,
        y.T_CURSORS,
        y.T_CURSOR_MASK,
        y.T_NODES,
        y.T_CLIENT_PS,
        y.T_SCAN_PS,
    )
    before = [tables.table.count(cell) for cell in fixed]
    tables.table.later(tables.balancer, first, y.REMOVE, 0, S)
    assert tables.syn(row, 2 * S) == 1 - first
    assert [tables.table.count(cell) for cell in fixed] == before
    tables.table.answered(row, 2 * S)
    tables.table.end(row, 3 * S)
    tables.table.expire(1000 * S)
    assert tables.count() == 0 and tables.counted(DE_ACTIVE) == tables.counted(DE_INACTIVE) == [0, 0]
