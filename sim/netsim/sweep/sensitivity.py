"""Which of the varied fields explain a metric: Morris' screening and Sobol's indices, by SALib.

Morris (Technometrics 33, 1991; mu* by Campolongo et al., Environmental Modelling & Software 22, 2007) changes one field
at a time along random ways through the space: few points, an order of importance. Sobol's indices (Mathematics and
Computers in Simulation 55, 2001; estimators by Saltelli et al., Computer Physics Communications 181, 2010) split the
variance over the space: many points, shares. Both come with the half width of a 95 % bootstrap interval.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from netsim.results.errors import EngineError
from netsim.sweep.spec import SweepSpec, read
from netsim.sweep.table import Sweep

METHODS = ("morris", "sobol")
#: Ways through the space; base points (a power of two).
SIZES = {"morris": 10, "sobol": 64}
LEVELS = 4
RESAMPLES = 1000
#: What is asked for unless somebody says otherwise.
USUAL = ".latency.p99"

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Influence:
    """What one field does to the metric.

    Morris: ``main`` is mu*, the mean absolute change over the field's whole range (unit of the metric), ``other`` is
    sigma, its spread: large where the effect depends on the other fields or is curved. Sobol: ``main`` is the total
    index, the share of the variance that goes with the field alone and together with others, ``other`` the first-order
    index, the share that goes with it alone (half width ``other_half``). ``half``: half width of main's 95 % interval.
    """

    path: str
    main: float
    half: float
    other: float
    other_half: float | None = None


def shares(names: Sequence[str], method: str, size: int, seed: int) -> Floats:
    """The points of the method in the unit cube: one row for each point, one column for each name. Raises
    `EngineError` without SALib, and for a size that the method cannot use."""
    if method not in METHODS:
        raise EngineError(f"expected morris or sobol, got --sensitivity {method}")
    if size < 2 or (method == "sobol" and size & (size - 1)):
        what = "a power of two" if method == "sobol" else "at least 2"
        raise EngineError(f"expected {what} for {method}, got --size {size}")
    try:
        from SALib.sample import morris, sobol
    except ImportError:
        raise EngineError("--sensitivity needs SALib: pip install 'swarm-netsim[sensitivity]'") from None
    if method == "morris":
        return np.asarray(morris.sample(_problem(names), size, num_levels=LEVELS, seed=seed), np.float64)
    found = sobol.sample(_problem(names), size, calc_second_order=False, seed=seed)
    return np.asarray(found, np.float64)


def influences(
    names: Sequence[str], method: str, points: Floats, values: Floats, seed: int
) -> list[Influence]:
    """What the values at the points of `shares` say of each name, the most important first."""
    if float(np.ptp(values)) == 0:
        return [Influence(name, 0.0, 0.0, 0.0, 0.0 if method == "sobol" else None) for name in names]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # bootstrap samples without variance; SALib's own use of pandas
        found = _analysed(names, method, points, values, seed)
    return sorted(found, key=lambda one: -one.main)


def _analysed(
    names: Sequence[str], method: str, points: Floats, values: Floats, seed: int
) -> list[Influence]:
    from SALib.analyze import morris, sobol

    if method == "morris":
        told: dict[str, Any] = morris.analyze(
            _problem(names), points, values, num_resamples=RESAMPLES, num_levels=LEVELS, seed=seed
        )
        rows = zip(names, told["mu_star"], told["mu_star_conf"], told["sigma"], strict=True)
        return [Influence(name, float(a), float(b), float(c)) for name, a, b, c in rows]
    told = sobol.analyze(_problem(names), values, calc_second_order=False, num_resamples=RESAMPLES, seed=seed)
    keys = ("ST", "ST_conf", "S1", "S1_conf")
    columns = zip(names, *(told[key] for key in keys), strict=True)
    return [Influence(name, *(float(x) for x in row)) for name, *row in columns]


def _problem(names: Sequence[str]) -> dict[str, Any]:
    return {"num_vars": len(names), "names": list(names), "bounds": [[0.0, 1.0]] * len(names)}


def sensitivity(
    spec: SweepSpec | str | os.PathLike[str],
    method: str,
    *,
    of: str | None = None,
    size: int | None = None,
    **how: Any,
) -> Sweep:
    """Run a sweep's fields at the points of ``method`` and tell which explain the metric ``of``.

    ``of``: a column of the table; without it the first p99. ``size``: ways (morris) or base points (sobol). ``how``: as
    for `netsim.sweep`. The answer is in ``sensitivity`` of the sweep; there is none if it was interrupted. Raises
    `ScenarioError` and `EngineError`.
    """
    from netsim.sweep.run import sweep

    if not isinstance(spec, SweepSpec):
        spec = read(spec)
    if spec.where:
        raise EngineError("--sensitivity needs every combination of the ranges: leave out where")
    names = list(spec.axes)
    used = SIZES.get(method, 2) if size is None else size
    points = shares(names, method, used, spec.seed)
    rows = [tuple(spec.axes[name].at(float(x)) for name, x in zip(names, row, strict=True)) for row in points]
    distinct = list(dict.fromkeys(rows))
    chosen = [dict(zip(names, row, strict=True)) for row in distinct]
    found = sweep(replace(spec, design=method, chosen=chosen), **how)
    if found.interrupted:
        return found
    metric = of or next((name for name in found.columns() if name.endswith(USUAL)), None)
    if metric is None or metric not in found.columns():
        from netsim.scenario.problems import suggest

        help = suggest(metric, [c for c in found.columns() if not c.endswith((".low", ".high"))], "columns")
        raise EngineError(
            f"expected a column of the table, got --of {metric}" + (f" ({help})" if help else "")
        )
    known = {row: point.metrics.get(metric) for row, point in zip(distinct, found.points, strict=True)}
    missing = [point for point in found.points if point.metrics.get(metric) is None]
    if missing:
        reason = missing[0].reason or f"{metric} is unknown"
        at = ", ".join(f"{path} {value}" for path, value in missing[0].values.items())
        raise EngineError(
            f"{len(missing)} of {len(found.points)} points have no {metric}, the first with {at}: {reason}"
        )
    values = np.array([known[row] for row in rows], np.float64)
    told = influences(names, method, points, values, spec.seed)
    found.sensitivity = {
        "method": method, "of": metric, "size": used,
        "fields": [_row(one, method) for one in told],
    }  # fmt: skip
    return found


def _row(one: Influence, method: str) -> dict[str, Any]:
    if method == "morris":
        return {"path": one.path, "mu_star": one.main, "mu_star_half": one.half, "sigma": one.other}
    return {
        "path": one.path, "total": one.main, "total_half": one.half, "first": one.other, "first_half": one.other_half,
    }  # fmt: skip
