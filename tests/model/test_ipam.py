"""Addresses are given out as a real Docker gives them: serially in the swarm, the lowest free one on a node."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from netsim.model.ipam import Pool, dotted

RECORDED = Path(__file__).parents[1] / "data" / "swarm" / "addresses.jsonl"
ROWS = [json.loads(line) for line in RECORDED.read_text().splitlines()][1:]


def number(address: str) -> int:
    a, b, c, d = (int(part) for part in address.split("."))
    return a << 24 | b << 16 | c << 8 | d


class Replay:
    """A real swarm's story of a network, with what each step takes and gives back. A node's balancer comes after its first
    task and goes with its last; what a node that is down has stays."""

    def __init__(self) -> None:
        self.pool = Pool("10.50.0.0/28", [number("10.50.0.1")])
        self.tasks: Counter[str] = Counter()
        self.balancers: dict[str, int] = {}

    def take(self) -> str:
        found = self.pool.take()
        assert found is not None
        return dotted(found)

    def placed(self, node: str) -> None:
        self.tasks[node] += 1
        if node not in self.balancers:
            self.balancers[node] = number(self.take())

    def ended(self, node: str, address: str) -> None:
        self.pool.release(number(address))
        self.tasks[node] -= 1
        if not self.tasks[node]:
            self.pool.release(self.balancers.pop(node))

    def replaced(self, row: dict[str, str]) -> None:
        self.ended(row["of"], row["freed"])
        assert self.take() == row["taken"], row
        self.placed(row["on"])

    def told(self) -> dict[str, str]:
        return {node: dotted(found) for node, found in self.balancers.items()}


def test_a_real_swarm_gives_its_addresses_out_serially_and_again_after_the_end_of_the_subnet() -> None:
    """31 addresses of tasks and all of balancers, over four wraps, a subnet that is used up and a node that is down."""
    swarm, said = Replay(), {row["what"]: row for row in ROWS}
    assert swarm.take() == said["a deployed"]["vip"]["a"]
    first = said["a deployed"]["tasks"]
    assert [swarm.take() for _ in first] == [row[4] for row in first]
    for node in ("node3", "node1", "node2"):  # whose task the scheduler placed first is not told
        swarm.placed(node)
    assert swarm.told() == said["a deployed"]["balancers"]
    steps = [row for row in ROWS if row["what"] == "killed and replaced"]
    for row in steps[:9]:
        swarm.replaced(row)
    assert swarm.take() == said["b deployed"]["vip"]["b"]
    new = [row for row in said["b deployed"]["tasks"] if row[0].startswith("b")]
    assert [swarm.take() for _ in new] == [row[4] for row in new]
    for row in new:
        swarm.placed(row[1])
    assert swarm.told() == said["b deployed"]["balancers"]
    more = [row for row in said["b scaled to 6"]["tasks"] if row[0] in ("b.3", "b.4", "b.5", "b.6")]
    assert [row[4] for row in more] == [swarm.take(), swarm.take(), swarm.take(), None]
    assert swarm.pool.take() is None
    for row in more[:3]:
        swarm.placed(row[1])
    # a is scaled to 1, and the first of its tasks that ends lets b.6 run.
    last = next(row for row in said["after a scaled to 1"]["tasks"] if row[0] == "b.6")
    swarm.ended("node1", "10.50.0.4")
    assert swarm.take() == last[4]
    swarm.placed(last[1])
    swarm.ended("node2", "10.50.0.5")
    kept = {row[4] for row in said["before crash"]["tasks"]}
    gone = [row for row in said["after a scaled to 1"]["tasks"] if row[4] not in kept]
    for row in gone:
        swarm.ended(row[1], row[4])
    # node2 is down: its task is replaced, and has its address as long as nobody knows that it has ended.
    replaced = next(row for row in said["node2 is down"]["tasks"] if row[0] == "b.2" and row[3] == "running")
    assert swarm.take() == replaced[4]
    swarm.placed(replaced[1])
    for row in steps[9:16]:
        swarm.replaced(row)
    assert swarm.told() == said["after a wrap"]["balancers"]
    swarm.ended("node2", "10.50.0.6")  # it is back, and tells
    assert swarm.told() == said["node2 is back"]["balancers"]
    for row in steps[16:]:
        swarm.replaced(row)
    assert swarm.told() == said["after another wrap"]["balancers"]


def test_a_node_gives_the_lowest_free_address() -> None:
    row = next(row for row in ROWS if row["what"] == "on_a_node")
    pool = Pool("10.60.0.0/28", [number("10.60.0.1")], serial=False)
    first = [pool.take() for _ in row["first"]]
    assert [dotted(found) for found in first if found] == row["first"]
    pool.release(number(row["first"][0]))
    assert pool.take() == number(row["after_x"])
    for address in row["first"]:
        pool.release(number(address))
    assert pool.take() == number(row["after_all"])


@given(st.lists(st.integers(0, 13), max_size=60), st.booleans())
def test_nobody_gets_what_another_has(acts: list[int], serial: bool) -> None:
    """0 to 9: one is taken; above, one of those that are held is given back. A plain list of all addresses says the same."""
    pool, held, last = Pool("10.1.2.0/29", serial=serial), [], number("10.1.2.0")
    every = list(range(number("10.1.2.1"), number("10.1.2.7")))
    for act in acts:
        if act < 10:
            free = [a for a in every if a not in held]
            behind = [a for a in free if a > last] if serial else []
            found = pool.take()
            assert found == (behind or free or [None])[0]
            if found is not None:
                held.append(found)
                last = found
        elif held:
            pool.release(held.pop(act % len(held)))
