"""What a plan has to keep: expectations of a scenario, or short forms of them, and what they say of one point."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from netsim.results.errors import EngineError
from netsim.scenario.expectations import LATENCIES, WORKLOAD_METRICS, Expectation
from netsim.scenario.schema import Scenario
from netsim.stats.expect import ExpectationError, judge, parse
from netsim.stats.intervals import LEVEL, Estimate, t_quantile
from netsim.sweep.search import LEVEL_OF_A_LOOK, Side

#: Kept as well, unless something is said of errors: latency is that of completed requests only.
IMPLIED_ERRORS = "1%"
#: Distances beyond e^3 say no more than this.
FAR = 3.0


@dataclass(frozen=True, slots=True)
class Kept:
    """Expectations that have to hold; the last ``implied`` of them were not asked for."""

    expectations: tuple[Expectation, ...]
    implied: int

    @property
    def texts(self) -> list[str]:
        """As the scenario's ``expect`` says them."""
        return [expectation.text for expectation in self.expectations]


def kept(scenario: Scenario, asked: Sequence[str], load: str | None) -> Kept:
    """What has to hold: ``asked``, in full or short for the workload ``load`` (``p99 < 50ms``), or without any the
    scenario's own expectations; and errors below 1 %. Raises `EngineError` with the column of what is wrong."""
    texts = list(asked) or list(scenario.expect)
    if not texts:
        raise EngineError('nothing to keep: say --keep "p99 < 50ms", or give the scenario expectations')
    about = load or (next(iter(scenario.load)) if len(scenario.load) == 1 else "*")
    found = []
    for text in texts:
        short = _prefix(text, scenario, about)
        try:
            one = parse(short + text, scenario.load, scenario.node_names())
        except ExpectationError as error:
            column = max(1, error.column - len(short))
            hint = f" ({error.help})" if error.help else ""
            raise EngineError(
                f"--keep '{text}': column {column}: expected {error.expected}, got {error.found}{hint}"
            ) from None
        if one.relative:
            raise EngineError(f"--keep '{text}': expected a limit of its own, got one against a baseline")
        found.append(one)
    if any(one.metric in ("errors", "failed") for one in found) or not scenario.load:
        return Kept(tuple(found), 0)
    implied = parse(f"{about}.errors < {IMPLIED_ERRORS}", scenario.load, scenario.node_names())
    return Kept((*found, implied), 1)


def _prefix(text: str, scenario: Scenario, about: str) -> str:
    """What a short form leaves out."""
    first = text.strip().partition(".")[0].split("<")[0].split(">")[0].strip()
    if first in scenario.load:
        return ""
    if first in LATENCIES:
        return f"{about}.latency."
    return f"{about}." if first in WORKLOAD_METRICS else ""


def side(expectations: Sequence[Mapping[str, Any]], kept: Kept, replications: int) -> Side:
    """What the expectations of a result say together at the level of one look: bad if one surely fails."""
    found = set()
    for one, told in zip(kept.expectations, expectations, strict=True):
        wide = _widened(Estimate(told["value"], told["low"], told["high"]), replications)
        found.add(judge(wide, one.op, one.limit))
    if "fail" in found:
        return "bad"
    return "open" if "inconclusive" in found else "good"


def _widened(estimate: Estimate, replications: int) -> Estimate:
    """The interval at the level of a look, for numbers that are close to normal."""
    value, low, high = estimate.value, estimate.low, estimate.high
    if value is None or low is None or high is None:
        return estimate
    degrees = replications - 1
    factor = t_quantile((1 + LEVEL_OF_A_LOOK) / 2, degrees) / t_quantile((1 + LEVEL) / 2, degrees)
    return Estimate(value, value - factor * (value - low), value + factor * (high - value))


def distance(expectations: Sequence[Mapping[str, Any]], kept: Kept) -> tuple[float, int] | None:
    """How far the worst expectation is from its limit (log of the ratio, above 0: violated) and its number."""
    found = []
    for k, (one, told) in enumerate(zip(kept.expectations, expectations, strict=True)):
        value = told["value"]
        if value is not None and one.limit > 0:
            far = math.log(value / one.limit) if value > 0 else -FAR
            found.append((max(-FAR, min(far if one.op in ("<", "<=") else -far, FAR)), k))
    return max(found, key=lambda item: item[0]) if found else None
