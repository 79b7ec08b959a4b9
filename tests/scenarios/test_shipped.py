"""Every shipped scenario: short, commented, and it meets its own expectations."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from helpers import ROOT, S

import netsim
from netsim.audit import audit
from netsim.engine.record import RunRecord
from netsim.engine.reference import simulate
from netsim.model.build import build_model

ALL = sorted((ROOT / "scenarios").glob("*.yaml"))
#: What these show is that they cannot work.
REFUSED = {"address-exhaustion": "addresses", "mtu-blackhole": "mtu"}
SHIPPED = [path for path in ALL if path.stem not in REFUSED]


@pytest.mark.parametrize("path", ALL, ids=lambda p: p.stem)
def test_is_short_and_says_what_it_shows(path: Path) -> None:
    lines = path.read_text(encoding="utf-8").splitlines()
    assert len(lines) < 60 and lines[0].startswith("# ")


@pytest.mark.parametrize("name", list(REFUSED))
def test_is_refused_for_its_limit_and_works_with_the_remedy(name: str) -> None:
    path = ROOT / "scenarios" / f"{name}.yaml"
    found = audit(build_model(netsim.load(path), audit=True))
    assert {limit.id for limit in found if limit.status == "exceeded"} == {REFUSED[name]}
    with pytest.raises(netsim.ModelError):
        build_model(netsim.load(path))
    line = next(line for line in path.read_text().splitlines() if "--set" in line)
    remedy = dict(
        word.partition("=")[::2] for word in line.replace("`", " ").replace(".\n", " ").split() if "=" in word
    )
    remedy = {key: value.rstrip(".") for key, value in remedy.items()}
    again = audit(build_model(netsim.load(path, remedy), audit=True))
    assert not [limit for limit in again if limit.status == "exceeded"]
    build_model(netsim.load(path, remedy))


def test_in_a_black_hole_small_packets_pass_and_large_ones_do_not(tmp_path: Path) -> None:
    scenario = netsim.load(ROOT / "scenarios" / "mtu-blackhole.yaml")
    scenario.tolerate()
    result = netsim.run(scenario)
    found = result.to_dict()
    small, large = found["workloads"]["status"], found["workloads"]["upload"]
    assert small["errors"] == {} and set(large["errors"]) == {"mtu"}
    # Three of seven entries are managers. Entries are taken in turn; whether one is a small or a large request's is
    # chance: five standard deviations of that, one false alarm in a million.
    share = large["errors"]["mtu"] / large["sent"]
    assert abs(share - 3 / 7) < 5 * (3 / 7 * 4 / 7 / large["sent"]) ** 0.5
    drops = {name for name, station in found["stations"].items() if station["drops"]}
    assert drops and all(name.startswith("worker-") and ".rx" in name for name in drops)
    assert [limit["id"] for limit in found["limits"] if limit["status"] == "exceeded"] == ["mtu"]
    result.save(tmp_path)
    assert "larger than the path takes" in (tmp_path / "report.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("path", [p for p in SHIPPED if p.stem != "quickstart"], ids=lambda p: p.stem)
def test_meets_its_expectations(path: Path) -> None:
    found = netsim.run(path).to_dict()
    assert [e["status"] for e in found["expectations"]] == ["pass"] * len(found["expectations"])
    assert found["expectations"] and found["manifest"]["wall_s"] < 45


def short(path: Path) -> dict[str, int]:
    """A few seconds; less where transfers send as fast as they can, unless their line is slow; all of it where clients hardly ask."""
    if path.stem == "idle-900s":
        return {}
    scenario = netsim.load(path)
    fast = any(load.bulk is not None for load in scenario.load.values()) and path.stem != "saturated-uplink"
    least = S if fast else 4 * S
    return {"duration": min(least, scenario.duration), "warmup": min(S, scenario.duration // 4, least // 4)}


LOADED = [path for path in SHIPPED if netsim.load(path).load]


@pytest.mark.parametrize("path", LOADED, ids=lambda p: p.stem)
def test_nothing_is_lost(path: Path) -> None:
    scenario = netsim.load(path).model_copy(update=short(path))
    record: RunRecord = simulate(scenario, build_model(scenario), 7, 3)
    for station in record.stations.values():
        assert station.arrived == station.served + station.dropped + station.inside
    for name, workload in record.workloads.items():
        assert workload.fates.sum() > 100 or scenario.load[name].bulk is not None
        assert workload.fates[:, -1].sum() == 0  # everything ends once arrivals stop


def test_quickstart_offers_at_most_40000_requests_and_is_about_70_percent_busy() -> None:
    scenario = netsim.load(ROOT / "scenarios" / "quickstart.yaml")
    arrivals = scenario.load["users"].arrivals
    assert arrivals is not None and scenario.warmup is not None
    seconds = (scenario.duration + scenario.warmup) / S
    assert arrivals.points[0][1] * seconds * scenario.replications <= 40_000
    found = netsim.run(scenario, replications=2).to_dict()
    assert 0.6 < found["bottleneck"]["utilisation"]["value"] < 0.8
    assert found["workloads"]["users"]["failed"] == 0


@pytest.mark.parametrize(
    "name", ["single-host-bridge", "nat-egress", "east-west", "vlan-macvlan", "multi-homed", "failover-only"]
)
def test_recorded_result_is_what_the_code_gives(name: str) -> None:
    """All numbers but the wall time; versions of libraries may differ too."""
    recorded = json.loads((ROOT / "reports" / name / "result.json").read_text(encoding="utf-8"))
    found = json.loads(json.dumps(netsim.run(ROOT / "scenarios" / f"{name}.yaml").to_dict()))
    for result in (recorded, found):
        result["manifest"].pop("wall_s")
        result["manifest"].pop("versions")
    assert found == recorded


@pytest.mark.parametrize("path", SHIPPED, ids=lambda p: p.stem)
def test_has_a_recorded_result_of_this_file(path: Path) -> None:
    folder = ROOT / "reports" / path.stem
    recorded = json.loads((folder / "result.json").read_text(encoding="utf-8"))
    assert recorded["scenario"] == {"name": path.stem, "sha256": netsim.load(path).sha256}
    assert (folder / "result.json").stat().st_size <= 200_000
    assert (folder / "latency.svg").read_text(encoding="utf-8").startswith("<svg")
