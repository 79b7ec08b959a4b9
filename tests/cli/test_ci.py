"""What build servers get: JUnit with places, a summary page, remarks, SARIF; and nothing else on standard output."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from xml.etree import ElementTree

import pytest
from fake_results import TEXT, record
from typer.testing import CliRunner

from netsim.cli import main as cli
from netsim.results import run as runner
from netsim.results.findings import github_command

RUN = CliRunner()
EXPECT = ("users.latency.p99 < 1ms", "users.errors < 1%", "nodes.worker-1.cpu < 50.5%")
FIRST_LINE = TEXT.count("\n") + 2


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with tiny.yaml, an engine that answers at once, and no build server around."""
    monkeypatch.setattr(runner, "simulator", lambda name: lambda s, m, seed, k, *rest: record(k))
    for name in ("GITHUB_ACTIONS", "GITHUB_STEP_SUMMARY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    Path("sub dir").mkdir()
    lines = "".join(f"  - {text}\n" for text in EXPECT)
    Path("sub dir/tiny.yaml").write_text(f"{TEXT}expect:\n{lines}")
    return tmp_path


def run(*words: str) -> tuple[int, str, str]:
    done = RUN.invoke(cli.app, ["run", "sub dir/tiny.yaml", *words])
    return done.exit_code, done.stdout, done.stderr


def test_junit_points_at_the_line() -> None:
    assert run("--out", "out")[0] == 99
    cases = ElementTree.parse("out/junit.xml").getroot().findall("testcase")
    assert [case.get("line") for case in cases] == [str(FIRST_LINE + k) for k in range(3)]
    assert {case.get("file") for case in cases} == {"sub dir/tiny.yaml"}
    values = {p.get("name"): p.get("value") for p in cases[0].iter("property")}
    assert values == {"file": "sub dir/tiny.yaml", "line": str(FIRST_LINE)}
    skipped = cases[2].find("skipped")
    assert skipped is not None and "more replications would decide it" in str(skipped.get("message"))


def test_summary_to_a_file_and_to_github(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("page.md").write_text("before\n")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", "page.md")
    assert run("--summary", "s.md", "-q")[:2] == (99, "")
    text = Path("s.md").read_text()
    assert Path("page.md").read_text() == f"before\n{text}\n"
    assert "Expectations: **❌ fail**" in text and "`worker-1/cpu`" in text
    assert "| ❌ fail | `users.latency.p99 < 1ms` | found" in text
    tables = [line for line in text.splitlines() if line.startswith("|")]
    assert {len(re.findall(r"(?<!\\)\|", line)) for line in tables} == {4, 6}


def test_a_page_that_cannot_be_written_is_no_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", "nowhere/page.md")
    code, _, told = run("-q")
    assert code == 99 and "no summary for GitHub" in told
    assert run("--summary", "nowhere/s.md")[0] == 2


def test_remarks_for_github_are_on_standard_error(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "::" not in "".join(map(str, run("-q")))
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    code, out, told = run("-q")
    assert (code, out) == (99, "")
    remarks = [line for line in told.splitlines() if line.startswith("::")]
    assert [line.split()[0] for line in remarks] == ["::error", "::warning", "::notice"]
    assert remarks[0].startswith(
        f"::error file=sub dir/tiny.yaml,line={FIRST_LINE},col=5,title=netsim expectation-failed::"
        "users.latency.p99 < 1ms: found"
    )
    cores = next(k for k, line in enumerate(TEXT.splitlines(), 1) if "worker: {count" in line)
    column = TEXT.splitlines()[cores - 1].index("cores: 2") + len("cores: ") + 1
    assert f"line={cores},col={column}," in remarks[2]


def test_escapes_of_workflow_commands() -> None:
    found = github_command("error", "50 %\nof it", "a: b, c", "x,y.yaml", 3)
    assert found == "::error file=x%2Cy.yaml,line=3,title=a%3A b%2C c::50 %25%0Aof it"


def test_problems_of_a_scenario_are_remarks_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    Path("bad.yaml").write_text("netsim: 1\nnodes: {m: {role: manager, cors: 2}}\n")
    done = RUN.invoke(cli.app, ["run", "bad.yaml"])
    assert done.exit_code == 3
    assert (
        "::error file=bad.yaml,line=2,col=28,title=UNKNOWN_KEY::nodes.m.cors: expected a known" in done.stderr
    )


def test_sarif() -> None:
    """The parts that SARIF 2.1.0 requires, and what code scanning reads (sections 3.13 to 3.30 of the standard)."""
    assert run("--sarif", "found.sarif", "-q")[0] == 99
    log = json.loads(Path("found.sarif").read_text(encoding="utf-8"))
    assert log["version"] == "2.1.0" and log["$schema"].endswith("sarif-2.1.0.json")
    (one,) = log["runs"]
    driver = one["tool"]["driver"]
    assert driver["name"] == "netsim" and driver["version"]
    rules = [rule["id"] for rule in driver["rules"]]
    assert len(set(rules)) == len(rules) == 3
    assert [found["level"] for found in one["results"]] == ["error", "warning", "note"]
    for found in one["results"]:
        assert rules[found["ruleIndex"]] == found["ruleId"] and found["message"]["text"]
        place = found["locations"][0]["physicalLocation"]
        assert place["artifactLocation"] == {"uri": "sub%20dir/tiny.yaml"}
        assert place["region"]["startLine"] >= 1 and place["region"]["startColumn"] >= 1
    assert one["results"][0]["locations"][0]["physicalLocation"]["region"]["startLine"] == FIRST_LINE


@pytest.mark.parametrize("server", [False, True])
def test_only_what_was_asked_for_on_standard_output(server: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if server:
        monkeypatch.setenv("GITHUB_ACTIONS", "true")
        monkeypatch.setenv("GITHUB_STEP_SUMMARY", os.devnull)
    words = ("--sarif", "a.sarif", "--summary", "a.md", "--out", "out")
    assert run(*words, "--quiet")[1] == ""
    printed = run(*words, "--format", "json")[1]
    assert printed == Path("out/result.json").read_text(encoding="utf-8")
    again = json.loads(run(*words, "--format", "json", "--quiet")[1])
    assert again["workloads"] == json.loads(printed)["workloads"]
    done = RUN.invoke(cli.app, ["compare", "out", "out", "--quiet", "--summary", "c.md"])
    assert (done.exit_code, done.stdout) == (0, "")
    done = RUN.invoke(cli.app, ["compare", "out", "out", "--format", "json"])
    assert json.loads(done.stdout)["regression"] is False
