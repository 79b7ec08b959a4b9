"""Pulls of an image by many nodes: what lines carry, and who waits for whom."""

from __future__ import annotations

import pytest
from swarms import swarm, text

from netsim.swarm.pulls import Pulls

S, MB = 10**12, 10**6


def times(wanted: list[tuple[int, str, int]], nic: str = "10Gbit") -> list[float]:
    """When pulls (node, image, bytes) that begin together are over (s after that)."""
    world = swarm(text("", workers=4).replace("cores: 2}", f"cores: 2, nic: {{rate: {nic}}}}}"))
    pulls, found, began = Pulls(world), [0.0] * len(wanted), world.env.now

    def run(k: int, node: int, image: str, size: int):  # type: ignore[no-untyped-def]
        yield from pulls.pull(node, image, size)
        found[k] = (world.env.now - began) / S

    for k, want in enumerate(wanted):
        world.env.process(run(k, *want))
    world.env.run(until=began + 100 * S)
    return found


def test_one_pull_takes_what_the_slower_line_does() -> None:
    assert times([(0, "web", 125 * MB)]) == pytest.approx([1.0])
    assert times([(0, "web", 125 * MB)], "100Mbit") == pytest.approx([10.0])


def test_many_nodes_share_the_registrys_line() -> None:
    assert times([(k, "web", 125 * MB) for k in range(5)]) == pytest.approx([5.0] * 5)


def test_a_short_pull_leaves_its_share_to_the_others() -> None:
    """Two of 125 MB and one of 25 MB: 0.6 s in thirds of 1 Gbit/s, then halves."""
    assert times([(0, "a", 125 * MB), (1, "b", 125 * MB), (2, "c", 25 * MB)]) == pytest.approx(
        [2.2, 2.2, 0.6]
    )


def test_slow_cards_leave_the_line_free() -> None:
    """Ten pulls on two nodes of 100 Mbit/s: five on each share its card."""
    assert times([(k % 2, f"i{k}", 25 * MB // 2) for k in range(10)], "100Mbit") == pytest.approx([5.0] * 10)


def test_an_image_comes_to_a_node_once() -> None:
    assert times([(0, "web", 125 * MB)] * 4) == pytest.approx([1.0] * 4)


def test_a_pull_on_a_bad_link_takes_longer() -> None:
    """What a fault leaves of a link counts from then on, and no longer when it is over."""
    world = swarm(text("faults: [{at: 1s, link: worker-1, rate: 100Mbit, for: 5s}]\n"))
    pulls, ends = Pulls(world), []
    world.agents.pulls = pulls

    def run():  # type: ignore[no-untyped-def]
        yield world.env.timeout(-world.env.now)
        yield from pulls.pull(world.ways.index["worker-1"], "web", 250 * MB)
        ends.append(world.env.now / S)

    world.env.process(run())
    world.env.run(until=30 * S)
    # 1 s at 1 Gbit/s, 5 s at a tenth of it, 0.5 s at 1 Gbit/s again.
    assert ends == pytest.approx([6.5])
