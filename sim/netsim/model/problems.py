"""Problems that show only when the model is built: told like those of the scenario."""

from __future__ import annotations

from netsim.scenario.problems import PathTuple, Problem, ScenarioError, show_path
from netsim.scenario.schema import Scenario


class ModelError(ScenarioError):
    """The scenario is well formed but cannot be set up: a task fits nowhere, a subnet is full, ..."""


class Problems:
    """Collects problems of a scenario, each with its place in the file."""

    def __init__(self, scenario: Scenario) -> None:
        self.scenario = scenario
        self.found: list[Problem] = []

    def add(self, path: PathTuple, code: str, expected: str, found: str, help: str | None = None) -> None:
        """One problem with the value at ``path``; ``found`` is told as it is."""
        line, col = self.scenario.line_of(path)
        file = self.scenario.source or "<scenario>"
        self.found.append(Problem(file, line, col, code, show_path(path), expected, found, help))

    def raise_if_any(self) -> None:
        """Raises `ModelError` with all of them, in the order of the file."""
        if self.found:
            raise ModelError(sorted(self.found, key=lambda problem: (problem.line, problem.col)))
