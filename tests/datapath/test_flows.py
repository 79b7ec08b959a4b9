"""The tables of flows against arithmetic and the kernel's documented rules."""

from __future__ import annotations

from netsim.datapath.flows import layout as y
from netsim.datapath.flows.table import FlowTable

S = 10**12
PORTS = (32768, 28232)


class Tables:
    """One node with a host, a sandbox and a task's namespace, and one balancer."""

    def __init__(self, tasks: int = 2, most: int = 1 << 20, reuse_mode: int = 0, drops: bool = False) -> None:
        self.table = FlowTable(100)
        self.node = self.table.node()
        self.namespaces = tuple(
            self.table.namespace(self.node, most, sandbox) for sandbox in (False, True, False)
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
