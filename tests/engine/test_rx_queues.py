"""One connection over an overlay is one outer UDP flow: its source port is a hash of the inner flow (Linux:
udp_flow_src_port in include/net/udp.h), so the card puts it on one receive queue, and many connections on all."""

from __future__ import annotations

from pathlib import Path

import pytest
from helpers import run, scenario_from

TEXT = """netsim: 1
duration: 1s
warmup: 0s
nodes: {m: {role: manager, count: 2, cores: 4, nic: {rx_queues: 4}}}
networks: {net: {driver: overlay, attachable: true, encrypted: ENCRYPTED}}
containers:
  asks: {node: m-1, networks: [net]}
  answers: {node: m-2, networks: [net], work: {cpu: 10us}}
load: {users: {from: asks, to: answers, arrivals: {constant: 400/s}, request: 20KiB, response: 1KiB, connection: {pool: POOL}}}
"""


@pytest.mark.parametrize("encrypted", ["false", "true"])
@pytest.mark.parametrize(("pool", "queues"), [(1, 1), (100, 4)])
def test_one_flow_stays_on_one_queue_and_many_spread(
    encrypted: str, pool: int, queues: int, tmp_path: Path
) -> None:
    text = TEXT.replace("ENCRYPTED", encrypted).replace("POOL", str(pool))
    stations = run(scenario_from(text, tmp_path)).stations
    for node in ("m-1", "m-2"):
        arrived = [stations[f"{node}/eth0.rx{queue}"].arrived for queue in range(4)]
        assert sum(count > 0 for count in arrived) == queues
        # of 100 flows 25 a queue, standard deviation 4.3: one false alarm in ten million with six of them
        if pool > 1:
            assert max(arrived) < 2 * sum(arrived) / 4
