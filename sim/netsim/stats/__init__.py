"""Statistics: intervals across replications or batches, and the verdict on expectations."""

from netsim.stats.expect import ExpectationError, Judged, judge, parse, verdict
from netsim.stats.intervals import Estimate, across, batch_means, quantile_over

__all__ = [
    "Estimate",
    "ExpectationError",
    "Judged",
    "across",
    "batch_means",
    "judge",
    "parse",
    "quantile_over",
    "verdict",
]
