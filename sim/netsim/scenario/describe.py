"""The page ``docs/scenario.md``: every word of a scenario, from the schema. ``python -m netsim.scenario.describe``."""

from __future__ import annotations

from typing import Any

from netsim.scenario.schema import Scenario
from netsim.scenario.units import RATE_UNITS, SIZE_UNITS, format_duration

INTRO = """# Scenario reference

Every word that a scenario may say. This page is made from the schema by `python -m netsim.scenario.describe`; a test holds
it equal. `netsim schema` prints the JSON Schema, with which editors complete and check.

| kind | how it is written |
|---|---|
| duration | a number with its unit, several in a row: `250us`, `5s`, `1m30s` |
| bit rate | `800Mbit`, `10Gbit` |
| size | `1500B`, `64KiB`, `20GiB` |
| rate | a number per time: `1000/s`, `30/m` |
| share | from 0 to 1, or `0.1%` |
| distribution | a duration, which is then always the same, or one of `constant`, `exponential`, `lognormal`, `uniform`: `{lognormal: {mean: 2ms, cv: 1}}` |
| name | letters, digits, `-` and `_` |

A bare number where a unit belongs is an error that says what to write. Lists and mappings may be written as in compose.
"""
#: How a pattern of the schema is called, by a part that no other has.
_PATTERNS = (
    ("(ps|ns|us", "duration"), ("KiB", "size"), ("bit(/s)", "bit rate"), ("*/ *(s|m|h)", "rate"), ("*/ *h", "price, like `0.34/h`"),
    ("%$", "share"), ("{3}/[0-9]", "subnet"), ("(\\d+:)?", "port, like `8080:80`"), ("{0,61}", "name"),
)  # fmt: skip


def page() -> str:
    """The page as text."""
    schema = Scenario.model_json_schema(by_alias=True)
    rooms = schema["$defs"]
    parts = [INTRO, "## The file\n", *_table(schema, rooms)]
    for name in sorted(rooms):
        found = _object(rooms[name])
        if found is not None:
            parts += [f"\n## {name}\n", f"{found.get('description', '')}\n", *_table(found, rooms)]
    return "\n".join(parts).rstrip() + "\n"


def _object(schema: dict[str, Any]) -> dict[str, Any] | None:
    """The form of a definition that has words, among the forms that it may take."""
    forms = [schema, *schema.get("anyOf", ())]
    return next((form for form in forms if form.get("properties")), None)


def _table(schema: dict[str, Any], rooms: dict[str, Any]) -> list[str]:
    lines = ["| word | what | default | meaning |", "|---|---|---|---|"]
    for word, found in schema["properties"].items():
        default = "**needed**" if word in schema.get("required", ()) else _default(found)
        meaning = found.get("description") or rooms.get(found.get("$ref", "").rpartition("/")[2], {}).get(
            "description", ""
        )
        lines.append(f"| `{word}` | {_kind(found)} | {default} | {_cell(meaning)} |")
    return lines


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _kind(found: dict[str, Any]) -> str:
    """What may be written, in a few words."""
    if "$ref" in found:
        return _link(found["$ref"])
    if "anyOf" in found:
        forms = [_kind(form) for form in found["anyOf"] if form.get("type") != "null"]
        return " or ".join(dict.fromkeys(forms))
    if "enum" in found:
        return ", ".join(f"`{value}`" for value in found["enum"])
    if "const" in found:
        return f"`{found['const']}`"
    kind = found.get("type")
    if isinstance(kind, list):
        return " or ".join(dict.fromkeys(_kind({**found, "type": one}) for one in kind if one != "null"))
    if kind == "array":
        return f"list of {_kind(found.get('items', {}))}"
    if kind == "object":
        return _mapping(found)
    if kind == "integer":
        return f"whole number{_bounds(found)}"
    if kind == "number":
        return f"number{_bounds(found)}"
    if kind == "boolean":
        return "true or false"
    return next((text for part, text in _PATTERNS if part in found.get("pattern", "")), "text")


def _mapping(found: dict[str, Any]) -> str:
    inner = found.get("patternProperties") or ({"": found["additionalProperties"]} if _typed(found) else {})
    values = " or ".join(dict.fromkeys(_kind(form) for form in inner.values()))
    if found.get("properties"):
        return "mapping of " + ", ".join(f"`{word}`" for word in found["properties"])
    return f"mapping of names to {values}" if values else "mapping"


def _typed(found: dict[str, Any]) -> bool:
    return isinstance(found.get("additionalProperties"), dict)


def _bounds(found: dict[str, Any]) -> str:
    low, high = found.get("minimum"), found.get("maximum")
    if low is None and high is None:
        return ""
    if high is None:
        return f" from {low:,}"
    return f" from {low:,} to {high:,}" if low is not None else f" to {high:,}"


def _link(reference: str) -> str:
    name = reference.rpartition("/")[2]
    return f"[{name}](#{name.lower()})"


def _default(found: dict[str, Any]) -> str:
    """The default as a scenario would say it; a dash for none, for nothing, and for what has its own table."""
    value, kind = found.get("default"), _kind(found)
    if value is None or value in ([], {}, "") or "$ref" in found:
        return "-"
    if isinstance(value, dict):
        return "-" if value.get("kind") != "constant" else f"`{format_duration(value['mean'])}`"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, int) and kind.startswith("duration"):
        return f"`{format_duration(value)}`"
    if isinstance(value, int) and kind.startswith("bit rate"):
        return f"`{_largest(value, RATE_UNITS)}`"
    if isinstance(value, int) and "size" in kind:
        binary = {unit: size for unit, size in SIZE_UNITS.items() if "i" in unit or unit == "B"}
        return f"`{_largest(value, binary)}`"
    return ", ".join(f"`{item}`" for item in value) if isinstance(value, list) else f"`{value}`"


def _largest(value: int, units: dict[str, int]) -> str:
    """A whole number of the largest unit that divides it."""
    unit = max((unit for unit, size in units.items() if value % size == 0), key=lambda unit: units[unit])
    return f"{value // units[unit]}{unit}"


if __name__ == "__main__":
    print(page(), end="")
