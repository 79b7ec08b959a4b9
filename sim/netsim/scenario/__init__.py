"""What the user wrote: the scenario language, read with a place for every problem."""

from netsim.scenario.load import load, loads
from netsim.scenario.problems import Problem, ScenarioError
from netsim.scenario.schema import Scenario

__all__ = ["Problem", "Scenario", "ScenarioError", "load", "loads"]
