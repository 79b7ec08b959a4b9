"""The JSON Schema of scenarios, for editors that complete and check (draft-07)."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any

from netsim.scenario.schema import Scenario

DRAFT = "http://json-schema.org/draft-07/schema#"


def build() -> dict[str, Any]:
    """The schema, made from the models."""
    schema = _draft07(Scenario.model_json_schema(by_alias=True))
    return {"$schema": DRAFT, "title": "netsim scenario", **{k: v for k, v in schema.items() if k != "title"}}


def text() -> str:
    """The schema as text, as it is shipped."""
    return json.dumps(build(), indent=1, ensure_ascii=False) + "\n"


def shipped() -> str:
    """The schema in the package, without building it."""
    return (files("netsim") / "data" / "scenario.schema.json").read_text(encoding="utf-8")


def _draft07(value: Any) -> Any:
    """Pydantic writes draft 2020-12; what differs here is the name of the definitions and siblings of $ref."""
    if isinstance(value, list):
        return [_draft07(item) for item in value]
    if not isinstance(value, dict):
        return value.replace("#/$defs/", "#/definitions/") if isinstance(value, str) else value
    new = {("definitions" if key == "$defs" else key): _draft07(item) for key, item in value.items()}
    if "$ref" in new and len(new) > 1:
        new["allOf"] = [{"$ref": new.pop("$ref")}]
    new.pop("default", None)
    return new
