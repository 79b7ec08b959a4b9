"""Aliases: further names by which DNS finds a service or container on one network (compose's ``aliases``, ``--network name=..,alias=..``).

An engine answers an alias with what it answers the own name with: a service's virtual address, or the addresses of its
tasks, and ``tasks.ALIAS`` with these (``addEndpointNameResolution`` in libnetwork/service_common.go). So once it is known
whose alias somebody asks for, that is the same as to ask for the own name, which is then what the scenario says.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, TypeVar

from netsim.scenario.problems import PathTuple
from netsim.scenario.schema_attach import aliases_of
from netsim.scenario.schema_load import Load
from netsim.scenario.schema_work import LOCALHOST, TASKS, Call

if TYPE_CHECKING:
    from netsim.scenario.schema import Scenario

#: Way, code, what is expected, what was found, help.
Finding = tuple[PathTuple, str, str, str, str]
#: (network, party) of an alias.
Known = tuple[str, str]
Asks = TypeVar("Asks", Load, Call)
#: Networks on which engines keep no aliases.
WITHOUT = ("bridge", "host", "none")


def by_own_names(scenario: Scenario) -> tuple[Scenario, list[Finding]]:
    """The scenario with own names for aliases in all that calls and loads ask for, and what is wrong with aliases."""
    found = _Aliases(scenario)
    problems = [*found.clashes(), *found.updates()]
    if not found.known:
        return scenario, problems
    services = {
        name: spec.model_copy(update={"calls": found.calls(("services", name), name, spec.calls, problems)})
        for name, spec in scenario.services.items()
    }
    containers = {
        name: spec.model_copy(update={"calls": found.calls(("containers", name), name, spec.calls, problems)})
        for name, spec in scenario.containers.items()
    }
    load = {
        name: found.asked(("load", name, "to"), load.from_, load, problems)
        for name, load in scenario.load.items()
    }
    new = scenario.model_copy(update={"services": services, "containers": containers, "load": load})
    return new, problems


class _Aliases:
    """``known``: of each alias, on which network it is whose."""

    def __init__(self, scenario: Scenario) -> None:
        self.scenario = scenario
        self.own = {*scenario.services, *scenario.containers}
        self.networks: dict[str, set[str]] = {
            **{name: set(spec.networks) for name, spec in scenario.services.items()},
            **{name: set(scenario.container_networks(name)) for name in scenario.containers},
        }
        self.known: dict[str, list[Known]] = {}
        self._said: list[tuple[PathTuple, str, Known]] = []
        for room, parties in (("services", scenario.services), ("containers", scenario.containers)):
            for name, spec in parties.items():
                for network in spec.networks:
                    self._add((room, name, "networks", str(network), "aliases"), network, name)
        for i, operation in enumerate(scenario.operations):
            for name, network in (operation.connect or {}).items():
                self._add(("operations", i, "connect", name, str(network), "aliases"), network, name)
            for name, networks in operation.new_networks():
                if name in self.networks:
                    self.networks[name] |= set(networks)

    def _add(self, path: PathTuple, network: str, party: str) -> None:
        for k, alias in enumerate(aliases_of(network)):
            one = str(network), party
            self._said.append(((*path, k), alias, one))
            if one not in self.known.setdefault(alias, []):
                self.known[alias].append(one)

    def clashes(self) -> Iterator[Finding]:
        """Aliases that mean something else, too, and those where none are kept."""
        taken = {"outside", LOCALHOST, *self.scenario.node_names()}
        for path, alias, (network, party) in self._said:
            others = [p for n, p in self.known[alias] if n == network and p != party]
            if alias in self.own and alias != party and network in self.networks[alias]:
                others.append(alias)
            if network in WITHOUT:
                help = "make a network of your own"
                yield path, "BAD_VALUE", "a network that keeps aliases", f"{alias} on {network}", help
            elif alias in taken:
                help = "give it another alias"
                yield path, "BAD_VALUE", "a name that nothing else has", alias, help
            elif others:
                what = f"{alias} as a name of {party} and of {others[0]} on {network}, among whose addresses DNS takes turns"
                yield path, "UNSUPPORTED", "what can be simulated", what, "give each an alias of its own"

    def updates(self) -> Iterator[Finding]:
        """Aliases come and go with the networks of an update, and nobody follows that."""
        for i, operation in enumerate(self.scenario.operations):
            for name, words in (operation.update or {}).items():
                new = words.get("networks")
                given = isinstance(new, dict) and any(
                    isinstance(settings, dict) and "aliases" in settings for settings in new.values()
                )
                had = any(party == name for found in self.known.values() for _, party in found)
                if given or (new is not None and had):
                    path = ("operations", i, "update", name, "networks")
                    what, help = f"an update of networks of {name} beside aliases", "leave out the aliases"
                    yield path, "UNSUPPORTED", "what can be simulated", what, help

    def calls(
        self, path: PathTuple, source: str, calls: tuple[Call, ...], problems: list[Finding]
    ) -> tuple[Call, ...]:
        """Calls by own names."""
        return tuple(
            self.asked((*path, "calls", i, "to"), source, call, problems) for i, call in enumerate(calls)
        )

    def asked(self, path: PathTuple, source: str, ask: Asks, problems: list[Finding]) -> Asks:
        """A call or load by its target's own name."""
        name, colon, port = ask.to.partition(":")
        short = name.removeprefix(TASKS) if name not in self.known else name
        party = source.rpartition(".")[0] if source not in self.networks else source
        if short in self.own or short not in self.known or party not in self.networks:
            return ask
        target = self._means(path, party, short, problems)
        if target is None:
            return ask
        return ask.model_copy(update={"to": f"{TASKS if short != name else ''}{target}{colon}{port}"})

    def _means(self, path: PathTuple, source: str, alias: str, problems: list[Finding]) -> str | None:
        """Whose alias it is to a service or container."""
        mine, known = self.networks[source], self.known[alias]
        here = [(network, party) for network, party in known if network in mine]
        if not here:
            network, party = known[0]
            help = f"attach {source} to {network}, or give {party} the alias on a network of {source}"
            found = f"{alias}, an alias of {party} on {network}"
            problems.append((path, "UNKNOWN_TARGET", f"a name on a network of {source}", found, help))
            return None
        parties = {party for _, party in here}
        target = here[0][1]
        without = sorted((mine & self.networks[target]) - {network for network, _ in here})
        if len(parties) > 1 or without:
            what = f"{alias}, an alias of {' and of '.join(sorted(parties))}"
            what += (
                f" on {here[0][0]} and not on {without[0]}"
                if without
                else f" on different networks of {source}"
            )
            help = f"call {target} by its own name"
            problems.append((path, "UNSUPPORTED", "what can be simulated", what, help))
            return None
        return target
