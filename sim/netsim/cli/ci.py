"""What build servers get: a summary page, remarks beside the scenario's lines, a SARIF file."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from netsim.cli.common import UsageError, on_github, say

if TYPE_CHECKING:
    from netsim.results.result import Result


def write_summary(markdown: str, file: Path | None) -> None:
    """Write Markdown to ``file``, and append it to the page that GitHub Actions shows for a step.

    Raises `UsageError` where ``file`` cannot be written.
    """
    from netsim.results.files import write_atomic

    if file is not None:
        _guarded_write(file, markdown, write_atomic)
    page = os.environ.get("GITHUB_STEP_SUMMARY")
    if page:
        try:
            with open(page, "a", encoding="utf-8") as stream:
                stream.write(markdown + "\n")
        except OSError as error:
            say(f"netsim: no summary for GitHub: {(error.strerror or 'an error').lower()}")


def tell_servers(result: Result, summary: Path | None, sarif: Path | None) -> None:
    """Everything about one result: summary, SARIF, and on GitHub Actions remarks (on standard error, which the
    runner reads as well, so that standard output stays what was asked for)."""
    if summary is not None or os.environ.get("GITHUB_STEP_SUMMARY"):
        from netsim.results.markdown import result_markdown

        write_summary(result_markdown(result), summary)
    if sarif is not None:
        from netsim.results.files import write_atomic
        from netsim.results.findings import sarif_text

        _guarded_write(sarif, sarif_text(result), write_atomic)
    if on_github():
        from netsim.results.findings import github_commands

        for line in github_commands(result):
            say(line)


def _guarded_write(file: Path, text: str, write: Callable[[Path, str], None]) -> None:
    try:
        write(file, text)
    except OSError as error:
        raise UsageError(f"cannot write {file}: {(error.strerror or 'an error').lower()}") from None
