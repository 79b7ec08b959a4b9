"""Which numbers of a workload its users feel, and which way is worse."""

from __future__ import annotations

#: What users feel: name in samples -> (name in expectations, unit, whether more is worse).
FELT: dict[str, tuple[str, str, bool]] = {
    "latency_s.mean": ("latency.mean", "s", True),
    "latency_s.p50": ("latency.p50", "s", True),
    "latency_s.p90": ("latency.p90", "s", True),
    "latency_s.p95": ("latency.p95", "s", True),
    "latency_s.p99": ("latency.p99", "s", True),
    "latency_s.p999": ("latency.p999", "s", True),
    "jitter_s": ("jitter", "s", True),
    "error_share": ("errors", "share", True),
    "outage_s": ("outage", "s", True),
    "throughput_per_s": ("throughput", "/s", False),
    "goodput_bps": ("goodput", "bit/s", False),
}
