"""Every built-in driver keeps the contract that the package ships, and the contract can be broken."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from netsim.drivers.base import Driver, Refusal, Stages
from netsim.drivers.bridge import Bridge
from netsim.drivers.macvlan import Macvlan
from netsim.drivers.overlay import Overlay
from netsim.drivers.registry import BUILT_IN, OWN_NETWORKS, driver_of, every_driver
from netsim.scenario.schema_network import Network
from netsim.testing import DriverContract


class TestOverlay(DriverContract):
    driver = BUILT_IN["overlay"]
    networks = (
        {}, {"internal": True}, {"encrypted": True}, {"mtu": 1300, "encrypted": True}, {"mtu": 8950}, {"options": {"dsr": True}},
        {"options": {"encapsulation": "geneve"}}, {"options": {"com.docker.network.driver.mtu": 1430, "encrypted": True}},
        {"options": {"encrypted": ""}},
    )  # fmt: skip
    refused = (
        {"ingress": True, "internal": True}, {"ingress": True, "attachable": True}, {"options": {"encapsulation": "gre"}},
    )  # fmt: skip


class TestBridge(DriverContract):
    driver = BUILT_IN["bridge"]
    networks = (
        {}, {"icc": False}, {"internal": True}, {"mtu": 9000},
        {"options": {"com.docker.network.bridge.enable_ip_masquerade": False}},
        {"options": {"com.docker.network.bridge.gateway_mode_ipv4": "routed"}},
        {"internal": True, "options": {"com.docker.network.bridge.gateway_mode_ipv4": "isolated"}},
    )  # fmt: skip
    refused = (
        {"options": {"com.docker.network.bridge.gateway_mode_ipv4": "isolated"}},
        {"options": {"com.docker.network.bridge.gateway_mode_ipv4": "open"}},
    )


class TestMacvlan(DriverContract):
    driver = BUILT_IN["macvlan"]
    networks = (
        {"parent": "eth0"}, {"parent": "eth0.50"}, {"internal": True}, {"parent": "eth0", "mtu": 1400},
        *({"parent": "eth0", "mode": mode} for mode in ("bridge", "private", "vepa", "passthru")),
    )  # fmt: skip
    refused = ({}, {"parent": "eth0.5000"}, {"parent": "eth 0"})


class TestIpvlan(DriverContract):
    driver = BUILT_IN["ipvlan"]
    networks = (
        {"parent": "eth0"}, {"internal": True},
        *({"parent": "eth0.50", "mode": mode} for mode in ("l2", "l3", "l3s", "l2-private", "l3-vepa")),
    )  # fmt: skip


class TestHost(DriverContract):
    driver = BUILT_IN["host"]


class TestNone(DriverContract):
    driver = BUILT_IN["none"]


class TestIngress(DriverContract):
    driver = driver_of("ingress", OWN_NETWORKS["ingress"])
    attachable = False


class TestDefaultBridge(DriverContract):
    driver = driver_of("bridge", OWN_NETWORKS["bridge"])
    attachable = False


class TestGatewayBridge(DriverContract):
    driver = driver_of("docker_gwbridge", OWN_NETWORKS["docker_gwbridge"])
    attachable = False


def test_every_built_in_driver_is_held_to_it() -> None:
    held = {type(case.driver) for case in DriverContract.__subclasses__()}
    assert {type(driver) for driver in every_driver()} <= held


class Careless(Driver):
    """A driver that keeps nothing of it."""

    name = "careless"
    scope = "swarm"
    stage_bytes = {"vxlan.encap": 50}
    calls = 0

    def gives_gateway(self, network: Network) -> bool:
        return True

    def wants_gateway(self, network: Network) -> bool:
        return True

    def underlay_mtu(self, network: Network, nic_mtu: int) -> int:
        return nic_mtu + 9

    def barrier(self, network: Network, same_node: bool) -> str | None:
        return None if same_node else "No."

    def leave(self, network: Network) -> Stages:
        self.calls += 1
        return ("vxlan.encap", *("veth",) * self.calls, "teleport")

    def egress(self, network: Network, new: bool) -> Stages:
        return ("conntrack.new", "ipvs.new") if new else ("conntrack.new",)

    def egress_reply(self, network: Network) -> Stages:
        return ("conntrack.new",)

    def balance(self, network: Network, new: bool) -> Stages:
        return ("ipvs.new",)


BROKEN = [
    "test_its_stages_have_a_cost", "test_what_is_put_on_is_taken_off", "test_a_full_packet_is_as_large_as_its_stages_make_it",
    "test_only_state_tells_new_from_known_connections", "test_answers_make_no_entries", "test_one_balancer_chooses",
    "test_a_default_route_is_given_or_asked_for", "test_it_answers_the_same_twice", "test_reasons_can_be_read",
    "test_it_says_what_fits_together",
]  # fmt: skip


@pytest.mark.parametrize("rule", BROKEN)
def test_a_careless_driver_breaks_it(rule: str) -> None:
    case: Any = DriverContract()
    case.driver = Careless()
    with pytest.raises(AssertionError):
        getattr(case, rule)()


class Forgetful(Overlay):
    """A tunnel of its own that takes what it is asked for by its own mind: the MTU, and what comes back."""

    name = "forgetful"

    def mtu(self, network: Network, nic_mtu: int) -> int:
        return 1400

    def underlay_mtu(self, network: Network, nic_mtu: int) -> int:
        return 1450

    def undo(self, network: Network) -> Stages:
        return ("conntrack.hit", "ipvs.hit")


class Selfish(Bridge):
    """A bridge that is stretched over the nodes, each of which gives out the same addresses, and whose ports lead nowhere."""

    name = "selfish"
    scope = "swarm"

    def barrier(self, network: Network, same_node: bool) -> str | None:
        return None

    def leave(self, network: Network) -> Stages:
        return ("veth", "bridge", "nic.xmit")

    def enter(self, network: Network) -> Stages:
        return ("nic.rx", "bridge", "veth")

    def publish_reply(self, network: Network) -> Stages:
        return ()


class Vague(Macvlan):
    """A driver on an interface that says no without a place, and tags nothing."""

    name = "vague"

    def refuses(self, network: Network) -> Iterator[Refusal]:
        if network.parent is None:
            yield Refusal((), "no", "", None)

    def inner(self, network: Network) -> Stages:
        return ("macvlan",)

    def leave(self, network: Network) -> Stages:
        return ("macvlan",)

    def enter(self, network: Network) -> Stages:
        return ("macvlan",)


def broken(driver: Driver, networks: tuple[dict[str, Any], ...]) -> set[str]:
    """The rules that it does not keep."""
    case: Any = DriverContract()
    case.driver, case.networks, case.refused = driver, networks, ({},) if driver.on_parent else ()
    case.attachable = driver.scope == "node" or "attachable" in driver.words
    found = set()
    for rule in (name for name in dir(DriverContract) if name.startswith("test_")):
        try:
            getattr(case, rule)()
        except AssertionError:
            found.add(rule)
    return found


def test_drivers_that_look_right_are_caught_by_the_rules_that_they_break() -> None:
    assert broken(Forgetful(), ({"attachable": True},)) == {
        "test_the_mtu_that_is_asked_for_is_given", "test_what_is_rewritten_is_rewritten_back",
    }  # fmt: skip
    assert broken(Selfish(), ({},)) >= {
        "test_it_says_what_fits_together", "test_its_stages_have_a_cost", "test_what_is_rewritten_is_rewritten_back",
    }  # fmt: skip
    assert broken(Vague(), ({"parent": "eth0.50"},)) == {
        "test_it_refuses_with_a_place_and_a_reason", "test_it_says_what_fits_together",
    }  # fmt: skip
