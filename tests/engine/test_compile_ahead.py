"""Compiling ahead: what is told, where nothing can be kept, and two processes on one empty folder."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from netsim import compiled
from netsim.cli.progress import Compiling
from netsim.datapath.flows import table
from netsim.datapath.ipvs import dispatch, wrr
from netsim.engine.fast import bulk, cores, entries, faults, loop, memory, udp, units
from netsim.engine.fast.warmup import SMALLEST
from netsim.kept import kept
from netsim.scenario.load import loads

LINE = re.compile(r"netsim: compiled (\d+) of (\d+) functions")


def netsim(folder: Path, *words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "netsim", *words],
        env={**os.environ, "NETSIM_CACHE_DIR": str(folder)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_what_an_entry_calls_is_found_through_names_and_modules() -> None:
    found = compiled.called_by([entries.end_threads])
    assert entries.end_threads in found and cores.kill_threads in found and memory.dropped in found
    assert loop.advance not in found
    assert wrr.start in compiled.called_by([dispatch.other_starts.code])  # by way of a module


OUT = 'from: outside, to: "s:80", users: 1, think: 1ms'


@pytest.mark.parametrize(
    ("unit", "function", "before", "after"),
    [
        (units.bulk, bulk.flow_arrived, "users: 1, think: 1ms", "bulk: 1MB"),
        (units.datagrams, udp.received, OUT, "from: s, to: outside, arrivals: 1/s, datagram: 9B"),
        (units.trouble, faults.troubled_link, "load:", "faults: [{at: 1ms, crash: m-1}]\nload:"),
        (dispatch.other_schedules, wrr.schedule, "work:", "ipvs: {scheduler: wrr}, work:"),
    ],
)
def test_what_few_scenarios_need_is_compiled_for_them_alone(
    unit: compiled.Unit, function: object, before: str, after: str
) -> None:
    assert function in compiled.called_by([unit.code])
    assert function not in compiled.called_by([loop.advance, table._start, table._add_all])
    assert units.needed(loads(SMALLEST)) == []
    assert unit in units.needed(loads(SMALLEST.replace(before, after))) and unit in units.ALL


def test_nothing_is_kept_where_no_folder_can_be_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("NETSIM_CACHE_DIR", str(tmp_path / "file"))
    assert kept(compiled.digest()) is None
    monkeypatch.setenv("NETSIM_CACHE_DIR", str(tmp_path))
    assert kept(compiled.digest()) == str(tmp_path / "netsim" / compiled.digest())


@pytest.mark.parametrize("kept", [True, False])
def test_lines_without_a_terminal(
    kept: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(compiled, "FOLDER", "somewhere" if kept else None)
    lines = Compiling()
    lines.live = False
    for done in range(101):
        lines.told(done, 100)
    first, *rest = capsys.readouterr().err.splitlines()
    assert ("finds it ready" in first) == kept and ("cannot be kept" in first) != kept
    assert rest == ["netsim: compiled 0 of 100 functions", "netsim: compiled 100 of 100 functions"]


@pytest.mark.slow
@pytest.mark.parametrize("writable", [True, False])
def test_two_processes_start_at_once_on_nothing(writable: bool, tmp_path: Path) -> None:
    scenario, folder = tmp_path / "smallest.yaml", tmp_path / "cache"
    scenario.write_text(SMALLEST.replace("10ms", "1s"))
    if not writable:
        folder.write_text("")
    both = [netsim(folder, "run", str(scenario), "--replications", "1", "--format", "json") for _ in range(2)]
    told = [process.communicate() for process in both]
    assert [process.returncode for process in both] == [0, 0], told
    for _, errors in told:
        counts = [tuple(map(int, found)) for found in LINE.findall(errors)]
        assert counts == sorted(counts) and counts[-1][0] == counts[-1][1] > 200
        assert errors.count("cannot be kept") == (not writable)
    assert re.sub(r'"wall_s".*', "", told[0][0]) == re.sub(r'"wall_s".*', "", told[1][0])


def test_what_is_on_disk_is_loaded_without_what_numba_needs_to_compile() -> None:
    program = (
        "import sys; from netsim.engine.fast.warmup import warm_up; warm_up(); "
        "print(sorted({'numba.np.arraymath', 'numba.np.linalg', 'scipy.linalg'} & set(sys.modules)))"
    )
    for _ in range(2):  # the first one may have to compile
        ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ended.stdout == "[]\n"
