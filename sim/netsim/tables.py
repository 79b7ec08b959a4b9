"""The tables of constants in ``data/``: rows of value, unit, source and confidence by name."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files
from typing import Any

from netsim.picoseconds import PS_PER_S


def table(name: str) -> dict[str, Any]:
    """What a file of ``data/`` says, like ``tcp.yaml``."""
    import yaml

    found: dict[str, Any] = yaml.load(
        (files("netsim") / "data" / name).read_text(encoding="utf-8"),
        Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader),
    )
    return found


def values(rows: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """The values of rows by name; seconds (``NAME_s``) as picoseconds (``NAME_ps``)."""
    return {
        f"{name[:-1]}ps" if name.endswith("_s") else name: (
            round(row["value"] * PS_PER_S) if name.endswith("_s") else row["value"]
        )
        for name, row in rows.items()
    }
