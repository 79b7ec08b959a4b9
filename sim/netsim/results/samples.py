"""What each replication says by itself, and what no replication can say: the keys ``samples`` and ``unknown``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import islice

from netsim.model.entities import Model
from netsim.results.stations import LIMITING, StationNumbers
from netsim.results.workloads import WorkloadNumbers
from netsim.stats.intervals import NOTHING, Estimate

#: Digits of a sample: differences of a thousandth keep four of them.
DIGITS = 7

Samples = dict[str, list[float | None]]


def samples(
    model: Model, workloads: Mapping[str, WorkloadNumbers], stations: Mapping[str, StationNumbers], most: int
) -> Samples:
    """The numbers of each replication, in their order, by the path of the estimate that they belong to.

    Of stations, the ``most`` busiest that can be a bottleneck; those of a node's cores and card go by the node.
    """
    found: Samples = {}
    for name, workload in workloads.items():
        for key, values in workload.samples.items():
            found[f"workloads.{name}.{key}"] = _short(values)
    alias = {}
    for node in model.nodes.values():
        if not node.shared:
            alias[node.cpu_station] = f"nodes.{node.name}.cpu"
        for names, way in ((node.tx_stations, "nic_tx"), (node.switch_stations, "nic_rx")):
            busiest = max(
                names, key=lambda name: _used(stations.get(name))
            )  # of a bond's cables, as its node is told
            alias[busiest] = f"nodes.{node.name}.{way}"
    for name, station in islice(stations.items(), most):
        if station.kind in LIMITING:
            path = alias.get(name, f"stations.{name}.utilisation")
            found[path] = _short(station.samples["utilisation"])
            found[f"stations.{name}.wait_s.mean"] = _short(station.samples["wait_s.mean"])
    return found


def _used(station: StationNumbers | None) -> float:
    return 0.0 if station is None else station.utilisation.value or 0.0


def _short(values: Sequence[float | None]) -> list[float | None]:
    return [None if x is None else float(f"{x:.{DIGITS}g}") for x in values]


def unknown(workloads: Mapping[str, WorkloadNumbers], stations: Iterable[StationNumbers]) -> dict[str, str]:
    """Why numbers, or their intervals, are null: a reason by path. Stations of the same reason count together."""
    found: dict[str, str] = {}
    for name, workload in workloads.items():
        for key, estimate in workload.estimates().items():
            if estimate.reason is not None:
                found[f"workloads.{name}.{key}"] = _told(estimate)
    together: dict[tuple[str, str], int] = {}
    for station in stations:
        for key, estimate in station.estimates().items():
            if estimate.reason not in (None, NOTHING):
                told = (key, _told(estimate))
                together[told] = together.get(told, 0) + 1
    for (key, reason), count in together.items():
        path = f"stations.*.{key}"
        text = f"{reason} ({count} station{'' if count == 1 else 's'})"
        found[path] = f"{found[path]}; {text}" if path in found else text
    return found


def _told(estimate: Estimate) -> str:
    what = "unknown" if estimate.value is None else "no interval"
    return f"{what}: {estimate.reason}"
