"""netsim predicts how a Docker Swarm carries a load: ``netsim.run("scenario.yaml")``."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from netsim.model.problems import ModelError
    from netsim.results.compare import Comparison
    from netsim.results.comparing import compare
    from netsim.results.errors import EngineError, ResultError
    from netsim.results.files import load_result
    from netsim.results.result import Result
    from netsim.results.run import run
    from netsim.scenario.load import load
    from netsim.scenario.problems import Problem, ScenarioError
    from netsim.scenario.schema import Scenario
    from netsim.sweep.plan import Plan, plan

#: Public name -> the module that holds it, imported when first used.
_HOMES = {
    "Comparison": "netsim.results.compare",
    "EngineError": "netsim.results.errors",
    "ModelError": "netsim.model.problems",
    "Plan": "netsim.sweep.plan",
    "Problem": "netsim.scenario.problems",
    "Result": "netsim.results.result",
    "ResultError": "netsim.results.errors",
    "Scenario": "netsim.scenario.schema",
    "ScenarioError": "netsim.scenario.problems",
    "compare": "netsim.results.comparing",
    "load": "netsim.scenario.load",
    "load_result": "netsim.results.files",
    "plan": "netsim.sweep.plan",
    "run": "netsim.results.run",
}

__all__ = [
    "Comparison",
    "EngineError",
    "ModelError",
    "Plan",
    "Problem",
    "Result",
    "ResultError",
    "Scenario",
    "ScenarioError",
    "compare",
    "load",
    "load_result",
    "plan",
    "run",
    "sweep",
]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from netsim.results.build import versions

        return versions()["netsim"]
    if name == "sweep":  # the package itself can be called
        return import_module("netsim.sweep")
    if name not in _HOMES:
        raise AttributeError(f"module 'netsim' has no attribute '{name}'")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
