"""What several tests need: scenarios from text, runs without files."""

from __future__ import annotations

from pathlib import Path

from netsim.engine.fast.simulate import simulate as compiled
from netsim.engine.record import RunRecord
from netsim.engine.reference import simulate
from netsim.model.build import build_model
from netsim.scenario import Scenario, load

ROOT = Path(__file__).parents[1]
S = 10**12


def scenario_from(text: str, folder: Path) -> Scenario:
    """A scenario whose text may name the profiles zero.yaml, on which no stage costs anything, and tight.yaml, whose
    tables are small and ports few, old.yaml, a kernel that drops entries at random, race.yaml, whose queries for names are
    lost in a quarter of all tries, lasting.yaml, whose IPVS entries outlive their back ends, cores.yaml, where other cores' caches and
    interrupts cost more, short.yaml, whose cores have short backlogs, and narrow.yaml, whose flows have little in their own host's queues."""
    (folder / "zero.yaml").write_text("name: free\nbase: zero\n")
    (folder / "tight.yaml").write_text(
        "name: tight\nbase: stock\nkernel: {version: 6.8, nf_conntrack_max: 20, ip_local_port_first: 40000, ip_local_port_last: 40004}\n"
    )
    (folder / "old.yaml").write_text(
        "name: old\nbase: stock\nkernel: {version: 5.4, conn_reuse_mode: 1, drop_entry: 3, nf_conntrack_max: 60}\n"
    )
    (folder / "lasting.yaml").write_text("name: lasting\nbase: stock\nkernel: {expire_nodest_conn: 0}\n")
    (folder / "race.yaml").write_text("name: race\nbase: stock\nkernel: {insert_race: 0.25}\n")
    (folder / "cores.yaml").write_text(
        "name: cores\nbase: tuned\nstages:\n  nic.rx: {per_packet: 230, poll: 900, cross: 0.9}\n"
        "  ip.recv: {fixed: 450, cross: 1.3}\n  tcp.recv: {fixed: 350, per_byte: 0.11, cross: 0.45}\n"
        "  tcp.send: {fixed: 850, per_byte: 0.06, held: 9000}\n"
    )
    (folder / "short.yaml").write_text(
        "name: short\nbase: tuned\nkernel: {netdev_max_backlog: 9}\nstages:\n  nic.rx: {per_packet: 230, poll: 900}\n"
    )
    (folder / "narrow.yaml").write_text(
        "name: narrow\nbase: stock\nkernel: {tcp_limit_output_bytes: 20000}\n"
    )
    path = folder / "scenario.yaml"
    path.write_text(text)
    return load(path)


def run(scenario: Scenario, replication: int = 0, seed: int = 1) -> RunRecord:
    """One replication of the reference engine, with every single request."""
    return simulate(scenario, build_model(scenario), seed, replication, keep_requests=True)


def run_long(scenario: Scenario, replication: int = 0, seed: int = 1) -> RunRecord:
    """The same by the compiled engine, which gives the same picoseconds (tests/properties/test_engines_agree.py) in a
    hundredth of the time."""
    return compiled(scenario, build_model(scenario), seed, replication, keep_requests=True)
