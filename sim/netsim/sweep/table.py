"""What a sweep found: one row for each point, as a frame, as CSV, Parquet and JSON."""

from __future__ import annotations

import csv
import io
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from netsim.results.files import write_texts

if TYPE_CHECKING:
    import pandas as pd

POINTS, SUMMARY, REPORT, PARQUET = "points.csv", "sweep.json", "report.html", "points.parquet"


@dataclass(slots=True)
class Point:
    """One point. ``values``: path -> YAML text; ``status``: ok, invalid, limit, error, or not run; ``cached``: known
    from before."""

    number: int
    values: dict[str, str]
    status: str
    reason: str
    metrics: dict[str, Any]
    expectations: dict[str, str]
    cached: bool = False
    wall_s: float = 0.0


@dataclass(slots=True)
class Sweep:
    """All points of a sweep, in the order of its design. ``interrupted``: not all of them were run.
    ``sensitivity``: which fields explain a metric, if that was asked for."""

    scenario: str
    varied: list[str]
    design: str
    points: list[Point]
    interrupted: bool = False
    sensitivity: dict[str, Any] | None = None

    def columns(self) -> list[str]:
        """The columns of ``points.csv``: point, status and reason, one for each varied path, one for each metric."""
        metrics = dict.fromkeys(name for point in self.points for name in point.metrics)
        return ["point", "status", "reason", "expectations", *self.varied, *metrics]

    def rows(self) -> list[dict[str, Any]]:
        """One mapping for each point, by column."""
        return [
            {
                "point": p.number,
                "status": p.status,
                "reason": p.reason,
                "expectations": verdict(p),
                **p.values,
                **p.metrics,
            }
            for p in self.points
        ]

    @property
    def frame(self) -> pd.DataFrame:
        """The table as a pandas frame; varied values become numbers where all of them are plain numbers."""
        import pandas as pd

        found = pd.DataFrame(self.rows(), columns=self.columns())
        for path in self.varied:
            numbers = pd.to_numeric(found[path], errors="coerce")
            if not numbers.isna().any():
                found[path] = numbers
        return found

    def counts(self) -> dict[str, int]:
        """How many points ended how; ``cached`` of those that are ok."""
        found: dict[str, int] = {}
        for point in self.points:
            found[point.status] = found.get(point.status, 0) + 1
        return {**found, "cached": sum(p.cached for p in self.points)}

    def to_dict(self) -> dict[str, Any]:
        """The content of ``sweep.json``."""
        return {
            "schema": 1,
            "scenario": self.scenario,
            "design": self.design,
            "varied": self.varied,
            "interrupted": self.interrupted,
            "sensitivity": self.sensitivity,
            "points": [
                {"point": p.number, "values": p.values, "status": p.status, "reason": p.reason,
                 "expectations": p.expectations, "metrics": p.metrics}
                for p in self.points
            ],
        }  # fmt: skip

    def save(self, directory: str | os.PathLike[str], parquet: bool = False) -> list[str]:
        """Write all files; their paths, the report last. Raises ``OSError``, and ``ImportError`` without pyarrow."""
        from netsim.sweep.page import render

        folder = Path(directory)
        folder.mkdir(parents=True, exist_ok=True)
        texts = {POINTS: self.csv(), SUMMARY: json_text(self), REPORT: render(self)}
        paths = []
        if parquet:
            temporary = folder / f".{PARQUET}.tmp"
            self.frame.to_parquet(temporary)
            os.replace(temporary, folder / PARQUET)
            paths.append(str(folder / PARQUET))
        return [*paths, *write_texts(folder, texts)]

    def csv(self) -> str:
        """``points.csv``: equal sweeps give equal text, wherever and by however many they were run."""
        stream = io.StringIO()
        writer = csv.writer(stream, lineterminator="\n")
        columns = self.columns()
        writer.writerow(columns)
        for row in self.rows():
            writer.writerow([_cell(row.get(column)) for column in columns])
        return stream.getvalue()


def verdict(point: Point) -> str:
    """Of all expectations of a point: pass, fail, inconclusive, or nothing without any."""
    found = set(point.expectations.values())
    return next((word for word in ("fail", "inconclusive", "pass") if word in found), "")


def json_text(sweep: Sweep) -> str:
    """``sweep.json``."""
    return json.dumps(sweep.to_dict(), indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def _cell(value: Any) -> Any:
    if value is None:
        return ""
    return f"{value:.9g}" if isinstance(value, float) else value
