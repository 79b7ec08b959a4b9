"""How long requests wait for a task's processor limit: CFS gives a task so much time in each period, and its threads stand still until
the next one once that is used up.

Work comes as requests do, at random, and a period does what it can of it; what is left over is the next one's (Lindley's equation,
Proc. Cambridge Phil. Soc. 48, 1952, over periods). Its threads are taken to use the budget as fast as work comes.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from netsim.datapath.processors import QUOTA_PERIOD_PS
from netsim.engine.flow.work import draws
from netsim.picoseconds import PS_PER_S
from netsim.scenario.schema_work import Distribution

PERIOD_S = QUOTA_PERIOD_PS / PS_PER_S
#: Behind a task's name: its limit, where shares of capacities are told.
QUOTA = "/quota"
LEVELS = 512
LEAST_REQUESTS, LEAST_PERIODS = 20_000, 2_000
MOST_REQUESTS = 400_000
#: Beyond this share of its budget a task only falls behind, which is counted as backlog.
MOST = 0.98
#: Requests that are so many periods, or times of work, apart have nothing to do with each other.
ALONE = 100
Floats = npt.NDArray[np.float64]


@lru_cache(maxsize=4096)
def waits(cpus: float, rate_per_s: float, work: Distribution, rest_s: float) -> Floats:
    """Quantiles of the wait (s) of a task's requests, which come at this rate and take ``work`` and ``rest_s`` of processor time."""
    each = work.mean / PS_PER_S + rest_s
    if rate_per_s <= 0 or each <= 0:
        return np.zeros(LEVELS)
    seldom = 1 / (ALONE * max(PERIOD_S, each / cpus))
    rate = min(max(rate_per_s, seldom), MOST * cpus / each)
    count = int(min(MOST_REQUESTS, max(LEAST_REQUESTS, LEAST_PERIODS * PERIOD_S * rate)))
    rng = np.random.default_rng(0)
    at = np.cumsum(rng.exponential(1 / rate, count))
    took = draws(work, rng, count) + rest_s
    period = (at / PERIOD_S).astype(np.int64)
    came = np.bincount(period, took)
    budget = cpus * PERIOD_S
    over = np.cumsum(came - budget)
    behind = over - np.minimum(0.0, np.minimum.accumulate(over))  # at each period's end
    before = np.concatenate([[0.0], behind[:-1]])[period]
    sums = np.cumsum(took)
    first = np.concatenate([[0.0], np.cumsum(came)[:-1]])[period]
    done = before + sums - first  # work of this period up to and with the request
    later = np.ceil(done / budget - 1e-9) - 1
    found = np.where(later > 0, (period + later) * PERIOD_S - at - np.minimum(took, budget), 0.0)
    levels = np.quantile(np.maximum(0.0, found), (np.arange(LEVELS) + 0.5) / LEVELS)
    return np.asarray(levels)
