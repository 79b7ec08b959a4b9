"""Settings of all tests: no deadlines, since compiling and busy machines take their time; fixed examples."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("netsim", deadline=None, derandomize=True)
settings.load_profile("netsim")
