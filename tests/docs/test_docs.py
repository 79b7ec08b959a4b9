"""The pages of docs/ are current, build without a warning, and every block of them works as it stands there.

A page is followed from top to bottom in a folder of its own, beside the shipped scenarios: shell and Python are run, YAML with
a ``title`` is written under that name, other YAML is read. A comment before a block says what is special about it:
``<!-- exit: 99 -->`` the exit code of the shell, ``<!-- not run: WHY -->`` that it cannot be run here.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml
from helpers import ROOT

from netsim.scenario import describe

PAGES = sorted((ROOT / "docs").rglob("*.md"))
_BLOCK = re.compile(
    r"^(?:<!-- (?P<note>[^\n]*) -->\n)?```(?P<language>\w*)(?P<info>[^\n]*)\n(?P<text>.*?)^```$",
    re.DOTALL | re.MULTILINE,
)
#: Languages that are no commands and no data of netsim.
READ_ONLY = {"ebnf"}


@dataclass(frozen=True)
class Block:
    """One fenced block, with the comment before it."""

    language: str
    title: str | None
    note: str
    text: str


def blocks(page: Path) -> list[Block]:
    found = []
    for match in _BLOCK.finditer(page.read_text(encoding="utf-8")):
        title = re.search(r'title="([^"]+)"', match["info"])
        found.append(Block(match["language"], title and title[1], match["note"] or "", match["text"]))
    return found


WITH_BLOCKS = [page for page in PAGES if blocks(page)]
#: What cannot be run here, and why: all notes of that kind have to be in this list.
NOT_RUN = {"ci.md": 2, "sweep.md": 1}
SLOW = {"howto.md", "plan.md", "sweep.md"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """As the source's folder looks to a reader: scenarios, and a command ``netsim``."""
    shutil.copytree(ROOT / "scenarios", tmp_path / "scenarios")
    command = tmp_path / "bin" / "netsim"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m netsim "$@"\n')
    command.chmod(0o755)
    return tmp_path


def run(words: list[str], folder: Path, code: int) -> None:
    env = {**os.environ, "PATH": f"{folder / 'bin'}:{os.environ['PATH']}"}
    env["PYTHONPATH"] = os.pathsep.join([str(ROOT / "sim"), env.get("PYTHONPATH", "")]).rstrip(os.pathsep)
    done = subprocess.run(words, cwd=folder, env=env, capture_output=True, text=True, timeout=300)
    assert done.returncode == code, f"{words[-1]}\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}"


@pytest.mark.parametrize(
    "page",
    [
        pytest.param(page, marks=[pytest.mark.slow] * (page.name in SLOW), id=page.stem)
        for page in WITH_BLOCKS
    ],
)
def test_every_block_works(page: Path, folder: Path) -> None:
    left_out = 0
    for block in blocks(page):
        if block.note.startswith("not run: "):
            left_out += 1
            if block.language == "yaml":
                yaml.safe_load(block.text)
            continue
        if block.title is not None:
            (folder / block.title).write_text(block.text)
        if block.language == "sh":
            code = re.fullmatch(r"exit: (\d+)", block.note)
            run(["bash", "-ec", block.text], folder, int(code[1]) if code else 0)
        elif block.language == "python":
            run([sys.executable, "-c", block.text], folder, 0)
        elif block.language == "yaml":
            assert yaml.safe_load(block.text)
        else:
            assert block.language in READ_ONLY, f"a block of the language {block.language!r}"
    assert left_out == NOT_RUN.get(page.name, 0)


def test_the_site_builds_without_a_warning(tmp_path: Path) -> None:
    words = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "-d", str(tmp_path / "site")]
    done = subprocess.run(
        words, cwd=ROOT, capture_output=True, text=True, env={**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    )
    assert (done.returncode, done.stdout + done.stderr) == (0, "")
    assert (tmp_path / "site" / "tutorial" / "index.html").exists()


def test_every_page_is_in_the_navigation() -> None:
    listed = re.findall(r"[\w/-]+\.md", (ROOT / "mkdocs.yml").read_text())
    assert sorted(listed) == sorted(str(page.relative_to(ROOT / "docs")) for page in PAGES)


def test_the_site_loads_nothing_from_elsewhere(tmp_path: Path) -> None:
    words = [sys.executable, "-m", "mkdocs", "build", "--quiet", "-d", str(tmp_path / "site")]
    subprocess.run(words, cwd=ROOT, check=True, env={**os.environ, "NO_MKDOCS_2_WARNING": "1"})
    page = (tmp_path / "site" / "index.html").read_text()
    loaded = re.findall(r'<(?:script|img|link)[^>]+(?:src|href)="(https?://[^"]+)"', page)
    assert loaded == []


def test_the_scenario_reference_is_current() -> None:
    assert (ROOT / "docs" / "scenario.md").read_text(encoding="utf-8") == describe.page()


def test_the_scenario_reference_has_every_word() -> None:
    text = describe.page()
    for word in (
        "netsim",
        "hypervisors",
        "arrivals",
        "stop_grace_period",
        "gw_priority",
        "kill_task",
        "drain",
    ):
        assert f"`{word}`" in text
    assert "| `duration` | duration | `1m` | Measured time. |" in text
    assert "| `rate` | bit rate | `10Gbit` | Line rate in each direction (bit/s). |" in text
