"""What one replication leaves behind: plain numbers, before any statistics.

All times are integer picoseconds on the scenario's clock (0 = start of measurement).
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

#: Fate 0 is "completed"; the others are the error causes of ``result.json``.
FATES = (
    "completed", "refused", "reset", "timeout", "dns", "no_backend", "backlog_full", "conntrack_full",
    "snat_exhausted", "ports_exhausted", "mtu", "addresses",
)  # fmt: skip


@dataclass(slots=True)
class WorkloadRecord:
    """Every request of one workload that *started* in the measured period.

    Arrays run in parallel, in order of start. ``finish_ps`` is -1 while unfinished at the end of the
    run (``fate`` -1: still in flight: neither completed nor failed). ``split`` holds, for each
    request, the time by stage name along its critical path (``queue:<kind>`` for waiting); empty
    for requests that did not complete. It sums to finish - start.
    """

    name: str
    start_ps: npt.NDArray[np.int64]
    finish_ps: npt.NDArray[np.int64]
    fate: npt.NDArray[np.int8]
    response_bytes: npt.NDArray[np.int64]
    attempts: npt.NDArray[np.int32]
    split: list[dict[str, int]]
    #: Completions inside the measured period (whenever they started), for throughput and goodput.
    completed_in_period: int
    goodput_bytes_in_period: int


@dataclass(slots=True)
class StationRecord:
    """One station over the measured period. ``arrived`` = ``served`` + ``dropped`` + ``inside`` holds
    over the whole run, warm-up included; the other fields cover the measured period only."""

    name: str
    kind: str  # cpu | nic_tx | nic_rx | switch | workers
    node: str
    servers: int
    busy_ps: int = 0
    wait_sum_ps: int = 0
    waits: int = 0
    wait_histogram: dict[int, int] = field(default_factory=dict)  # netsim.engine.histogram bucket -> count
    drops: int = 0
    arrived: int = 0
    served: int = 0
    dropped: int = 0
    inside: int = 0
    bytes_sent: int = 0  # wire bytes, links only
    #: busy picoseconds per time slice of SLICE_PS (equal slices of the measured period)
    busy_by_slice_ps: list[int] = field(default_factory=list)


@dataclass(slots=True)
class RunRecord:
    """One replication."""

    seed: int
    replication: int
    duration_ps: int
    complete: bool  # False: interrupted before its end
    simulated_ps: int
    visits: int
    slice_ps: int
    workloads: dict[str, WorkloadRecord]
    stations: dict[str, StationRecord]
    conntrack_peak: dict[str, int] = field(default_factory=dict)
    timeline: list[dict[str, object]] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
