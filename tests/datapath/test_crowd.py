"""What conntrack costs beside other cores and in long chains: the measurements that it was made from, and whole runs."""

from __future__ import annotations

from pathlib import Path

import pytest
from helpers import scenario_from

from netsim.datapath.crowd import crowded_ps
from netsim.datapath.profile import load_profile
from netsim.engine.fast.simulate import simulate as fast
from netsim.engine.reference import simulate as reference
from netsim.model.build import build_model

ENTRIES = 3 * 40  # of one connection each: the host's, the sandbox's, the task's own

TEXT = """netsim: 1
duration: 2s
warmup: 0s
nodes: {{m: {{role: manager, cores: 4, profile: few.yaml, nic: {{rx_queues: 1}}}}}}
outside: {{rtt: 1ms, clients: 40}}
services: {{web: {{ports: [{{published: 8080, target: 80}}], work: {{cpu: 10us}}}}}}
load:
  users: {{from: outside, to: 'web:8080', arrivals: {{constant: 200/s}}, connection: {{pool: 40}}}}
"""


def test_six_cores_lose_as_much_to_each_other_as_was_measured() -> None:
    """XDP bench01: with conntrack 1.82 Mpps on one core and 8.73 on six, without it 3.32 and 19.5."""
    cost = load_profile("stock").cost("conntrack.hit")
    alone, beside = 1000 / 1.82 - 1000 / 3.32, 6000 / 8.73 - 6000 / 19.5
    found = crowded_ps(cost.fixed_ps, cost.per_core_ppt, 5, cost.chain_ps, 0, 1) / cost.fixed_ps
    assert found == pytest.approx(beside / alone, rel=0.02)


@pytest.mark.parametrize("engine", [reference, fast])
def test_look_ups_take_longer_in_a_table_of_few_buckets(engine: object, tmp_path: Path) -> None:
    """After forty connections are open, every request's look-ups meet their entries in 8 buckets: three in receive
    work for the request, and three in the sending thread for the answer, which stay as they are."""
    times = []
    for buckets in (1 << 30, 8):
        (tmp_path / "few.yaml").write_text(
            f"name: few\nbase: stock\nkernel: {{nf_conntrack_buckets: {buckets}}}\n"
        )
        scenario = scenario_from(TEXT.format(), tmp_path)
        log = engine(scenario, build_model(scenario), 1, 0, keep_requests=True).workloads["users"].log  # type: ignore[operator]
        assert all("conntrack.new" in split for split in log.split[:40])
        times.append([split["conntrack.hit"] for split in log.split[-100:]])
    cost = load_profile("stock").cost("conntrack.hit")
    for plain, crowded in zip(*times, strict=True):
        assert plain == 6 * cost.fixed_ps
        assert crowded == plain + 3 * cost.chain_ps * ENTRIES // 8
