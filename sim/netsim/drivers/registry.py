"""Every driver by name: the built-in ones, and those of installed packages.

A package adds a driver with an entry point of the group ``netsim.drivers`` that names an instance or a class:

    [project.entry-points."netsim.drivers"]
    weave = "my_package.weave:Weave"

This is how Docker's network plugins are modelled. Its stages are of those that host profiles know.
"""

from __future__ import annotations

from functools import cache
from importlib.metadata import entry_points

from netsim.drivers import gwbridge
from netsim.drivers.base import Driver
from netsim.drivers.bridge import Bridge, DefaultBridge
from netsim.drivers.gwbridge import GatewayBridge
from netsim.drivers.host import Host
from netsim.drivers.ingress import Ingress
from netsim.drivers.ipvlan import Ipvlan
from netsim.drivers.macvlan import Macvlan
from netsim.drivers.none import Nothing
from netsim.drivers.overlay import Overlay
from netsim.scenario.schema_network import Network

GROUP = "netsim.drivers"
DEFAULT_BRIDGE = "bridge"
GWBRIDGE = "docker_gwbridge"
INGRESS = "ingress"

#: By the word that a network's ``driver`` says.
BUILT_IN: dict[str, Driver] = {
    d.name: d for d in (Overlay(), Bridge(), Macvlan(), Ipvlan(), Host(), Nothing())
}
#: Networks that Docker makes itself, by their names.
_OWN: dict[str, Driver] = {
    DEFAULT_BRIDGE: DefaultBridge(),
    GWBRIDGE: GatewayBridge(),
    "host": BUILT_IN["host"],
    "none": BUILT_IN["none"],
}
_MESH = Ingress()
#: How Docker makes them, in the order in which they get their subnets.
OWN_NETWORKS: dict[str, Network] = {
    INGRESS: Network(driver="overlay", ingress=True),
    DEFAULT_BRIDGE: Network(driver="bridge", subnet="172.17.0.0/16"),
    GWBRIDGE: gwbridge.NETWORK,
    "host": Network(driver="host"),
    "none": Network(driver="none"),
}


#: Drivers that are there for a while, as in tests; see `netsim.testing.installed`.
EXTRA: dict[str, Driver] = {}


class DriverError(RuntimeError):
    """An installed package's driver cannot be used; the text says which and why."""


@cache
def _installed() -> dict[str, Driver]:
    found: dict[str, Driver] = {}
    for point in entry_points(group=GROUP):
        try:
            made = point.load()
            driver = made() if isinstance(made, type) else made
        except Exception as error:  # what somebody else's module raises is not for us to know
            raise DriverError(
                f"the network driver {point.name} ({point.value}) cannot be loaded: {error}"
            ) from error
        if not isinstance(driver, Driver):
            raise DriverError(f"{point.value} is no network driver: see netsim.drivers.base")
        found[point.name] = driver
    return found


def drivers() -> dict[str, Driver]:
    """All drivers that a network may name. A built-in one cannot be replaced."""
    return _installed() | EXTRA | BUILT_IN


def driver_of(name: str, network: Network) -> Driver:
    """The driver of a network. Raises ``KeyError`` for a driver that is not there."""
    if name in _OWN:
        return _OWN[name]
    if network.ingress:
        return _MESH
    return BUILT_IN.get(network.driver) or drivers()[network.driver]


def every_driver() -> list[Driver]:
    """All of them once, with those of the networks that Docker makes itself."""
    return [*drivers().values(), _OWN[DEFAULT_BRIDGE], _OWN[GWBRIDGE], _MESH]


@cache
def stage_bytes() -> dict[str, int]:
    """Bytes per packet that the drivers' stages add (or take off)."""
    return {stage: count for driver in every_driver() for stage, count in driver.stage_bytes.items()}
