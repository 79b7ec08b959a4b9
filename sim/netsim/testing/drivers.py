"""What every network driver has to keep, as tests that a driver's own test file inherits.

    from netsim.testing import DriverContract

    class TestWeave(DriverContract):
        driver = Weave()
        networks = ({}, {"encrypted": True})

Every method that begins with ``test_`` is one rule; pytest and unittest-like runners find them. ``networks``: what
networks of the driver may say, in the words of the scenario, without ``driver``; all of them have to be accepted.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar

from netsim.datapath.paths import ReachError, reach, reply_path, request_path
from netsim.datapath.profile import STAGES
from netsim.datapath.stage import Path
from netsim.drivers import registry
from netsim.drivers.base import Driver, Stages
from netsim.model.build import build_model
from netsim.model.entities import Model
from netsim.scenario.load import loads
from netsim.scenario.schema_network import Network

__all__ = ["DriverContract", "installed"]

NIC_MTUS = (1280, 1500, 9000)
#: What paths have at their ends and at cards, whatever the driver: no driver says these.
ENDS = {stage for stage in STAGES if stage.partition(".")[0] in ("tcp", "udp", "dns", "tls", "nic", "irq")} | {
    "ip.recv", "ip.fragment", "ip.reassemble", "vhost", "rps", "rps.backlog",
}  # fmt: skip
#: ESP pads to four bytes, so an underlay packet may be a little larger than the bytes of the stages say.
MOST_PADDING = 3


@contextmanager
def installed(driver: Driver) -> Iterator[None]:
    """The driver may be named in scenarios while the block runs, as if its package were installed."""
    before = registry.EXTRA.get(driver.name)
    registry.EXTRA[driver.name] = driver
    registry.stage_bytes.cache_clear()
    try:
        yield
    finally:
        registry.EXTRA.pop(driver.name)
        if before is not None:
            registry.EXTRA[driver.name] = before
        registry.stage_bytes.cache_clear()


class DriverContract:
    """The rules. A class that inherits it names its ``driver`` and the ``networks`` to try."""

    driver: ClassVar[Driver]
    networks: ClassVar[Sequence[Mapping[str, Any]]] = ({},)
    #: Networks that the driver has to refuse, in the same words.
    refused: ClassVar[Sequence[Mapping[str, Any]]] = ()
    #: Whether containers may attach to the driver's networks, so that a scenario with some can be made.
    attachable: ClassVar[bool] = True

    def specs(self) -> list[Network]:
        """The networks to try."""
        return [self._spec(words) for words in self.networks]

    def _spec(self, words: Mapping[str, Any]) -> Network:
        return Network.model_validate({"driver": self.driver.name, **words})

    def ways(self, network: Network) -> Iterator[tuple[str, Stages]]:
        """Every list of stages that the driver may be asked for, with the question."""
        d = self.driver
        for new in (True, False):
            for question in (d.balance, d.egress, d.publish, d.to_host, d.from_host):
                yield f"{question.__name__}(new={new})", question(network, new)
        for ask in (d.local, d.leave, d.enter, d.balance_reply, d.egress_reply, d.publish_reply):
            yield ask.__name__, ask(network)

    def test_it_says_who_it_is(self) -> None:
        """It has the parts of a driver, and a name that a scenario can write."""
        assert isinstance(self.driver, Driver)
        assert self.driver.name and self.driver.name == self.driver.name.strip()
        assert self.driver.scope in ("swarm", "node")
        assert self.driver.words <= set(Network.model_fields), "words are those of a network"
        own = registry.BUILT_IN.get(self.driver.name)
        assert own is None or isinstance(self.driver, type(own)), "a built-in driver cannot be replaced"

    def test_it_accepts_what_it_is_for(self) -> None:
        """The networks to try are accepted, and what they say is understood."""
        for network in self.specs():
            assert list(self.driver.refuses(network)) == []
            assert network.mode is None or network.mode in self.driver.modes
            assert set(network.options) <= self.driver.options

    def test_it_refuses_with_a_place_and_a_reason(self) -> None:
        """What it refuses is told at a word that a network has, with what is expected instead."""
        for words in self.refused:
            found = list(self.driver.refuses(self._spec(words)))
            assert found, words
            for refusal in found:
                assert refusal.key and refusal.key[0] in Network.model_fields, words
                assert refusal.code.isupper() and refusal.expected, words

    def test_it_says_what_fits_together(self) -> None:
        """What spans nodes shares its addresses over them; virtual addresses have names and services; a VLAN has its tag."""
        d = self.driver
        assert d.scope != "swarm" or not d.per_node, (
            "the nodes of one network would give out the same addresses"
        )
        assert not d.balanced or (d.named and not d.per_node)
        for network in self.specs():
            across = d.barrier(network, False) is None
            assert not (across and d.per_node and d.addressed), "nodes would give out the same addresses"
            assert not across or d.underlay_mtu(network, 1500) > 0, "what it sends between nodes has a size"
            number = d.vlan(network)
            assert number is None or (0 < number < 4095 and "vlan.tag" in d.leave(network))

    def test_its_stages_have_a_cost(self) -> None:
        """Every stage is one that host profiles know, and none of those that paths have at their ends."""
        for network in self.specs():
            for question, stages in self.ways(network):
                assert set(stages) <= set(STAGES) - ENDS, question
        assert set(self.driver.stage_bytes) <= set(STAGES)

    def test_what_is_put_on_is_taken_off(self) -> None:
        """Bytes that leaving a node adds are those that entering one removes; inside a node nothing is added."""
        added = self.driver.stage_bytes
        for network in self.specs():
            out = sum(added.get(stage, 0) for stage in self.driver.leave(network))
            back = sum(added.get(stage, 0) for stage in self.driver.enter(network))
            assert out == -back >= 0
            assert not any(added.get(stage, 0) for stage in self.driver.local(network))

    def test_a_full_packet_is_as_large_as_its_stages_make_it(self) -> None:
        """The underlay's packet is the endpoint's with what the stages add (VLAN tags are not part of an MTU)."""
        for network in self.specs():
            for nic_mtu in NIC_MTUS:
                inner, outer = (f(network, nic_mtu) for f in (self.driver.mtu, self.driver.underlay_mtu))
                assert inner > 0
                if outer:
                    added = self.driver.stage_bytes
                    put_on = sum(
                        added.get(s, 0) for s in self.driver.leave(network) if not s.startswith("vlan.")
                    )
                    assert 0 <= outer - inner - put_on <= MOST_PADDING

    def test_the_mtu_that_is_asked_for_is_given(self) -> None:
        """The word ``mtu`` is that of the endpoints, on any card."""
        for network in self.specs():
            asked = network.model_copy(update={"mtu": 1234})
            if self.driver.addressed:
                assert {self.driver.mtu(asked, nic_mtu) for nic_mtu in NIC_MTUS} == {1234}

    def test_what_is_rewritten_is_rewritten_back(self) -> None:
        """A translated packet's answer meets the same translations, and a driver that carries published ports has a way for them."""
        d = self.driver
        for network in self.specs():
            ways = [
                (d.egress(network, False), d.egress_reply(network)),
                (d.publish(network, False), d.publish_reply(network)),
                (d.balance(network, False), d.balance_reply(network)),
                (d.to_host(network, False), d.from_host(network, False)),
            ]
            for there, back in ways:
                assert _translations(there) == _translations(back)
            if d.publishes:
                assert d.publish(network, False) and d.publish_reply(network)

    def test_only_state_tells_new_from_known_connections(self) -> None:
        """The first packet of a connection takes the same way; only lookups become entries."""
        d = self.driver
        for network in self.specs():
            for question in (d.balance, d.egress, d.publish, d.to_host, d.from_host):
                first = [s.replace(".new", ".hit") for s in question(network, True)]
                assert first == list(question(network, False))
                assert not any(s.endswith(".new") for s in question(network, False))

    def test_answers_make_no_entries(self) -> None:
        """What goes back finds the connection's entries there."""
        for network in self.specs():
            for question, stages in self.ways(network):
                if "reply" in question:
                    assert not any(stage.endswith(".new") for stage in stages), question

    def test_one_balancer_chooses(self) -> None:
        """A driver with virtual addresses has exactly one stage that chooses; others have none."""
        for network in self.specs():
            chooses = [s for s in self.driver.balance(network, True) if s == "ipvs.new"]
            assert len(chooses) == (1 if self.driver.balanced else 0)

    def test_a_default_route_is_given_or_asked_for(self) -> None:
        """Not both; and an internal network does neither."""
        for network in self.specs():
            gives, wants = self.driver.gives_gateway(network), self.driver.wants_gateway(network)
            assert not (gives and wants)
            shut = network.model_copy(update={"internal": True})
            assert self.driver.name == "host" or not self.driver.gives_gateway(shut)
            assert not self.driver.wants_gateway(shut)

    def test_it_answers_the_same_twice(self) -> None:
        """A driver keeps no state: paths are made once and kept."""
        for network in self.specs():
            assert list(self.ways(network)) == list(self.ways(network))
            for same in (True, False):
                assert self.driver.barrier(network, same) == self.driver.barrier(network, same)

    def test_reasons_can_be_read(self) -> None:
        """Why there is no way is a text that follows the network's name."""
        for network in self.specs():
            found = [self.driver.barrier(network, same) for same in (True, False)]
            for why in (*found, self.driver.host_barrier(network)):
                assert why is None or (why and why[0].islower() and not why.endswith("."))

    def test_containers_reach_each_other_as_it_says(self) -> None:
        """In a scenario: where there is no barrier there is a path and an answer; where there is one, a reason."""
        if not self.attachable:
            return
        for model, network in self._models():
            for target, same in (("near", True), ("far", False)):
                why = self.driver.barrier(network, same)
                if why is None and not (same and self.driver.hairpin(network)):
                    for path in _both(model, "one", target):
                        _whole(path)
                elif why is not None:
                    _refused(model, "one", target, why)

    def test_the_outside_is_reached_by_the_default_route(self) -> None:
        """In a scenario: whoever has a default route reaches the outside, nobody else does."""
        if not self.attachable:
            return
        for model, network in self._models():
            routed = self.driver.gives_gateway(network) or self.driver.wants_gateway(network)
            assert (model.tasks["one"].egress is not None) == routed
            if routed:
                there, back = _both(model, "one", "outside")
                assert there.stages[0].stage == "tcp.send" and back.stages[-1].stage == "tcp.recv"
            else:
                _refused(model, "one", "outside", "no way to outside")

    def _models(self) -> Iterator[tuple[Model, Network]]:
        """A scenario for each network to try: two containers on one node, one on another."""
        with installed(self.driver) if self.driver.name not in registry.drivers() else _as_it_is():
            for words, network in zip(self.networks, self.specs(), strict=True):
                yield build_model(loads(_scenario(self.driver, words))), network


@contextmanager
def _as_it_is() -> Iterator[None]:
    yield


def _scenario(driver: Driver, words: Mapping[str, Any]) -> str:
    import json

    said = {"driver": driver.name, **({"attachable": True} if "attachable" in driver.words else {}), **words}
    own = driver.name in ("host", "none", "bridge", "docker_gwbridge") and not words and not driver.addressed
    name = driver.name if own else "net"
    networks = {} if own else {"net": said}
    containers = {
        who: {"node": node, "networks": [name]}
        for who, node in (("one", "m-1"), ("near", "m-1"), ("far", "m-2"))
    }
    nodes = {"m": {"role": "manager", "count": 2, "nic": {"mtu": 9000}}}
    return json.dumps({"netsim": 1, "nodes": nodes, "networks": networks, "containers": containers})


def _both(model: Model, src: str, target: str) -> tuple[Path, Path]:
    found = reach(model, src, target)
    dst = found.candidates[0]
    return request_path(model, found, src, dst, None, True), reply_path(model, found, src, dst, None)


def _translations(stages: Stages) -> list[str]:
    return sorted(stage for stage in stages if stage.startswith("nat."))


def _whole(path: Path) -> None:
    """From one socket to another, with room for payload, and nothing left around it."""
    assert path.stages[0].stage == "tcp.send" and path.stages[-1].stage == "tcp.recv"
    assert path.mss_bytes > 0
    around = [stage.bytes_added for stage in path.stages]
    assert sum(around) == around[0], "only the segment's own headers are left at the receiver"


def _refused(model: Model, src: str, target: str, why: str) -> None:
    try:
        found = reach(model, src, target)
    except ReachError as error:
        assert why in str(error)
    else:
        raise AssertionError(f"{src} reaches {target} by {found}, although it {why}")
