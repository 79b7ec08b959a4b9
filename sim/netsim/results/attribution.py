"""Where a latency comes from: the mean split of the requests around a quantile, stage by stage."""

from __future__ import annotations

import math

import numpy as np

from netsim.engine.histogram import bucket, low
from netsim.engine.record import WorkloadRecord
from netsim.stats.intervals import exact_quantile

PS_PER_S = 1_000_000_000_000
#: Time that no stage accounts for; there is none as long as splits sum to the latency.
OTHER = "other"


def attribution(record: WorkloadRecord, q: float) -> dict[str, float] | None:
    """Seconds by stage (``queue:<kind>`` for waiting) of the requests at the q-quantile of the latency.

    The mean split of the completed requests whose latency lies in the histogram bucket that holds
    the quantile, scaled so that it sums to the quantile itself. None if nothing completed.
    """
    done = np.flatnonzero(record.fate == 0)
    latency = record.finish_ps[done] - record.start_ps[done]
    found = exact_quantile(np.sort(latency), q)
    if found is None:
        return None
    index = bucket(found)
    near = done[(latency >= low(index)) & (latency < low(index + 1))]
    sums: dict[str, int] = {}
    for request in near.tolist():
        for stage, ps in record.split[request].items():
            sums[stage] = sums.get(stage, 0) + ps
    total = sum(sums.values())
    if total <= 0:
        return {OTHER: found / PS_PER_S}
    scale = found / total / PS_PER_S
    shares = {stage: ps * scale for stage, ps in sorted(sums.items()) if ps}
    assert math.isclose(math.fsum(shares.values()), found / PS_PER_S, rel_tol=1e-9)
    return shares
