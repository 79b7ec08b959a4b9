"""Attachments to networks: a list of names, or compose's mapping with an address and a gateway priority."""

from __future__ import annotations

import re
from ipaddress import IPv4Address
from typing import Annotated, Any

from pydantic import BeforeValidator, WithJsonSchema

from netsim.scenario.foreign import instead
from netsim.scenario.problems import show, suggest
from netsim.scenario.schema_types import NAME_PATTERN, Name, fail

_WORDS = ("ipv4_address", "gw_priority", "aliases")
ALIAS_PATTERN = r"^[a-zA-Z0-9_]([a-zA-Z0-9_.-]{0,251}[a-zA-Z0-9_])?$"
_NAMES: dict[str, Any] = {"type": "array", "items": {"type": "string", "pattern": NAME_PATTERN}}
_SETTINGS = {
    "type": ["object", "null"],
    "properties": {
        "ipv4_address": {"type": "string", "description": "A fixed address in the network's subnet."},
        "gw_priority": {
            "type": "integer",
            "description": "The network with the highest one gives the default route; 0 without it.",
        },
        "aliases": {
            "type": "array",
            "items": {"type": "string", "pattern": ALIAS_PATTERN},
            "description": "Further names by which DNS finds it on this network.",
        },
    },
    "additionalProperties": False,
}


class Attachment(str):
    """A network's name, with what is said of the attachment: a fixed address, its priority as a gateway, further names."""

    ipv4_address: str | None = None
    gw_priority: int = 0
    aliases: tuple[str, ...] = ()


def _attachments(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    return [_attachment(name, settings) for name, settings in value.items()]


def _attachment(name: Any, settings: Any) -> Any:
    if settings in (None, {}) or not isinstance(name, str):
        return name
    if not isinstance(settings, dict):
        raise fail("WRONG_TYPE", "a mapping, like {ipv4_address: 10.1.0.9}", at=(name,))
    for word in settings:
        if word not in _WORDS:
            help = instead("Attachment", word) or suggest(word, _WORDS, "keys")
            raise fail("UNKNOWN_KEY", "a known key", found=str(word), help=help, at=(name,))
    found = Attachment(name)
    if "ipv4_address" in settings:
        found.ipv4_address = _address(name, settings["ipv4_address"])
    if "gw_priority" in settings:
        found.gw_priority = _priority(name, settings["gw_priority"])
    if "aliases" in settings:
        found.aliases = _aliases(name, settings["aliases"])
    return found


def _aliases(name: str, value: Any) -> tuple[str, ...]:
    at = (name, "aliases")
    if not isinstance(value, list):
        raise fail("WRONG_TYPE", "a list of names", at=at)
    for i, alias in enumerate(value):
        if not isinstance(alias, str) or re.match(ALIAS_PATTERN, alias) is None or alias.endswith("\n"):
            raise fail("BAD_NAME", "a name of letters, digits, dots, - and _", found=show(alias), at=(*at, i))
    return tuple(dict.fromkeys(value))


def _address(name: str, value: Any) -> str:
    try:
        return str(IPv4Address(value if isinstance(value, str) else ""))
    except ValueError:
        raise fail("BAD_ADDRESS", "an IPv4 address, like 10.1.0.9", at=(name, "ipv4_address")) from None


def _priority(name: str, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or abs(value) >= 2**31:
        raise fail("WRONG_TYPE", "a whole number", at=(name, "gw_priority"))
    return value


def _joined(value: Any) -> Any:
    """One network's name, or a mapping of it alone."""
    if not isinstance(value, dict):
        return value
    if len(value) != 1:
        raise fail("BAD_VALUE", "one network for each container", found=show(value))
    return _attachments(value)[0]


Networks = Annotated[
    tuple[Name, ...],
    BeforeValidator(_attachments),
    WithJsonSchema({"anyOf": [_NAMES, {"type": "object", "additionalProperties": _SETTINGS}]}),
]
#: What a container joins: a network, as `docker network connect --ip ... --gw-priority ...` says it.
Joined = Annotated[
    Name,
    BeforeValidator(_joined),
    WithJsonSchema(
        {
            "anyOf": [
                _NAMES["items"],
                {"type": "object", "maxProperties": 1, "additionalProperties": _SETTINGS},
            ]
        }
    ),
]


def fixed_address(network: str) -> str | None:
    """The address that an attachment asks for."""
    return getattr(network, "ipv4_address", None)


def aliases_of(network: str) -> tuple[str, ...]:
    """Further names of who is attached, on that network."""
    return getattr(network, "aliases", ())


def gateway_priority(network: str) -> int:
    """Its priority among the networks that could give the default route."""
    return getattr(network, "gw_priority", 0)
