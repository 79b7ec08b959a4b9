"""The page on the model says what the data say."""

from __future__ import annotations

from helpers import ROOT

from netsim.datapath.describe import page


def test_the_page_is_current() -> None:
    assert (ROOT / "docs" / "model.md").read_text(encoding="utf-8") == page()
