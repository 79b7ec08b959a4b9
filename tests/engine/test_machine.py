"""Stations one by one: trains, buffers, preemption, quota."""

from __future__ import annotations

from netsim.datapath.stage import Context, LinkSpec, Path, PathStage
from netsim.engine.cpu import QUOTA_PERIOD_PS, Quota
from netsim.engine.host import Host
from netsim.engine.kernel import Kernel, Phase
from netsim.engine.machine import Machine
from netsim.engine.route import Route
from netsim.picoseconds import PS_PER_S

US, MS = 10**6, 10**9
TEN_G = 10 * 10**9


def wire_path(*links: str, rx: bool = False) -> Route:
    stages = [
        PathStage("wire.out", "a", Context.LINK, name, bytes_added=90 if k == 0 else 0)
        for k, name in enumerate(links)
    ]
    if rx:
        stages.append(PathStage("gro", "n", Context.SOFTIRQ, "n/cpu", fixed_ps=5 * US))
    return Route(Path(tuple(stages), 1448))


def machine(
    links: dict[str, tuple[int | None, int | None, int | None]], cores: int = 1, ring: int = 1024
) -> Machine:
    return Machine(
        Kernel(0),
        [Host("n", cores, 1, ring, "eth0")],
        {name: LinkSpec(*link) for name, link in links.items()},
        PS_PER_S,
        PS_PER_S // 100,
    )


def test_a_train_overlaps_on_two_links_and_counts_every_byte() -> None:
    m = machine({"a/eth0.tx": (TEN_G, None, None), "switch/n": (TEN_G, None, None)})
    done: list[int] = []
    m.send(wire_path("a/eth0.tx", "switch/n"), 10 * 1448, 1, done.append, lambda *_: None)
    m.kernel.run(PS_PER_S)
    packet = 1538 * 800
    assert done == [11 * packet]  # ten packets and one more for the second link
    assert m.records()["switch/n"].bytes_sent == 10 * 1538
    m.check_conservation()


def test_a_full_buffer_drops_the_tail() -> None:
    m = machine({"switch/n": (TEN_G, 4000, None)})
    done: list[int] = []
    lost: list[str] = []
    for k in range(4):
        m.send(wire_path("switch/n"), 1448, k, done.append, lambda _, where: lost.append(where))
    m.kernel.run(PS_PER_S)
    assert len(done) == 2
    assert lost == ["switch/n", "switch/n"]
    assert m.records()["switch/n"].drops == 2


def test_softirq_preempts_a_thread() -> None:
    m = machine({})
    ends: list[tuple[str, int]] = []
    m.run(m.thread(0), "n", [("app.work", 20 * US)], lambda: ends.append(("t", m.kernel.now)), None)
    m.kernel.at(
        4 * US, Phase.ARRIVAL, 0,
        lambda: m.send(wire_path(rx=True), 100, 1, lambda now: ends.append(("rx", now)), lambda *_: None),
    )  # fmt: skip
    m.kernel.run(PS_PER_S)
    assert ends == [("rx", 9 * US), ("t", 25 * US)]


def test_two_threads_take_turns_of_three_milliseconds() -> None:
    m = machine({})
    ends: dict[str, int] = {}
    m.run(m.thread(0), "n", [("app.work", 10 * MS)], lambda: ends.update(a=m.kernel.now), None)
    m.kernel.at(
        1 * MS, Phase.ARRIVAL, 0,
        lambda: m.run(m.thread(1), "n", [("app.work", 4 * MS)], lambda: ends.update(b=m.kernel.now), None),
    )  # fmt: skip
    m.kernel.run(PS_PER_S)
    assert ends == {"b": 10 * MS, "a": 14 * MS}  # a 0-3, b 3-6, a 6-9, b 9-10, a 10-14


def test_a_quota_stalls_until_the_next_period() -> None:
    m = machine({})
    ends: list[int] = []
    thread = m.thread(0, quota=Quota(0.25))
    m.run(thread, "n", [("app.work", 60 * MS)], lambda: ends.append(m.kernel.now), None)
    m.kernel.run(PS_PER_S)
    assert ends == [2 * QUOTA_PERIOD_PS + 10 * MS]


def test_the_split_sums_to_the_time_on_the_way() -> None:
    m = machine({"a/eth0.tx": (TEN_G, None, None), "switch/n": (TEN_G // 4, None, None)})
    splits: list[dict[str, int]] = []
    for k in range(5):
        split: dict[str, int] = {}
        m.send(wire_path("a/eth0.tx", "switch/n", rx=True), 9000, k,
               lambda now, s=split: splits.append({**s, "total": now}), lambda *_: None, split)  # fmt: skip
    m.kernel.run(PS_PER_S)
    assert len(splits) == 5
    for split in splits:
        total = split.pop("total")
        assert sum(split.values()) == total


def test_a_core_with_too_much_to_do_is_never_idle() -> None:
    """Busy time counts as it passes: of a hundred threads that share a core, none may end within the period."""
    kernel = Kernel(0)
    m = Machine(kernel, [Host("n", 1, 1, 1024, "eth0")], {}, PS_PER_S, PS_PER_S // 10)
    for i in range(100):
        m.run(m.thread(i), "n", [("app.work", PS_PER_S // 10)], lambda: None, None)
    kernel.run(PS_PER_S)
    record = m.records()["n/cpu0"]
    assert record.served == 0 and record.busy_ps == PS_PER_S
    assert record.busy_by_slice_ps == [PS_PER_S // 10] * 10
