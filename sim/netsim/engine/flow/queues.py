"""Queueing formulas: the mean wait and the chance to wait at one station.

Allen and Cunneen's approximation for G/G/m (A. O. Allen, Probability, Statistics and Queueing Theory, 2nd ed., 1990,
section 5.5), which is Pollaczek and Khinchin's formula for one server and Poisson arrivals.
"""

from __future__ import annotations

from typing import NamedTuple

#: Formulas diverge at 1; what a station cannot do is counted as backlog.
MOST = 0.995


class Wait(NamedTuple):
    """Waiting at a station: the chance that there is any, and the mean over all (s).

    ``per_second``: what each further second of service beyond the first time slice waits besides.
    """

    chance: float
    mean_s: float
    per_second: float = 0.0


NONE = Wait(0.0, 0.0)


def erlang_c(servers: int, load: float) -> float:
    """The chance to wait in M/M/m; ``load`` is in servers, below ``servers``."""
    blocked = 1.0
    for k in range(1, servers + 1):
        blocked = load * blocked / (k + load * blocked)
    share = load / servers
    return blocked / (1 - share + share * blocked)


def wait(rate: float, mean_s: float, square_s2: float, servers: int = 1, arrivals_cv2: float = 1.0) -> Wait:
    """First come first served: arrivals per second, mean and mean square of the service time."""
    if rate <= 0 or mean_s <= 0:
        return NONE
    busy = min(rate * mean_s / servers, MOST)
    chance = erlang_c(servers, busy * servers)
    spread = (arrivals_cv2 + max(0.0, square_s2 / mean_s**2 - 1)) / 2
    return Wait(chance, chance * mean_s * spread / (servers * (1 - busy)))


def sliced(
    rate: float, mean_s: float, slices_s2: float, cores: int, softirq_share: float
) -> Wait:  # fmt: skip
    """Threads that take turns on ``cores``, whose softirq work comes first.

    ``slices_s2``: mean over the works of the sum of their turns' squares. A work waits for its first turn as for any
    server whose services are turns; what is beyond one turn is shared as in processor sharing.
    """
    if rate <= 0 or mean_s <= 0:
        return NONE
    stretch = 1 / (1 - min(softirq_share, MOST))
    busy = min(rate * mean_s * stretch / cores, MOST)
    chance = erlang_c(cores, busy * cores)
    rest_s = slices_s2 * stretch / (2 * mean_s)
    return Wait(chance, chance * rest_s / (cores * (1 - busy)), chance / (cores * (1 - busy)))
