"""Points that were run before: one small file each, named by a hash of everything that decides its numbers."""

from __future__ import annotations

import hashlib
import json
import os
from functools import cache
from pathlib import Path
from typing import Any

from netsim.results.files import write_atomic
from netsim.scenario.schema import Scenario


def folder() -> Path:
    """Where points are kept: ``NETSIM_CACHE_DIR``, or the user's cache folder."""
    base = (
        os.environ.get("NETSIM_CACHE_DIR")
        or os.environ.get("XDG_CACHE_HOME")
        or os.path.expanduser("~/.cache")
    )
    return Path(base) / "netsim" / "points"


@cache
def sources() -> str:
    """A hash of the package: other code may give other numbers."""
    found = hashlib.blake2b(digest_size=16)
    root = Path(__file__).parents[1]
    for path in sorted(p for p in root.rglob("*") if p.suffix in (".py", ".yaml", ".json")):
        found.update(path.relative_to(root).as_posix().encode() + b"\0" + path.read_bytes())
    return found.hexdigest()


def key(scenario: Scenario, seed: int, replications: int, engine: str) -> str:
    """The hash of a point: its scenario with all defaults, the profiles that it names, how it is run, and the code."""
    found = hashlib.blake2b(digest_size=20)
    found.update(scenario.model_dump_json(by_alias=True).encode())
    base = Path(scenario.source).parent if scenario.source else Path()
    for name in sorted({group.profile for group in scenario.nodes.values()}):
        path = base / name
        if name.endswith((".yaml", ".yml")) and path.is_file():
            found.update(name.encode() + b"\0" + path.read_bytes())
    found.update(f"{seed} {replications} {engine} {sources()} {scenario.tolerant}".encode())
    return found.hexdigest()


def get(key: str) -> dict[str, Any] | None:
    """What a point gave, if it was run before."""
    try:
        found = json.loads((folder() / key[:2] / f"{key}.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def put(key: str, row: dict[str, Any]) -> bool:
    """Keep what a point gave; whether that was possible."""
    path = folder() / key[:2] / f"{key}.json"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(path, json.dumps(row, allow_nan=False))
    except OSError:
        return False
    return True
