"""The run loop: engines, overrides, progress, and Ctrl-C."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from typing import Any

import pytest
from fake_results import S, record, scenario

import netsim
from netsim.results import run as runner
from netsim.results.errors import EngineError, Interrupted


class Fake:
    """An engine that remembers what it was asked."""

    def __init__(self, interrupt_at: int | None = None) -> None:
        self.calls: list[tuple[int, int]] = []
        self.interrupt_at = interrupt_at

    def __call__(self, scenario: Any, model: Any, seed: int, replication: int,
                 on_progress: Callable[[int], None] | None = None,
                 stop: Callable[[], bool] | None = None) -> Any:  # fmt: skip
        self.calls.append((seed, replication))
        found = record(replication)
        if on_progress is not None:
            on_progress(-scenario.warmup_ps)
            on_progress(scenario.duration)
        if replication == self.interrupt_at:
            os.kill(os.getpid(), signal.SIGINT)
            assert stop is not None and stop()
            found.complete = False
        return found


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> Fake:
    fake = Fake()
    monkeypatch.setattr(runner, "simulator", lambda name: fake)
    return fake


def test_seed_and_replications(engine: Fake) -> None:
    assert netsim.run(scenario()).data["manifest"]["replications"] == 3
    assert engine.calls == [(1, 0), (1, 1), (1, 2)]
    engine.calls.clear()
    netsim.run(scenario(), seed=7, replications=2)
    assert engine.calls == [(7, 0), (7, 1)]
    with pytest.raises(ValueError, match="1 to 10000 replications"):
        netsim.run(scenario(), replications=0)


def test_progress_rises_to_one(engine: Fake) -> None:
    told: list[float] = []
    netsim.run(scenario(), replications=2, on_progress=told.append)
    assert told == [0.0, 0.5, 0.5, 1.0, 1.0]


def test_engines(engine: Fake) -> None:
    assert netsim.run(scenario(), engine="auto").data["manifest"]["engine"] == "fast"
    assert netsim.run(scenario(), engine="flow").data["manifest"]["engine"] == "flow"
    with pytest.raises(EngineError, match="expected an engine"):
        netsim.run(scenario(), engine="warp")


def test_ctrl_c_keeps_what_is_complete(monkeypatch: pytest.MonkeyPatch) -> None:
    fake = Fake(interrupt_at=1)
    monkeypatch.setattr(runner, "simulator", lambda name: fake)
    before = signal.getsignal(signal.SIGINT)
    found = netsim.run(scenario())
    assert len(fake.calls) == 2
    assert found.interrupted and found.data["manifest"]["replications"] == 1
    assert found.warnings == ["Interrupted: 1 of 3 replications are complete and reported."]
    assert signal.getsignal(signal.SIGINT) is before


def test_ctrl_c_before_the_first_is_complete(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "simulator", lambda name: Fake(interrupt_at=0))
    with pytest.raises(Interrupted):
        netsim.run(scenario())


def test_works_outside_the_main_thread(engine: Fake) -> None:
    found: list[Any] = []
    thread = threading.Thread(target=lambda: found.append(netsim.run(scenario())))
    thread.start()
    thread.join()
    assert found[0].status == "pass"


def test_import_is_light() -> None:
    code = (
        "import sys, netsim; heavy = {'pandas', 'plotly', 'numba', 'scipy', 'numpy', 'pydantic'} & set(sys.modules);"
        "sys.exit(str(heavy) if heavy else 0)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_public_names() -> None:
    for name in netsim.__all__:
        assert getattr(netsim, name) is not None
    assert "run" in dir(netsim)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        netsim.nothing  # noqa: B018
    assert S == 10**12
