"""The packet star in ns.py: a generator, two ports with wires behind them, and a sink for each host."""

from __future__ import annotations

import json
import sys
import time

import simpy
from ns.packet.dist_generator import DistPacketGenerator
from ns.packet.sink import PacketSink
from ns.port.port import Port
from ns.port.wire import Wire

BYTES, HEADERS, GAP_S, RATE_BPS, LATENCY_S = 1448, 42, 11.584e-6, 10e9, 5e-6


def main(hosts: int, until_s: float) -> None:
    """Run the star; print packet-hops and seconds."""
    env = simpy.Environment()
    sinks = []
    for i in range(hosts):
        source = DistPacketGenerator(
            env, f"host {i}", lambda: GAP_S, lambda: BYTES + HEADERS, finish=until_s, flow_id=i
        )
        sink = PacketSink(env, rec_arrivals=False, absolute_arrivals=False, rec_waits=False)
        stages = [Port(env, RATE_BPS, None), Wire(env, lambda: LATENCY_S)]
        stages += [Port(env, RATE_BPS, None), Wire(env, lambda: LATENCY_S), sink]
        source.out = stages[0]
        for stage, following in zip(stages, stages[1:], strict=False):
            stage.out = following
        sinks.append(sink)
    began = time.perf_counter()
    env.run(until_s * 2)
    wall = time.perf_counter() - began
    print(json.dumps({"work": 2 * sum(sum(s.packets_received.values()) for s in sinks), "wall_s": wall}))


if __name__ == "__main__":
    main(int(sys.argv[1]), float(sys.argv[2]))
