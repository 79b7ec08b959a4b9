"""Further names on a network: who asks by one gets what the own name gives, and what cannot be meant is told."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from helpers import scenario_from

from netsim.engine.fast.simulate import simulate
from netsim.model.build import build_model
from netsim.scenario.load import loads
from netsim.scenario.problems import ScenarioError

TEXT = """netsim: 1
duration: 300ms
warmup: 0s
nodes: {m: {role: manager, count: 2, cores: 2}}
networks: {shop: {attachable: true}, back: {attachable: true}}
services:
  web: {replicas: 2, networks: [shop, back], calls: [{to: "CALLED:5432", connection: new}]}
  db: {replicas: 2, networks: {back: {aliases: [database, db.internal]}}, work: {cpu: 100us}}
containers:
  box: {node: m-1, networks: {shop: {aliases: [cache], gw_priority: 1}}}
load:
  in: {from: box, to: web, arrivals: {constant: 200/s}}
  out: {from: web, to: BOX, arrivals: {constant: 100/s}}
"""


def text(called: str = "database", box: str = "cache") -> str:
    return TEXT.replace("CALLED", called).replace("BOX", box)


def told(scenario: str) -> str:
    with pytest.raises(ScenarioError) as error:
        loads(scenario, "s.yaml")
    return str(error.value)


@pytest.mark.parametrize(
    ("called", "means"),
    [
        ("database", "db:5432"),
        ("db.internal", "db:5432"),
        ("tasks.database", "tasks.db:5432"),
        ("db", "db:5432"),
    ],
)
def test_an_alias_means_whose_it_is(called: str, means: str) -> None:
    scenario = loads(text(called))
    assert scenario.services["web"].calls[0].to == means
    assert scenario.load["out"].to == "box" and scenario.containers["box"].networks == ("shop",)


def test_requests_by_an_alias_are_those_by_the_own_name(tmp_path: Path) -> None:
    """To the picosecond, and all of their names, addresses and balancers too."""
    logs = []
    for number, source in enumerate((text("database", "cache"), text("db", "box"))):
        folder = tmp_path / str(number)
        folder.mkdir()
        scenario = scenario_from(source, folder)
        found = simulate(scenario, build_model(scenario), 1, 0, keep_requests=True)
        logs.append(found.workloads)
    for name in ("in", "out"):
        a, b = logs[0][name].log, logs[1][name].log
        assert len(a.finish_ps) and np.array_equal(a.finish_ps, b.finish_ps) and not a.fate.any()


@pytest.mark.parametrize(
    ("written", "wrong", "found", "help"),
    [
        (
            "to: web, arrivals", "to: database, arrivals",
            "s.yaml:12:23: UNKNOWN_TARGET load.in.to: expected a name on a network of box, got database, an alias of db on back",
            "attach box to back, or give db the alias on a network of box",
        ),
        (
            "networks: {back: {aliases", "networks: {shop: {}, back: {aliases",
            "UNSUPPORTED services.web.calls[0].to: expected what can be simulated, got database, an alias of db on back and not on shop",
            "call db by its own name",
        ),
    ],
)  # fmt: skip
def test_an_alias_that_not_all_know_is_told(written: str, wrong: str, found: str, help: str) -> None:
    """Who is on none of its networks does not know it; on a network without it, it might mean somebody else."""
    printed = told(text().replace(written, wrong))
    assert found in printed and f"help: {help}" in printed


def test_two_behind_one_alias_are_told() -> None:
    """DNS would answer with the addresses of both."""
    found = told(text().replace("{shop: {aliases: [cache]", "{back: {aliases: [database]"))
    assert (
        "UNSUPPORTED containers.box.networks.back.aliases" in found
        and "a name of box and of db on back" in found
    )
    assert "UNSUPPORTED services.db.networks.back.aliases" in found
    found = told(text("db", "box").replace("[cache]", "[web]"))
    assert "web as a name of box and of web on shop" in found


def test_all_problems_are_told_at_once() -> None:
    wrong = text("databases", "cache").replace("[cache]", "[outside]") + "faults: [{at: 1s, crash: nobody}]\n"
    found = told(wrong)
    for code in ("UNKNOWN_SERVICE services.web.calls[0].to", "BAD_VALUE containers.box.networks.shop.aliases",
                 "UNKNOWN_TARGET load.out.to", "faults[0].crash"):  # fmt: skip
        assert code in found, code


@pytest.mark.parametrize("aliases", ["database", "[1]", "[a b]", "['']"])
def test_aliases_are_names(aliases: str) -> None:
    found = told(text().replace("[database, db.internal]", aliases))
    assert "services.db.networks.back.aliases" in found and ("BAD_NAME" in found or "WRONG_TYPE" in found)


def test_docker_s_own_networks_keep_none() -> None:
    found = told(text().replace("{shop: {aliases: [cache]", "{bridge: {aliases: [cache]"))
    assert "expected a network that keeps aliases, got cache on bridge" in found


def test_an_update_of_networks_beside_aliases_is_told() -> None:
    base = text()
    for update in ("{db: {networks: [back]}}", "{web: {networks: {back: {aliases: [x]}}}}"):
        found = told(f"{base}operations: [{{at: 100ms, update: {update}}}]\n")
        assert "UNSUPPORTED operations[0].update" in found and "beside aliases" in found


def test_a_container_that_joins_brings_its_alias() -> None:
    base = text("database", "box").replace("{shop: {aliases: [cache], gw_priority: 1}}", "[shop]")
    scenario = loads(
        f"{base}  late: {{from: db, to: helper, arrivals: {{constant: 10/s}}}}\n"
        "operations: [{at: 100ms, connect: {box: {back: {aliases: [helper]}}}}]\n"
    )
    assert scenario.load["late"].to == "box"
