"""The JSON Schema of sweep files, for editors that complete and check (draft-07)."""

from __future__ import annotations

import json
from typing import Any

from netsim.scenario.json_schema import DRAFT
from netsim.sweep.axes import DESIGNS, MAX_POINTS

_SCALAR: dict[str, Any] = {"type": ["string", "number"]}
_RANGE: dict[str, Any] = {
    "type": "object",
    "description": "All values between two ends, which are included; in a grid, steps of them.",
    "properties": {
        "from": {**_SCALAR, "description": "The lower end, like 2, 100/s or 2ms."},
        "to": {**_SCALAR, "description": "The upper end, in the same unit."},
        "steps": {
            "type": "integer", "minimum": 1, "maximum": MAX_POINTS, "description": "Values in a grid (count); without it 5.",
        },
        "log": {"type": "boolean", "description": "Evenly by ratio."},
    },
    "required": ["from", "to"],
    "additionalProperties": False,
}  # fmt: skip
_TEXTS: dict[str, Any] = {"type": "array", "items": {"type": "string"}}


def build() -> dict[str, Any]:
    """The schema."""
    properties: dict[str, Any] = {
        "scenario": {"type": "string", "description": "The scenario's file, seen from the sweep file."},
        "vary": {
            "type": "object",
            "minProperties": 1,
            "description": "Paths of the scenario, as --set takes them, with a list of values or a range.",
            "additionalProperties": {"anyOf": [{"type": "array", "minItems": 1}, _RANGE]},
        },
        "design": {
            "enum": list(DESIGNS),
            "description": "grid: all combinations; lhs or sobol: points of them.",
        },
        "points": {
            "type": "integer",
            "minimum": 1,
            "maximum": MAX_POINTS,
            "description": "Points of lhs or sobol (count).",
        },
        "seed": {
            "type": "integer",
            "minimum": 0,
            "maximum": 2**31 - 1,
            "description": "Seed of the sample, not of the runs.",
        },
        "where": {
            "anyOf": [{"type": "string"}, _TEXTS],
            "description": "Constraints that points satisfy, like services.web.replicas * 2 >= services.db.replicas.",
        },
        "replications": {
            "type": "integer",
            "minimum": 1,
            "maximum": 10_000,
            "description": "Repetitions of each point (count), instead of the scenario's.",
        },
    }
    inner = {
        "type": "object",
        "properties": properties,
        "required": ["scenario", "vary"],
        "additionalProperties": False,
    }
    return {
        "$schema": DRAFT,
        "title": "netsim sweep",
        "type": "object",
        "properties": {"sweep": inner},
        "required": ["sweep"],
        "additionalProperties": False,
    }


def text() -> str:
    """The schema as text."""
    return json.dumps(build(), indent=1, ensure_ascii=False) + "\n"
