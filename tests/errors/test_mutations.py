"""Damaged scenarios: every one is read, or refused with problems; nothing else may happen."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from netsim.scenario import ScenarioError, loads

ROOT = Path(__file__).parents[2]
SEEDS = sorted((ROOT / "scenarios").glob("*.yaml"))
WORDS = [
    "-1", "0", ".nan", "-.inf", "1e999", "9" * 40, "''", "{}", "[]", "null", "true", "5s", "10Gbit", "64KiB",
    "1000/s", "%", "&a", "*a", "<<", "!!int", "? ", ": ", "- ", "\t", "\n", "\u2028", "\ud7ff", "\x00", "'", '"',
    "outside", "web:8080", "{exponential: {mean: 1ms}}", "{a: {b: {c: d}}}", "[[0s, 1/s]]", "#", "|", ">", "@",
]  # fmt: skip


def mutate(text: str, rng: random.Random) -> str:
    """A few random edits: bytes, words, lines, indentation."""
    for _ in range(rng.randint(1, 4)):
        lines = text.split("\n")
        kind = rng.randrange(7)
        row = rng.randrange(len(lines))
        if kind == 0 and text:
            at = rng.randrange(len(text))
            text = text[:at] + chr(rng.randrange(1, 0x300)) + text[at + rng.randint(0, 2) :]
        elif kind == 1:
            tokens = lines[row].split(" ")
            tokens[rng.randrange(len(tokens))] = rng.choice(WORDS)
            lines[row] = " ".join(tokens)
            text = "\n".join(lines)
        elif kind == 2:
            del lines[row]
            text = "\n".join(lines)
        elif kind == 3:
            lines.insert(rng.randrange(len(lines)), lines[row])
            text = "\n".join(lines)
        elif kind == 4:
            lines[row] = " " * rng.randint(0, 6) + lines[row].lstrip()
            text = "\n".join(lines)
        elif kind == 5 and text:
            at = rng.randrange(len(text))
            text = text[:at] + rng.choice(WORDS) + text[at:]
        else:
            head, colon, _ = lines[row].partition(": ")
            lines[row] = head + colon + rng.choice(WORDS)
            text = "\n".join(lines)
    return text


def survive(count: int, seed: int) -> None:
    rng = random.Random(seed)
    texts = [path.read_text(encoding="utf-8") for path in SEEDS]
    read = 0
    for _ in range(count):
        text = mutate(rng.choice(texts), rng)
        try:
            loads(text)
            read += 1
        except ScenarioError as error:
            assert error.problems
            for problem in error.problems:
                assert (
                    problem.code and problem.expected and "\n" not in problem.text().replace("\n  help: ", "")
                )
    assert 0 < read < count


def test_a_thousand() -> None:
    survive(1_000, 1)


@pytest.mark.slow
def test_ten_thousand() -> None:
    survive(10_000, 2)
