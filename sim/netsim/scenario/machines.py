"""The catalogue of machines, ``data/machines.yaml``: cores, card, burst credit and price by name.

``python -m netsim.scenario.machines`` prints the page ``docs/machines.md``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from netsim.tables import table

INTRO = """# Machines by name

A group of nodes may name a machine; what it does not say itself is then taken from here. This page is made from
`sim/netsim/data/machines.yaml` by `python -m netsim.scenario.machines`; a test holds it equal.

```yaml
nodes:
  worker: {count: 6, machine: aws/c5.xlarge}
```

Credit and baseline are a token bucket for each direction of the card: bytes pass at the line rate while credit is left,
which comes back at the baseline. Where a value is of low confidence, the report says so. Packets per second are not
published by any of these clouds: set `nic.pps` from a measurement of your own. Prices change: set `price` to yours.

"""


@dataclass(frozen=True, slots=True)
class Fact:
    """A value as a scenario writes it, where it is from, and how much it can be trusted."""

    value: Any
    source: str
    confidence: str


@cache
def catalogue() -> dict[str, dict[str, Fact]]:
    """Facts by machine: ``cores``, ``rate``, and where they are known ``baseline``, ``credit`` and ``price``."""
    data = table("machines.yaml")
    sources = data["sources"]
    return {
        name: {
            word: Fact(value, sources[key], confidence) for word, (value, key, confidence) in facts.items()
        }
        for name, facts in data["machines"].items()
    }


def filled(words: Mapping[Any, Any], facts: Mapping[str, Fact]) -> dict[Any, Any]:
    """The words of a group of nodes with those of its machine below them."""
    found = {word: facts[word].value for word in ("cores", "price") if word in facts} | dict(words)
    nic = found.get("nic")
    if nic is None or isinstance(nic, dict):
        card = {"rate": facts["rate"].value}
        if "baseline" in facts:
            card["burst"] = {word: facts[word].value for word in ("baseline", "credit")}
        found["nic"] = card | (nic or {})
    return found


def page() -> str:
    """``docs/machines.md``."""
    lines = ["| machine | cores | line rate | baseline | credit | price |", "|---|---|---|---|---|---|"]
    for name, facts in catalogue().items():
        cells = [_cell(facts.get(word)) for word in ("cores", "rate", "baseline", "credit", "price")]
        lines.append(f"| `{name}` | {' | '.join(cells)} |")
    told = dict.fromkeys(fact.source for facts in catalogue().values() for fact in facts.values())
    return (
        INTRO + "\n".join(lines) + "\n\n## Sources\n\n" + "\n".join(f"- {source}" for source in told) + "\n"
    )


def _cell(fact: Fact | None) -> str:
    if fact is None:
        return "-"
    return str(fact.value) if fact.confidence == "high" else f"{fact.value} ({fact.confidence})"


if __name__ == "__main__":
    print(page(), end="")
