"""The report in a real browser: it draws its charts, offline, without errors."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from helpers import ROOT

import netsim

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND", "--virtual-time-budget=10000", "--window-size=1280,3000",
]  # fmt: skip


@pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine")
def test_the_report_draws_its_charts_offline(tmp_path: Path) -> None:
    netsim.load_result(ROOT / "reports" / "quickstart").save(tmp_path)
    page = (tmp_path / "report.html").as_uri()
    command = [str(CHROMIUM), *FLAGS, f"--user-data-dir={tmp_path / 'profile'}", "--dump-dom", page]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    dom = done.stdout
    assert dom.count('class="main-svg"') >= 4  # plotly has drawn
    assert "worker-3/cpu" in dom and "expectations: pass" in dom
    assert "Uncaught" not in done.stderr
    assert "http://" not in dom.split("<script")[0]
