"""Compiling the fast engine before it is needed, and saying so when it takes long."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

NOTICE_AFTER_S = 1.5

SMALLEST = """
netsim: 1
duration: 10ms
warmup: 0s
nodes: {m: {role: manager, cores: 1}}
networks: {n: {driver: overlay}}
services: {s: {networks: [n], ports: [{published: 80, target: 80}], work: {cpu: 1us}}}
load: {w: {from: outside, to: "s:80", users: 1, think: 1ms}}
"""


def warm_up(notice: Callable[[], None] | None = None) -> float:
    """Load or compile all of the engine; ``notice()`` is called if that takes more than 1.5 s. Seconds taken."""
    began = time.perf_counter()
    timer = threading.Timer(NOTICE_AFTER_S, notice) if notice is not None else None
    if timer is not None:
        timer.daemon = True
        timer.start()
    try:
        from netsim.engine.fast.simulate import simulate
        from netsim.model.build import build_model
        from netsim.scenario.load import loads

        scenario = loads(SMALLEST)
        simulate(scenario, build_model(scenario), 1, 0)
    finally:
        if timer is not None:
            timer.cancel()
    return time.perf_counter() - began
