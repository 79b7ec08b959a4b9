"""The two scanners that scenarios are read with give one tree, and one list of problems."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from helpers import ROOT
from hypothesis import given, settings
from hypothesis import strategies as st

from netsim.scenario import yaml_marks
from netsim.scenario.problems import Problem, ScenarioError

#: Pieces of YAML of which most ways to put them together are wrong.
PIECES = (
    "a", "b: ", "- ", "{", "}", "[", "]", ", ", ":", "\n", "\n  ", "\n    ", "#c", "'", '"', "&x ", "*x", "!t ", "|\n", "> ",
    "8080:80", "? ", "---\n", "...\n", " ", "\t", "\\", "%", "@", "<<: ", "é", "\u2028", "\x85", "0x1", "~", "`",
)  # fmt: skip
FILES = [*ROOT.glob("scenarios/*.yaml"), *ROOT.glob("tests/errors/corpus/*.yaml")]


def read(text: str, slowly: bool) -> tuple[str, list[Problem]]:
    """The tree (as text: nan is not equal to itself), or what is said where there is none, and the problems beside it."""
    problems: list[Problem] = []
    try:
        if slowly:
            return repr(yaml_marks.parse_slowly(text, "f", problems, (0, 0))), problems
        return repr(yaml_marks.parse(text, "f", problems)), problems
    except ScenarioError as error:
        return repr(error.problems), problems


def test_libyaml_is_there() -> None:
    assert hasattr(yaml, "CSafeLoader")


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_files_are_read_alike(path: Path) -> None:
    text = path.read_bytes().decode("utf-8", "replace")
    assert read(text, False) == read(text, True)


@settings(max_examples=1000, deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=14).map("".join))
def test_anything_is_read_alike(text: str) -> None:
    assert read(text, False) == read(text, True)
