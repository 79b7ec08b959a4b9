"""Queueing formulas: the mean wait and the chance to wait at one station.

Allen and Cunneen's approximation for G/G/m (A. O. Allen, Probability, Statistics and Queueing Theory, 2nd ed., 1990,
section 5.5), which is Pollaczek and Khinchin's formula for one server and Poisson arrivals.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from netsim.engine.flow.constants import constants

Floats = npt.NDArray[np.float64]
#: Formulas diverge at 1; what a station cannot do is counted as backlog.
MOST = 0.995
EXACT = 40  # periodic streams, up to which their formula is summed up
GRID = 800
STAY = 0.14  # per further server and idle share; the fit in `shortest_queue`


class Wait(NamedTuple):
    """Waiting at a station: the chance that there is any, and the mean over all (s).

    ``others``: of threads that take turns, how many others are on a thread's core (mean count). ``fixed_s``: what of the mean
    everybody waits, behind a queue that others keep standing. ``settles_s``: how long it takes until who was just served finds the station as
    anybody does; 0: at once. ``again_s``: what everybody waits after a time slice behind threads that always compute, ``at_once_s``: who comes back at once.
    ``shape``: of the gamma distribution of the waits of those who wait; 1: exponential.
    """

    chance: float
    mean_s: float
    others: float = 0.0
    fixed_s: float = 0.0
    settles_s: float = 0.0
    again_s: float = 0.0
    at_once_s: float = 0.0
    shape: float = 1.0

    @property
    def each_s(self) -> float:
        """The mean of those who wait, beyond what everybody does."""
        return (self.mean_s - self.fixed_s) / self.chance if self.chance else 0.0

    @property
    def share(self) -> float:
        """The share of a thread's core that others use while it is there."""
        return self.others / (1 + self.others)

    @property
    def at_once(self) -> float:
        """The wait of who comes back at once, over that of anybody."""
        return self.share + (self.at_once_s / self.mean_s if self.mean_s else 0.0)


NONE = Wait(0.0, 0.0)


@lru_cache(maxsize=4096)
def periodic(streams: int, busy: float, service_s: float) -> Wait:
    """What somebody waits who comes at random to a server of so many periodic streams with any phases, nD/D/1, which is far less than for
    random arrivals.

    The exact chance that the wait exceeds x services, D being the period in services (Roberts and Virtamo, The superposition of periodic cell
    arrival streams in an ATM multiplexer, IEEE Transactions on Communications 39, 1991): the sum over k > x of C(n, k) ((k - x) / D)^k
    (1 - (k - x) / D)^(n - k) (D - n + x) / (D - k + x). Of many streams, as of a Brownian bridge: exp(-2 x (x / n + 1 - u)).
    """
    if streams <= 0 or service_s <= 0:
        return NONE
    busy = min(busy, MOST)
    most = streams if streams <= EXACT else 4 * math.sqrt(streams)
    x = (np.arange(GRID) + 0.5) * most / GRID
    if streams <= EXACT:
        period, k = streams / busy, np.arange(1, streams + 1)[:, None]
        ahead = np.clip((k - x) / period, 0.0, 1.0)
        ways = np.array([math.comb(streams, i) for i in range(1, streams + 1)], np.float64)[:, None]
        terms = ways * ahead**k * (1 - ahead) ** (streams - k) * (period - streams + x) / (period - k + x)
        chance = np.where(k > x, terms, 0.0).sum(axis=0)
    else:
        chance = np.exp(-2 * x * (x / streams + 1 - busy))
    mean, square = float(chance.sum()) * most / GRID, float((2 * x * chance).sum()) * most / GRID
    waits = float(chance[0])  # of those who wait, a gamma distribution with their mean and variance
    return Wait(waits, mean * service_s, shape=1 / max(square * waits / mean**2 - 1, 1e-3))


def evenly(seconds: float, squares: float, streams: int, even_s: float, even_squares: float) -> Wait:
    """Of all that comes to a server (per second: seconds, and their squares), so many streams come evenly (`periodic`) and the rest at
    random, which waits for both."""
    busy = min(seconds, MOST)
    found = periodic(streams, float(f"{busy:.3g}"), float(f"{even_squares / even_s:.3g}"))
    random_s = max(0.0, squares - even_squares) / (2 * (1 - busy))
    return found._replace(mean_s=found.mean_s + random_s)


def erlang_b(servers: int, load: float) -> float:
    """The chance that all are busy where nobody waits, M/G/m/m (Erlang's loss formula)."""
    blocked = 1.0
    for k in range(1, servers + 1):
        blocked = load * blocked / (k + load * blocked)
    return blocked


def erlang_c(servers: int, load: float) -> float:
    """The chance to wait in M/M/m; ``load`` is in servers, below ``servers``."""
    blocked = erlang_b(servers, load)
    share = load / servers
    return blocked / (1 - share + share * blocked)


def shortest_queue(servers: int, busy: float) -> Wait:
    """Who joins the shortest of ``servers`` queues and stays there: the chance to wait, and the mean wait of all
    for works of which one in service has a second left.

    One server is M/G/1. Of more, each further work in all rows is ``busy ** servers`` as likely (Kingman, Two similar
    queues in parallel, Annals of Mathematical Statistics 32, 1961, for two). Fewer find all servers busy than in front of
    one common queue; by how much is a fit to simulations, which ``tests/engine/flow/test_queues.py`` repeats.
    """
    chance = erlang_c(servers, busy * servers) / (1 + STAY * (1 - busy) * (servers - 1))
    return Wait(chance, chance / (1 - busy**servers))


def wait(rate: float, mean_s: float, square_s2: float, servers: int = 1, arrivals_cv2: float = 1.0) -> Wait:
    """First come first served: arrivals per second, mean and mean square of the service time."""
    if rate <= 0 or mean_s <= 0:
        return NONE
    busy = min(rate * mean_s / servers, MOST)
    chance = erlang_c(servers, busy * servers)
    spread = (arrivals_cv2 + max(0.0, square_s2 / mean_s**2 - 1)) / 2
    return Wait(chance, chance * mean_s * spread / (servers * (1 - busy)))


def sliced(
    rate: float, mean_s: float, slices_s2: float, cores: int, softirq_share: float, later: float = 0.0,
    quantum_s: float = 0.0,
) -> Wait:  # fmt: skip
    """Threads that take turns on ``cores``, whose softirq work comes first.

    ``slices_s2``: mean over the works of the sum of their turns' squares. A work waits for its first turn as for any
    server whose services are turns: J R, with the mean residual turn R. Works that have had a slice are in that row, too, and wait longer in it
    (see `later_turns`); they are the share ``later`` of all work: W = J (R + later (W' - W)).

    A core that was just had is had again unless somebody came meanwhile: the wait grows from that of who came while this one waited at
    the rate at which work comes to a core while all others are busy, so it is that of anybody after about their quotient (``settles_s``);
    for one core that is the mean residual service over the idle share.
    """
    if rate <= 0 or mean_s <= 0:
        return NONE
    stretch = 1 / (1 - min(softirq_share, MOST))
    busy = min(rate * mean_s * stretch / cores, MOST)
    found = shortest_queue(cores, busy)
    residual = slices_s2 * stretch / (2 * mean_s)
    # Rows say less by their length where some of the works in them are short.
    others = found.mean_s * (constants().mixed if cores > 1 else 1.0)
    share = others / (1 + others)
    first = others * (residual + later * share * quantum_s) / (1 + later * share)
    settles = others / found.chance * residual * (1 - found.chance) / (cores * (1 - busy))
    return Wait(found.chance, first, others, settles_s=settles)


def later_turns(first: Wait, turns: Floats, quantum_s: float) -> Floats:
    """What works wait in the mean before their turns after the first (s), of which they take so many, each after a whole time slice.

    Whoever has had a slice goes to the end of its core's row and waits for all who came while it waited and ran: W' = r (W + slice),
    with r the share of the core that others use (round robin with feedback: Kleinrock, Queueing Systems II, chapter 4). Many turns come to
    processor sharing, slice x others for each; a short rest after a slice waits a whole round, too. Threads that always compute have a slice in each
    round (``again_s``).
    """
    share = first.share
    round_s = quantum_s * first.others + first.again_s * (1 + first.others)
    return turns * round_s + (first.mean_s - round_s) * first.others * (1 - share**turns)
