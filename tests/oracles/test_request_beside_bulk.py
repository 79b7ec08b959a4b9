"""A small request behind bulk transfers in the queue of one port, against ns-3.

`tests/data/ns3/request_beside_bulk.cc` is the other program, and `request_beside_bulk.json` what it said: datagrams of 186 bytes
at random times (50 a second) through a drop-tail queue that TCP flows fill, packet by packet.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from helpers import ROOT, scenario_from

from netsim.engine.fast.simulate import FastPlane
from netsim.engine.machinery import run_out
from netsim.engine.world import World
from netsim.model.build import build_model

ROWS = json.loads((ROOT / "tests/data/ns3/request_beside_bulk.json").read_text(encoding="utf-8"))["rows"]
CASES = {f"{r['control']}-{r['flows']}-{r['rtt_s']}s-{r['buffer_bytes']}B": r for r in ROWS}

TEXT = """netsim: 1
duration: {seconds}s
warmup: 0s
nodes:
  a: {{role: manager, cores: 8, profile: zero.yaml, nic: {{rate: {fast}bit, ring: 65536}}}}
  b: {{cores: 8, profile: zero.yaml, nic: {{rate: {rate}bit, ring: 65536}}, labels: {{end: right}}}}
  c: {{cores: 8, profile: zero.yaml, nic: {{rate: {fast}bit}}, labels: {{end: left}}}}
fabric: {{latency: {one_way_us}us, buffer: {buffer}B}}
networks: {{net: {{driver: macvlan, parent: eth0}}}}
services:
  src: {{networks: [net], placement: {{constraints: [node.role == manager]}}, work: {{cpu: 0s}}}}
  dst: {{networks: [net], placement: {{constraints: [node.labels.end == right]}}, work: {{cpu: 0s, workers: 64}}}}
  asks: {{networks: [net], placement: {{constraints: [node.labels.end == left]}}, work: {{cpu: 0s}}}}
load:
  mice: {{from: asks, to: dst, arrivals: {{poisson: 50/s}}, request: 100B, response: 1B, connection: {{pool: 64}}}}
{bulk}
"""


WARM_S, MEASURED_S = 20, 100


def waits(
    row: dict[str, float | str], unit_packets: int | None, folder: Path
) -> tuple[npt.NDArray[np.float64], float]:
    """Seconds that requests waited, of those that were not lost on the way, and what the flows carried (bit/s).
    ``unit_packets``: the most that leave together; None: what TSO takes."""
    flows, rtt, rate = int(row["flows"]), float(row["rtt_s"]), float(row["rate_bps"])
    bulk = "\n".join(
        f"  f{k}: {{from: src, to: dst, bulk: 4TiB, start: {100 * k + 1}ms, connection: {{congestion: {row['control']}}}}}"
        for k in range(flows)
    )
    text = TEXT.format(
        seconds=WARM_S + MEASURED_S, fast=round(10 * rate), rate=round(rate), one_way_us=rtt / 2 * 1e6,
        buffer=round(float(row["buffer_bytes"])), bulk=bulk,
    )  # fmt: skip
    scenario = scenario_from(text, folder)
    world = World(scenario, build_model(scenario), scenario.seed, 0, keep_requests=True)
    if unit_packets is not None:
        world.tcp = replace(world.tcp, unit_bytes=unit_packets * 1448)
    record = run_out(FastPlane(world))
    log = record.workloads["mice"].log
    took = (log.finish_ps - log.start_ps)[(log.fate == 0) & (log.start_ps > WARM_S * 10**12)] / 1e12
    found = took - (rtt + (190 + 84) * 8 / rate * 1.1)  # less what it takes alone
    carried = sum(record.workloads[f"f{k}"].goodput_bytes_in_period for k in range(flows)) * 8
    kept = found[found < float(row["buffer_bytes"]) * 8 / rate + 0.001]
    assert len(kept) > 0.98 * len(found)
    return kept, carried / (WARM_S + MEASURED_S)


def shares(found: npt.NDArray[np.float64], row: dict[str, float]) -> list[float]:
    """Mean, median and 99th percentile, each by ns-3's."""
    ours = (found.mean(), np.quantile(found, 0.5), np.quantile(found, 0.99))
    return [a / row[name] for a, name in zip(ours, ("mean_s", "p50_s", "p99_s"), strict=True)]


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
def test_a_small_request_waits_as_packet_by_packet(case: str, tmp_path: Path) -> None:
    """Within 20 %, with units of two packets: ns-3 sends what each acknowledgement lets it."""
    found, carried = waits(CASES[case], 2, tmp_path)
    assert shares(found, CASES[case]) == pytest.approx([1, 1, 1], rel=0.2)
    assert carried == pytest.approx(CASES[case]["goodput_bps"], rel=0.03)


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
def test_units_of_tso_change_that_only_where_the_buffer_is_short(case: str, tmp_path: Path) -> None:
    """A unit of a millisecond (8 packets here) needs room for all of it, so a queue of 81 packets is never as full: there
    the mean is a fifth less than in ns-3, which has no TSO. With a bandwidth-delay product or more it is within 20 %."""
    row = CASES[case]
    found, _ = waits(row, None, tmp_path)
    if row["buffer_bytes"] >= row["rate_bps"] / 8 * row["rtt_s"]:
        assert shares(found, row) == pytest.approx([1, 1, 1], rel=0.2)
    else:
        assert 0.7 < shares(found, row)[0] < 0.9
