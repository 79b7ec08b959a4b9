"""An underlay that carries less than the cards think."""

from __future__ import annotations

import pytest

import netsim
from netsim.audit import audit
from netsim.model.build import build_model
from netsim.model.problems import ModelError
from netsim.scenario import loads

TEXT = """netsim: 1
duration: 4s
warmup: 1s
replications: 1
nodes: {{m: {{role: manager, count: 2, cores: 2}}}}
fabric: {{mtu: {mtu}}}
outside: {{entry: {{nodes: [m-1]}}}}
networks: {{shop: {{{network}}}, door: {{driver: overlay, ingress: true{door}}}}}
services:
  web: {{networks: [shop], ports: ["80:80"], placement: {{constraints: [node.hostname == m-2]}}, calls: [{{to: db, request: 20KiB}}]}}
  db: {{networks: [shop], placement: {{constraints: [node.hostname == m-1]}}}}
load: {{users: {{from: outside, to: "web:80", arrivals: 20/s, response: 500B, timeout: 1s}}}}
"""


def test_full_packets_of_an_overlay_do_not_get_through_and_nobody_is_told() -> None:
    with pytest.raises(ModelError) as error:
        build_model(loads(TEXT.format(mtu=1450, network="", door="")))
    lines = [line for line in str(error.value).splitlines() if "networks.shop" in line]
    assert lines[0].endswith(
        "PACKET_TOO_LARGE networks.shop: expected packets between nodes of at most 1450 bytes, the MTU of the fabric, got 1500 bytes"
    )
    assert lines[1] == "  help: set networks.shop.mtu: 1400"
    scenario = loads(TEXT.format(mtu=1450, network="", door=", mtu: 1400"))
    scenario.tolerate()
    users = netsim.run(scenario).data["workloads"]["users"]
    assert users["completed"] == 0 and users["failed"] > 0


@pytest.mark.parametrize("mtu", [1450, 1500, 9000])
def test_the_network_that_the_help_names_fits(mtu: int) -> None:
    words = "mtu: 1400" if mtu == 1450 else ""
    scenario = loads(TEXT.format(mtu=mtu, network=words, door=f", {words}" if words else ""))
    limits = {
        limit.where.partition(" ")[0]: limit
        for limit in audit(build_model(scenario, audit=True))
        if limit.id == "mtu"
    }
    assert limits["shop"].used == min(mtu, 1500) and limits["shop"].status == "ok"
    assert netsim.run(scenario).data["workloads"]["users"]["failed"] == 0
