"""Bad scenarios and the exact messages that they get."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from netsim.model.build import build_model
from netsim.scenario import ScenarioError, load, loads

CORPUS = Path(__file__).parent / "corpus"
BAD = sorted(CORPUS.glob("*.yaml"))


def messages(path: Path) -> str:
    with pytest.raises(ScenarioError) as caught:
        build_model(load(path))
    return str(caught.value).replace(str(path.parent) + os.sep, "") + "\n"


def test_the_corpus_is_large() -> None:
    assert len(BAD) >= 50


@pytest.mark.parametrize("path", BAD, ids=lambda p: p.stem)
def test_exact_message(path: Path) -> None:
    assert messages(path) == path.with_suffix(".txt").read_text(encoding="utf-8")


def test_missing_file(tmp_path: Path) -> None:
    assert messages(tmp_path / "a.yaml") == "a.yaml: NO_FILE: expected a scenario file, got no such file\n"


def test_directory(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    assert messages(tmp_path / "d") == "d: IS_DIRECTORY: expected a scenario file, got a directory\n"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_no_permission(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text("netsim: 1\n")
    path.chmod(stat.S_IWUSR)
    assert (
        messages(path) == "a.yaml: NO_PERMISSION: expected a file that can be read, got permission denied\n"
    )


def test_hundred_megabytes(tmp_path: Path) -> None:
    path = tmp_path / "big.yaml"
    with path.open("wb") as stream:
        stream.truncate(100 * 2**20)
    assert messages(path) == "big.yaml: TOO_LARGE: expected a file of at most 4 MiB, got a larger one\n"


def test_all_problems_of_a_bad_override() -> None:
    good = "netsim: 1\nnodes: {m: {role: manager}}\n"
    with pytest.raises(ScenarioError) as caught:
        loads(good, "f", {"duration": "5", "nodes.m.cors": "3"})
    assert str(caught.value) == (
        "--set duration:1:1: UNIT duration: expected a duration with a unit, like 250us, 5s or 2m, got 5\n"
        "  help: write 5s if that is what you mean\n"
        "--set nodes.m.cors:1:1: UNKNOWN_KEY nodes.m.cors: expected a known key, got cors\n"
        "  help: did you mean cores?"
    )
