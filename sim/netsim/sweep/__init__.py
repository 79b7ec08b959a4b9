"""Many points of one scenario: ``netsim.sweep("sweep.yaml")`` runs them and gives one tidy table.

The package itself can be called, since its name is also that of the function.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any


class _Callable(ModuleType):
    """A module that runs a sweep when it is called; see `netsim.sweep.run.sweep`."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        from netsim.sweep.run import sweep

        return sweep(*args, **kwargs)


sys.modules[__name__].__class__ = _Callable
