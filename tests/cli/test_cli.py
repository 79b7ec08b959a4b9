"""The commands, their exit codes and what they print, with an engine that answers at once."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from fake_results import TEXT, record
from typer.testing import CliRunner

from netsim.cli import main as cli
from netsim.cli.common import parse_overrides
from netsim.cli.init import starter
from netsim.results import run as runner
from netsim.results.files import schema
from netsim.scenario.load import loads

RUN = CliRunner()
ROOT = Path(__file__).parents[2]


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What the engine does: ``errors`` per replication, ``interrupt`` at one, or ``fail``."""
    asked: dict[str, Any] = {"errors": 0, "interrupt": None, "fail": None, "calls": []}

    def simulate(scenario: Any, model: Any, seed: int, replication: int,
                 on_progress: Any = None, stop: Callable[[], bool] | None = None) -> Any:  # fmt: skip
        asked["calls"].append((scenario, seed, replication, on_progress))
        if asked["fail"]:
            raise asked["fail"]
        found = record(replication, asked["errors"])
        if asked["interrupt"] == replication:
            os.kill(os.getpid(), signal.SIGINT)
            assert stop is not None and stop()
            found.complete = False
        return found

    monkeypatch.setattr(runner, "simulator", lambda name: simulate)
    return asked


@pytest.fixture
def file(tmp_path: Path) -> Callable[..., str]:
    def write(*expect: str) -> str:
        lines = "".join(f"  - {text!r}\n" for text in expect)
        path = tmp_path / "tiny.yaml"
        path.write_text(TEXT + (f"expect:\n{lines}" if expect else ""))
        return str(path)

    return write


def invoke(*args: str) -> Any:
    return RUN.invoke(cli.app, list(args))


@pytest.mark.parametrize(
    ("expect", "code"),
    [
        ([], 0),
        (["users.latency.p99 < 1s"], 0),
        (["users.latency.p99 < 1s", "failover.whole_s < 1s"], 98),
        (["users.latency.p99 < 1ms", "failover.whole_s < 1s"], 99),
    ],
)
def test_exit_codes_of_expectations(
    engine: dict[str, Any], file: Callable[..., str], expect: list[str], code: int
) -> None:
    assert invoke("run", file(*expect)).exit_code == code


def test_summary(engine: dict[str, Any], file: Callable[..., str], tmp_path: Path) -> None:
    engine["errors"] = 30
    found = invoke("run", file("users.errors < 0.1%"), "--out", str(tmp_path / "out"))
    assert found.exit_code == 99
    lines = found.stdout.splitlines()
    assert len(lines) <= 24 and all(len(line) <= 130 for line in lines)
    for words in (
        "auto: fast, since about",
        "100/s",
        "timeout 90",
        "worker-1/cpu",
        "fail  users.errors < 0.1%",
        "report.html",
    ):
        assert words in found.stdout, words
    assert "\x1b" not in found.stdout and found.stderr == ""
    assert engine["calls"][0][3] is None  # no terminal, no progress
    written = {"result.json", "timeseries.csv", "stations.csv", "junit.xml", "report.html"}
    assert set(os.listdir(tmp_path / "out")) == written


def test_json_and_quiet(engine: dict[str, Any], file: Callable[..., str]) -> None:
    found = invoke("run", file("users.errors < 1%"), "--format", "json")
    jsonschema.validate(json.loads(found.stdout), schema(), jsonschema.Draft7Validator)
    quiet = invoke("run", file("users.errors < 1%"), "--quiet")
    assert (quiet.exit_code, quiet.output) == (0, "")


def test_options_reach_the_engine(engine: dict[str, Any], file: Callable[..., str]) -> None:
    found = invoke("run", file(), "--seed", "9", "--replications", "2", "--set", "services.web.replicas=1")
    assert found.exit_code == 0
    assert [(seed, k) for _, seed, k, _ in engine["calls"]] == [(9, 0), (9, 1)]
    assert engine["calls"][0][0].services["web"].replicas == 1


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["--engine", "warp"], "expected an engine"),
        (["--check", "20", "--engine", "fast"], "this run uses fast; say --engine flow"),
        (["--set", "duration"], "expected --set PATH=VALUE"),
        (["--replications", "0"], "--replications"),
        (["--seed", "-1"], "--seed"),
        (["--format", "xml"], "xml"),
        (["--colour"], "--colour"),
    ],
)
def test_wrong_usage(engine: dict[str, Any], file: Callable[..., str], args: list[str], words: str) -> None:
    found = invoke("run", file(), *args)
    assert found.exit_code == 2 and words in found.stderr
    assert "Traceback" not in found.output and not engine["calls"]


def test_out_that_cannot_be_written(engine: dict[str, Any], file: Callable[..., str], tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")
    found = invoke("run", file(), "--out", str(tmp_path / "taken"))
    assert found.exit_code == 2 and "cannot write to" in found.stderr and not engine["calls"]


@pytest.mark.parametrize("command", ["run", "check", "trace"])
def test_invalid_scenarios(file: Callable[..., str], command: str) -> None:
    path = file()
    ends = ["outside", "web:8080"] if command == "trace" else []
    found = invoke(command, path, *ends, "--set", "duration=5", "--set", "nodes.worker.cors=2")
    assert found.exit_code == 3
    assert "UNIT duration" in found.stderr and "UNKNOWN_KEY" in found.stderr and "2 problems" in found.stderr
    assert invoke(command, path + ".missing", *ends).exit_code == 3


def test_a_station_that_there_is_not(file: Callable[..., str]) -> None:
    for command in ("run", "check"):
        found = invoke(command, file("stations.worker-9/cpu.utilisation < 80%"))
        assert found.exit_code == 3 and "UNKNOWN_STATION" in found.stderr


def test_ctrl_c(engine: dict[str, Any], file: Callable[..., str], tmp_path: Path) -> None:
    engine["interrupt"] = 2
    found = invoke("run", file("users.latency.p99 < 1ms"), "--out", str(tmp_path / "out"))
    assert found.exit_code == 130 and "2 of 3 replications are complete" in found.stderr
    data = json.loads((tmp_path / "out" / "result.json").read_text())
    assert data["manifest"]["interrupted"] and data["manifest"]["replications"] == 2
    engine["interrupt"] = 0
    found = invoke("run", file(), "--out", str(tmp_path / "none"))
    assert found.exit_code == 130 and not os.listdir(tmp_path / "none")


def test_internal_errors_are_one_line(
    engine: dict[str, Any], file: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NETSIM_DEBUG", raising=False)
    engine["fail"] = ZeroDivisionError("of ours\nsecond line")
    found = invoke("run", file())
    assert found.exit_code == 1 and "Traceback" not in found.output
    assert "internal error: ZeroDivisionError: of ours\n" in found.stderr and "NETSIM_DEBUG=1" in found.stderr
    assert "Traceback" in invoke("--debug", "run", file()).stderr
    monkeypatch.setenv("NETSIM_DEBUG", "1")
    assert "Traceback" in invoke("run", file()).stderr


def test_check(file: Callable[..., str]) -> None:
    found = invoke("check", file("users.errors < 1%"))
    assert found.exit_code == 0
    expected = "3 nodes, 1 network, 1 service, 2 tasks, 1 workload, 1 expectation"
    assert expected in found.stdout
    as_json = json.loads(invoke("check", file(), "--format", "json").stdout)
    assert as_json["valid"] and as_json["tasks"] == 2
    bad = invoke("check", file(), "--format", "json", "--set", "duration=5")
    assert bad.exit_code == 3
    assert json.loads(bad.stdout)["problems"][0]["code"] == "UNIT"


def test_trace(file: Callable[..., str]) -> None:
    found = json.loads(invoke("trace", file(), "outside", "web:8080", "--format", "json").stdout)
    stages = found["request"] + found["reply"]
    assert set(stages[0]) == {"stage", "node", "station", "ns", "bytes_added"}
    assert found["total_ns"] == pytest.approx(sum(stage["ns"] for stage in stages))
    assert "ipvs.hit" in [stage["stage"] for stage in found["request"]]
    text = invoke("trace", file(), "outside", "web:8080").stdout
    assert "request," in text and "reply," in text and "vxlan.encap" in text
    wrong = invoke("trace", file(), "outside", "wob:8080")
    assert wrong.exit_code == 2 and "did you mean web" in wrong.stderr


def test_report(engine: dict[str, Any], file: Callable[..., str], tmp_path: Path) -> None:
    invoke("run", file(), "--out", str(tmp_path / "out"))
    (tmp_path / "out" / "report.html").unlink()
    found = invoke("report", str(tmp_path / "out"))
    assert found.exit_code == 0 and "latency.svg" in found.stdout
    assert (tmp_path / "out" / "report.html").stat().st_size > 1_000_000
    assert invoke("report", str(tmp_path / "nothing")).exit_code == 2
    data = json.loads((tmp_path / "out" / "result.json").read_text())
    del data["workloads"]["users"]["latency_s"]["p99"]
    (tmp_path / "out" / "result.json").write_text(json.dumps(data))
    broken = invoke("report", str(tmp_path / "out"))
    assert broken.exit_code == 2 and "Traceback" not in broken.output


@pytest.mark.parametrize("there", [True, False])
def test_report_in_the_browser(
    engine: dict[str, Any],
    file: Callable[..., str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    there: bool,
) -> None:
    invoke("run", file(), "--out", str(tmp_path / "out"))
    shown: list[str] = []
    monkeypatch.setattr("webbrowser.open", lambda address: shown.append(address) or there)
    found = invoke("report", str(tmp_path / "out"), "--open", "--out", str(tmp_path / "new"))
    assert shown == [(tmp_path / "new" / "report.html").as_uri()]
    assert found.exit_code == 0 and ("no browser is there" in found.output) != there


def test_schema() -> None:
    assert "properties" in json.loads(invoke("schema").stdout)
    assert json.loads(invoke("schema", "--result").stdout) == schema()


def test_init_never_overwrites(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    assert invoke("init", str(path)).exit_code == 0
    assert path.read_text() == starter() and loads(starter()).name == "starter"
    path.write_text("mine")
    found = invoke("init", str(path))
    assert found.exit_code == 2 and path.read_text() == "mine"
    assert invoke("init", str(tmp_path / "no" / "folder.yaml")).exit_code == 2


def test_starter_satisfies_the_json_schema() -> None:
    import yaml

    from netsim.scenario import json_schema

    jsonschema.validate(yaml.safe_load(starter()), json_schema.build(), jsonschema.Draft7Validator)


def test_overrides_keep_what_stands_after_the_first_equals_sign() -> None:
    assert parse_overrides(["a.b=c=d", "e="]) == {"a.b": "c=d", "e": ""}


def test_main_returns_exit_codes(capsys: pytest.CaptureFixture[str], file: Callable[..., str]) -> None:
    assert cli.main(["--version"]) == 0
    assert capsys.readouterr().out.startswith("netsim ")
    assert cli.main(["check", file()]) == 0
    assert cli.main(["nonsense"]) == 2
    assert cli.main([]) in (0, 2)
    assert cli.main(["check", "/nowhere.yaml"]) == 3


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys; from netsim.cli.main import main; main(['--help']);"
        "heavy = {'pandas', 'plotly', 'numba', 'scipy', 'numpy', 'pydantic', 'simpy'} & set(sys.modules);"
        "sys.exit(str(heavy) if heavy else 0)"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    assert found.returncode == 0, found.stderr


def test_a_closed_pipe_is_no_error() -> None:
    command = f"'{sys.executable}' -m netsim schema | head -1; echo ${{PIPESTATUS[0]}}"
    environment = os.environ | {"PYTHONPATH": str(ROOT / "sim")}
    found = subprocess.run(
        ["bash", "-c", command], capture_output=True, text=True, env=environment, check=False
    )
    assert found.stderr == "" and found.stdout.startswith("{")
