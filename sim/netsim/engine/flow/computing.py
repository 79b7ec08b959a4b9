"""The wait for cores beside threads that always compute.

Such a thread gives its core up for whoever waits at the end of its time slice, and has it back after all who wait then: work at its core is
served as by a server that goes on vacation after each gate, for a slice of each such thread (the mean wait of M/G/1 with gated service and
vacations is in Takagi, Queueing Analysis I, 1991, chapter 2). A thread that has had its slice gives way at once, so of a vacation in which nobody came
nothing is felt: per vacation x come in it, and with e^-x one comes after it. Who finds a core without such a thread free takes that; the others are those that Erlang's
loss formula tells.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from netsim.engine.flow.queues import MOST, NONE, Wait, erlang_b


class Beside(NamedTuple):
    """The wait of others, and the share of all cores that threads have which always compute."""

    wait: Wait
    share: float


def beside(
    rate: float, mean_s: float, slices_s2: float, cores: int, threads: int, softirq_share: float, quantum_s: float,
    fresh: float = 1.0,
) -> Beside:  # fmt: skip
    """For ``rate`` works a second of ``mean_s`` with the mean ``slices_s2`` of the sum of their turns' squares, beside so many such
    ``threads`` on ``cores``. ``fresh``: the share of the works whose thread was not there just before."""
    stretch = 1 / (1 - min(softirq_share, MOST))
    load = rate * mean_s * stretch
    apart = max(0, cores - threads)
    taken, each = cores - apart, threads / (cores - apart)
    come = erlang_b(apart, load)  # to a core that such a thread has
    busy = min(MOST, load * come / taken)
    share = taken * (1 - busy) / cores * (1 - min(softirq_share, 1.0))
    if rate <= 0 or mean_s <= 0:
        return Beside(NONE, share)
    vacation_s = each * quantum_s
    # Where all cores have such threads, whoever is there twice in a row begins a vacation each time; where not, it stays where it is.
    often = rate * (fresh if apart else 1.0) * come / taken * vacation_s
    felt = often / (often + math.exp(-often)) if often < 700 else 1.0
    away_s = felt * vacation_s * (0.5 + busy / (1 - busy))
    residual_s = stretch * slices_s2 / (2 * mean_s)
    served_s = busy * residual_s / (1 - busy)
    # A vacation's rest is spread evenly, and whole for who was there just before; what is served before it is as good as exponential.
    shape = (away_s + served_s) ** 2 / (away_s**2 / (3 if apart else 6) + served_s**2)
    found = Wait(
        come * (felt + (1 - felt) * busy), come * (away_s + served_s), busy * come / (1 - busy * come),
        settles_s=residual_s if apart else vacation_s, again_s=come * vacation_s, at_once_s=0.0 if apart else vacation_s, shape=shape,
    )  # fmt: skip
    return Beside(found, share)
