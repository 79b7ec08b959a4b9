"""The files of a result: written under a temporary name and renamed, so that none is ever half there."""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

from netsim.results.errors import ResultError
from netsim.results.junit import junit_xml
from netsim.results.result import SCHEMA_VERSION, SERIES_COLUMNS, Result, columns_of, flatten
from netsim.results.series import SeriesRow

RESULT = "result.json"
TIMESERIES = "timeseries.csv"
STATIONS = "stations.csv"
JUNIT = "junit.xml"
REPORT = "report.html"
#: Without these keys it is no result.
_REQUIRED = ("scenario", "manifest", "workloads", "stations", "nodes", "bottleneck", "expectations")


def save(result: Result, directory: str | os.PathLike[str]) -> list[str]:
    """Write all files into ``directory``, which is made if needed; returns their paths.

    ``junit.xml`` is there only with expectations; one of an earlier run is removed. Raises ``OSError``.
    """
    from netsim.report.pages import render

    folder = Path(directory)
    folder.mkdir(parents=True, exist_ok=True)
    texts = {RESULT: json_text(result), TIMESERIES: timeseries_text(result), STATIONS: stations_text(result)}
    if result.data["expectations"]:
        texts[JUNIT] = junit_xml(result)
    else:
        (folder / JUNIT).unlink(missing_ok=True)
    texts[REPORT] = render(result)
    for name, text in texts.items():
        write_atomic(folder / name, text)
    return [str(folder / name) for name in texts]


def write_atomic(path: str | os.PathLike[str], text: str) -> None:
    """Write UTF-8 under a temporary name beside ``path``, then rename: readers see old or new, never half."""
    path = Path(path)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("w", encoding="utf-8", newline="\n") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def write_texts(directory: str | os.PathLike[str], texts: Mapping[str, str]) -> list[str]:
    """Write files into a folder, which is made if it is missing; their paths. Raises ``OSError``."""
    folder = Path(directory)
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        write_atomic(folder / name, text)
    return [str(folder / name) for name in texts]


def json_text(result: Result) -> str:
    """``result.json``: equal runs give equal text, but for ``manifest.wall_s``. Samples and paths take one line each."""
    rest = {key: value for key, value in result.data.items() if key not in ("paths", "samples")}
    text = json.dumps(rest, indent=1, ensure_ascii=False, allow_nan=False)[:-2]
    if "paths" in result.data:
        text += f',\n "paths": [{",".join(_line(way) for way in result.data["paths"])}\n ]'
    if "samples" in result.data:
        lines = (f"{_line(path)}: {_inline(values)}" for path, values in result.data["samples"].items())
        text += f',\n "samples": {{{",".join(lines)}\n }}'
    return text + "\n}\n"


def _inline(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def _line(value: Any) -> str:
    return f"\n  {_inline(value)}"


def timeseries_text(result: Result) -> str:
    """``timeseries.csv``: times and quantiles in s, rates per s; empty where nothing completed."""
    rows = ([getattr(row, column) for column in SERIES_COLUMNS] for row in result.series_rows)
    return _csv(SERIES_COLUMNS, rows)


def stations_text(result: Result) -> str:
    """``stations.csv``: all stations, the busiest first."""
    flat = [{"station": name, **flatten(found)} for name, found in result.stations_all.items()]
    columns = columns_of(flat) or ["station"]
    return _csv(columns, ([row.get(column) for column in columns] for row in flat))


def _csv(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(columns)
    for row in rows:
        writer.writerow(["" if x is None else f"{x:.9g}" if isinstance(x, float) else x for x in row])
    return stream.getvalue()


def schema() -> dict[str, Any]:
    """The JSON Schema (draft-07) of ``result.json``."""
    text = (files("netsim") / "data" / "result.schema.json").read_text(encoding="utf-8")
    loaded: dict[str, Any] = json.loads(text)
    return loaded


def load_result(path: str | os.PathLike[str]) -> Result:
    """The result in a folder, or in a ``result.json``. Raises `ResultError`.

    The tables beside it are read if they are there; without ``stations.csv`` there are only the
    stations of ``result.json``.
    """
    file = Path(path) / RESULT if Path(path).is_dir() else Path(path)
    data = _read_json(file)
    if not isinstance(data, dict) or any(key not in data for key in _REQUIRED):
        raise ResultError(f"{file}: expected a result of netsim run, got other JSON")
    if data.get("schema") != SCHEMA_VERSION:
        found = data.get("schema")
        raise ResultError(f"{file}: expected schema {SCHEMA_VERSION}, got {found}: another version wrote it")
    try:
        stations = _read_stations(file.parent / STATIONS) or data["stations"]
        return Result(data, stations, _read_series(file.parent / TIMESERIES))
    except (OSError, ValueError, KeyError, csv.Error) as error:
        raise ResultError(f"{file.parent}: expected the tables of netsim run, got {error}") from None


def _read_json(file: Path) -> Any:
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ResultError(f"{file}: expected a result of netsim run, got no such file") from None
    except OSError as error:
        reason = (error.strerror or "an error").lower()
        raise ResultError(f"{file}: expected a file that can be read, got {reason}") from None
    except (ValueError, RecursionError):
        raise ResultError(f"{file}: expected JSON, got something else") from None


def _read_series(file: Path) -> list[SeriesRow]:
    if not file.exists():
        return []
    with file.open(encoding="utf-8", newline="") as stream:
        return [
            SeriesRow(
                t_s=float(row["t_s"]),
                workload=row["workload"],
                started_per_s=float(row["started_per_s"]),
                completed_per_s=float(row["completed_per_s"]),
                failed_per_s=float(row["failed_per_s"]),
                p50_s=_number(row["p50_s"]),
                p99_s=_number(row["p99_s"]),
            )
            for row in csv.DictReader(stream)
        ]


def _read_stations(file: Path) -> dict[str, dict[str, Any]]:
    if not file.exists():
        return {}
    with file.open(encoding="utf-8", newline="") as stream:
        return {
            row["station"]: {
                "kind": row["kind"],
                "node": row["node"],
                "utilisation": _estimate(row, "utilisation"),
                "wait_s": {"mean": _estimate(row, "wait_s_mean"), "p99": _estimate(row, "wait_s_p99")},
                "drops": int(row["drops"]),
            }
            for row in csv.DictReader(stream)
        }


def _estimate(row: Mapping[str, str], column: str) -> dict[str, float | None]:
    return {
        "value": _number(row[column]),
        "low": _number(row[f"{column}_low"]),
        "high": _number(row[f"{column}_high"]),
    }


def _number(text: str) -> float | None:
    return float(text) if text else None
