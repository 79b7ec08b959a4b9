"""Docker's order of a container's networks: for names, and for the default route.

What is expected was seen on Docker 20.10.24 in swarm mode: a container on bridges ``zz``, ``aa`` and attachable overlays ``ov``,
``ow`` that it shares with another one, joined and left one by one, asked for the other's name and its default route.
"""

from __future__ import annotations

import pytest

from netsim.drivers.gateway import gateway_network, name_order
from netsim.scenario.schema_network import Network

BRIDGE, OVERLAY = Network(driver="bridge"), Network(driver="overlay", attachable=True)
SEEN = [
    # On these networks: where the name is found, and by which network the outside is reached.
    ("zz", "zz", "zz"),
    ("zz ow", "ow", "zz"),
    ("zz ow aa", "ow", "aa"),
    ("zz ow aa ov", "ov", "aa"),
    ("zz ow ov", "ov", "zz"),
    ("ow ov", "ov", "docker_gwbridge"),
    ("ov", "ov", "docker_gwbridge"),
    ("ov zz", "ov", "zz"),
]


def described(names: str) -> list[tuple[str, Network, int]]:
    return [(name, OVERLAY if name.startswith("o") else BRIDGE, 0) for name in names.split()]


@pytest.mark.parametrize(("on", "name", "route"), SEEN)
def test_names_and_the_default_route_are_where_docker_has_them(on: str, name: str, route: str) -> None:
    assert name_order(described(on), True)[0] == name
    assert gateway_network(described(on)) == route


def test_priority_comes_before_the_name_and_internal_networks_last() -> None:
    found = [("aa", BRIDGE, 0), ("bb", BRIDGE, 1), ("cc", Network(driver="bridge", internal=True), 0)]
    assert name_order(found, True) == ["bb", "aa", "cc"]


def test_without_swarm_mode_overlays_do_not_come_first() -> None:
    """``ResolveName`` orders endpoints by the kind of their network on nodes of a swarm only; what has a gateway comes first."""
    assert name_order(described("ov aa"), False) == ["aa", "ov"]
