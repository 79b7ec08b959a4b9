"""SimPy's clock in whole picoseconds."""

from __future__ import annotations

import simpy


class Clockwork(simpy.Environment):
    """An environment whose times are integers; every delay given to it must be one."""

    @property
    def now(self) -> int:
        """Picoseconds on the scenario's clock."""
        return int(self._now)
