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
    "snat_exhausted", "ports_exhausted", "mtu", "addresses", "buffer_full", "ring_full", "queue_full",
)  # fmt: skip


@dataclass(slots=True)
class RequestLog:
    """Every request of one workload that *started* in the measured period, when single requests are asked for.

    Arrays run in parallel, in order of start. ``finish_ps`` and ``fate`` are -1 while unfinished at the end of the
    run. ``split`` holds the time of each completed request by stage name along its critical path
    (``queue:<kind>`` for waiting); it sums to finish - start.
    """

    start_ps: npt.NDArray[np.int64]
    finish_ps: npt.NDArray[np.int64]
    fate: npt.NDArray[np.int8]
    response_bytes: npt.NDArray[np.int64]
    attempts: npt.NDArray[np.int32]
    split: list[dict[str, int]]


@dataclass(slots=True)
class WorkloadRecord:
    """The requests of one workload that *started* in the measured period, counted (netsim.engine.tally).

    By the slice of their start (rows): ``fates`` (FATES, then one column for those still in flight), ``latency``
    (of the completed: sum in s, rest of the sum in ps, maximum in ps), ``histogram`` (completed, by bucket of
    latency). ``parts``: by bucket of latency, the summed parts of the completed requests' time (ps, columns as in
    netsim.engine.parts). ``ended``: by the slice of their end, completed, failed and bytes of answers. ``outage``: by
    buckets of ``outage_ps``, started and of those finally failed.
    """

    name: str
    slice_ps: int
    outage_ps: int
    fates: npt.NDArray[np.int64]
    ended: npt.NDArray[np.int64]
    latency: npt.NDArray[np.int64]
    histogram: npt.NDArray[np.int32]
    parts: npt.NDArray[np.float64]
    outage: npt.NDArray[np.int64]
    #: Completions inside the measured period (whenever they started), for throughput and goodput.
    completed_in_period: int
    goodput_bytes_in_period: int
    requests: RequestLog | None = None
    #: Of datagrams: the differences between the latencies of two that a socket's receiver was done with one after the other,
    #: summed (ps), and how many there are; both have to have started in the measured period.
    jitter_sum_ps: int = 0
    jitters: int = 0

    @property
    def log(self) -> RequestLog:
        """The single requests. Raises ``ValueError`` if they were not kept."""
        if self.requests is None:
            raise ValueError(f"the requests of {self.name} were not kept")
        return self.requests


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
    #: Burst credit: what is left at the end (bytes), and when somebody had to wait for it first; None: no such thing.
    credit_left_bytes: int | None = None
    credit_out_ps: int | None = None
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
    #: One row per fault and operation: ``fault``, ``at_s``, then seconds after it, None where that did not happen.
    failovers: list[dict[str, str | float | None]] = field(default_factory=list)
    #: For each of them: node -> seconds after which its own view had dropped all rows of what was gone, in order of time.
    views: list[dict[str, float]] = field(default_factory=list)
    #: Of services that change by themselves: number -> value, None where it is not known.
    services: dict[str, dict[str, float | None]] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
