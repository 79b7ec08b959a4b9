"""What a run answers: the content of ``result.json``, with tables for people who compute further."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import astuple, dataclass, field, fields
from typing import TYPE_CHECKING, Any, cast

from netsim.results.series import SeriesRow
from netsim.stats.expect import Status, verdict

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go

SCHEMA_VERSION = 1
#: ``result.json`` holds this many stations, the busiest; ``stations.csv`` holds all.
MOST_STATIONS = 200
ENDS = ("value", "low", "high")


@dataclass(slots=True)
class Result:
    """The answer of one scenario.

    ``data`` is the content of ``result.json``; ``stations_all`` its ``stations`` without the limit
    of 200; ``series_rows`` the content of ``timeseries.csv``; ``source`` the scenario's file, if this
    process read it.
    """

    data: dict[str, Any]
    stations_all: dict[str, dict[str, Any]] = field(default_factory=dict)
    series_rows: list[SeriesRow] = field(default_factory=list)
    source: str | None = None

    @property
    def name(self) -> str:
        """Name of the scenario."""
        return str(self.data["scenario"]["name"])

    @property
    def status(self) -> Status:
        """pass, fail or inconclusive: all expectations together; pass without any."""
        return verdict(cast(Status, e["status"]) for e in self.data["expectations"])

    @property
    def interrupted(self) -> bool:
        """Whether the run was stopped before its last replication."""
        return bool(self.data["manifest"]["interrupted"])

    @property
    def warnings(self) -> list[str]:
        """What the reader of the numbers has to know."""
        return list(self.data["manifest"]["warnings"])

    @property
    def workloads(self) -> pd.DataFrame:
        """One row per workload; estimates as ``NAME``, ``NAME_low``, ``NAME_high``."""
        rows: dict[str, dict[str, Any]] = {}
        for name, found in self.data["workloads"].items():
            flat = {key: value for key, value in found.items() if key not in ("errors", "attribution")}
            flat["errors"] = {f"{cause}": n for cause, n in found["errors"].items()}
            rows[name] = flatten(flat)
        return frame(rows, "workload")

    @property
    def stations(self) -> pd.DataFrame:
        """One row per station, the busiest first."""
        return frame({name: flatten(found) for name, found in self.stations_all.items()}, "station")

    @property
    def nodes(self) -> pd.DataFrame:
        """One row per node."""
        return frame({name: flatten(found) for name, found in self.data["nodes"].items()}, "node")

    @property
    def timeseries(self) -> pd.DataFrame:
        """One row per time slice and workload; columns as in ``timeseries.csv``."""
        import pandas as pd

        return pd.DataFrame([astuple(row) for row in self.series_rows], columns=list(SERIES_COLUMNS))

    def figure(self, name: str) -> go.Figure:
        """A figure of the report: ``latency``, ``throughput``, ``attribution``, ``stations``."""
        from netsim.report.figures import figure

        return figure(self, name).figure()

    def to_dict(self) -> dict[str, Any]:
        """The content of ``result.json``."""
        return self.data

    def save(self, directory: str | os.PathLike[str]) -> list[str]:
        """Write all files of the result; returns their paths, ``report.html`` last."""
        from netsim.results.files import save

        return save(self, directory)

    def __repr__(self) -> str:
        manifest = self.data["manifest"]
        return (
            f"<Result of {self.name}: {len(self.data['workloads'])} workloads, "
            f"{manifest['replications']} replications, {self.status}>"
        )


SERIES_COLUMNS = tuple(column.name for column in fields(SeriesRow))


def flatten(found: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested mappings as one row: ``wait_s.mean`` becomes ``wait_s_mean``, with ``_low`` and ``_high``."""
    row: dict[str, Any] = {}
    for key, value in found.items():
        name = f"{prefix}_{key}" if prefix else key
        if isinstance(value, Mapping):
            if set(value) == set(ENDS):
                row[name] = value["value"]
                row[f"{name}_low"] = value["low"]
                row[f"{name}_high"] = value["high"]
            else:
                row.update(flatten(value, name))
        else:
            row[name] = value
    return row


def columns_of(rows: Iterable[Mapping[str, Any]]) -> Sequence[str]:
    """The columns of all rows, in order of appearance."""
    return list(dict.fromkeys(key for row in rows for key in row))


def frame(rows: dict[str, dict[str, Any]], index: str) -> pd.DataFrame:
    """Rows by name as a table whose index is called ``index``."""
    import pandas as pd

    found = pd.DataFrame(list(rows.values()), columns=list(columns_of(rows.values())))
    found.index = pd.Index(list(rows), name=index)
    return found
