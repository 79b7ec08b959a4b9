"""What can go wrong besides the scenario itself."""

from __future__ import annotations


class EngineError(ValueError):
    """The engine asked for is not there; the text says which are."""


class ResultError(ValueError):
    """A folder or file that holds no readable result; the text says why."""


class Interrupted(KeyboardInterrupt):
    """Stopped before the first replication was complete: there is nothing to report."""
