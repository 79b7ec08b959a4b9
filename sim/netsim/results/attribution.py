"""Where a latency comes from: the mean split of the requests around a quantile, stage by stage."""

from __future__ import annotations

import math

import numpy as np

from netsim.engine.parts import PARTS
from netsim.engine.record import WorkloadRecord
from netsim.picoseconds import PS_PER_S
from netsim.results.latency import bucket_of, quantile_ps

#: Time that no stage accounts for; there is none as long as splits sum to the latency.
OTHER = "other"


def attribution(record: WorkloadRecord, q: float) -> dict[str, float] | None:
    """Seconds by stage (``queue:<kind>`` for waiting) of the requests at the q-quantile of the latency.

    The mean split of the completed requests whose latency lies in the histogram bucket that holds
    the quantile, scaled so that it sums to the quantile itself. None if nothing completed.
    """
    found = quantile_ps(record, q)
    if found is None:
        return None
    row = record.parts[bucket_of(record.histogram.sum(axis=0), q)]
    total = math.fsum(row)
    if total <= 0:
        return {OTHER: found / PS_PER_S}
    scale = found / total / PS_PER_S
    shares = {PARTS[k]: float(row[k]) * scale for k in np.flatnonzero(row)}
    assert math.isclose(math.fsum(shares.values()), found / PS_PER_S, rel_tol=1e-9)
    return dict(sorted(shares.items()))
