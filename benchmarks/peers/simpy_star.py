"""The packet star in plain SimPy, as its documentation teaches: one process per packet, a resource per transmitter."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Generator
from typing import Any

import simpy

BYTES, HEADERS, GAP_S, RATE_BPS, LATENCY_S = 1448, 42, 11.584e-6, 10e9, 5e-6
SERVICE_S = (BYTES + HEADERS) * 8 / RATE_BPS


def packet(env: simpy.Environment, way: list[simpy.Resource], served: list[int]) -> Generator[Any, Any, None]:
    """Through every transmitter of its way."""
    for transmitter in way:
        with transmitter.request() as turn:
            yield turn
            yield env.timeout(SERVICE_S)
        served[0] += 1
        yield env.timeout(LATENCY_S)


def stream(
    env: simpy.Environment, way: list[simpy.Resource], until_s: float, served: list[int]
) -> Generator[Any, Any, None]:
    """A packet every gap."""
    while env.now < until_s:
        env.process(packet(env, way, served))
        yield env.timeout(GAP_S)


def main(hosts: int, until_s: float) -> None:
    """Run the star; print packet-hops and seconds."""
    env, served = simpy.Environment(), [0]
    cards, ports = ([simpy.Resource(env) for _ in range(hosts)] for _ in range(2))
    for i in range(hosts):
        env.process(stream(env, [cards[i], ports[(i + 1) % hosts]], until_s, served))
    began = time.perf_counter()
    env.run(until_s * 2)
    print(json.dumps({"work": served[0], "wall_s": time.perf_counter() - began}))


if __name__ == "__main__":
    main(int(sys.argv[1]), float(sys.argv[2]))
