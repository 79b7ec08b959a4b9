"""Networks, and how services attach to them and publish ports."""

from __future__ import annotations

import re
from typing import Annotated, Any, ClassVar

from pydantic import Field

from netsim.scenario.schema_types import (
    Flag,
    Mtu,
    OptionValue,
    PortNumber,
    Strict,
    Subnet,
    Text,
    choice,
    fail,
)
from netsim.scenario.units import UnitError, parse_whole

DRIVERS = ("overlay", "bridge", "macvlan", "ipvlan", "host", "none")
_SHORT_PORT = re.compile(r"(?:(\d{1,9}):)?(\d{1,9})(?:/(\w+))?")


class Network(Strict):
    """A network that services and containers attach to."""

    driver: Text = Field(
        default="overlay",
        description="Network driver: overlay, bridge, macvlan, ipvlan, host, none, or a plugin's name.",
    )
    encrypted: Flag = Field(default=False, description="IPsec between the nodes (overlay only).")
    attachable: Flag = Field(default=False, description="Standalone containers may attach (overlay only).")
    internal: Flag = Field(default=False, description="No way to the outside.")
    ingress: Flag = Field(default=False, description="This network is the swarm's routing mesh.")
    subnet: Subnet | None = Field(default=None, description="IPv4 subnet; without it, from the swarm's pool.")
    mtu: Mtu | None = Field(
        default=None,
        description="Largest IP packet of its containers (bytes); without it the driver's: 1500 less encapsulation.",
    )
    parent: Text | None = Field(default=None, description="Parent interface (macvlan, ipvlan).")
    mode: Text | None = Field(default=None, description="Mode of the driver: l2, l3, bridge, private, ...")
    icc: Flag = Field(default=True, description="Containers on one bridge may talk to each other.")
    options: dict[Text, OptionValue] = Field(
        default={},
        description="Driver options, as in docker network create -o, like com.docker.network.driver.mtu.",
    )

    @classmethod
    def what(cls) -> str:
        return "a network, like {driver: overlay}"


def _port_help(text: str) -> str | None:
    """What to write instead of compose's forms that stand for several ports, or for an address of the node."""
    if re.fullmatch(r"(\d+\.){3}\d+:.*", text):
        return "a port is published on all addresses of a node: leave the address out"
    return "write each port of a range by itself" if re.search(r"\d-\d", text) else None


class Port(Strict):
    """A published port, in compose's long form or as text like 8080:80/tcp."""

    published: PortNumber | None = Field(
        default=None, description="Port outside; without it the swarm picks one from 30000."
    )
    target: PortNumber = Field(description="Port inside the container.")
    mode: Annotated[str, choice("ingress", "host")] = Field(
        default="ingress",
        description="ingress: on every node through the mesh; host: on the task's node only.",
    )
    protocol: Annotated[str, choice("tcp", "udp", "sctp")] = Field(
        default="tcp", description="Transport protocol."
    )

    short_schema: ClassVar[dict[str, Any] | None] = {
        "type": ["string", "integer"],
        "pattern": r"^(\d+:)?\d+(/\w+)?$",
    }

    @classmethod
    def what(cls) -> str:
        return "a port, like 8080:80 or {published: 8080, target: 80}"

    @classmethod
    def short_form(cls, value: Any) -> Any:
        if value is None:
            raise fail("WRONG_TYPE", cls.what())
        if isinstance(value, int) and not isinstance(value, bool):
            value = str(value)
        if not isinstance(value, str):
            return value
        match = _SHORT_PORT.fullmatch(value)
        if match is None:
            raise fail("BAD_VALUE", cls.what(), help=_port_help(value))
        mapping: dict[str, Any] = {"target": int(match[2])}
        if match[1]:
            mapping["published"] = int(match[1])
        if match[3]:
            mapping["protocol"] = match[3]
        for number in (mapping.get("published", 1), mapping["target"]):
            try:
                parse_whole(number, low=1, high=65535)
            except UnitError as error:
                raise fail(error.code, "ports from 1 to 65535") from None
        return mapping
