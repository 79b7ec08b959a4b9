"""The building blocks of the schema: quantities, names and the base of every model."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv4Network
from typing import Annotated, Any, ClassVar

from pydantic import BaseModel, ConfigDict, GetCoreSchemaHandler, GetJsonSchemaHandler, model_validator
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from netsim.scenario.problems import nearest, show
from netsim.scenario.units import (
    UnitError,
    parse_duration,
    parse_number,
    parse_per_second,
    parse_precision,
    parse_price,
    parse_rate,
    parse_share,
    parse_size,
    parse_whole,
)

NAME = re.compile(r"[a-zA-Z0-9](?:[a-zA-Z0-9_-]{0,61}[a-zA-Z0-9])?")
NAME_PATTERN = r"^[a-zA-Z0-9]([a-zA-Z0-9_-]{0,61}[a-zA-Z0-9])?$"
NAME_EXPECTED = "a name of up to 63 letters, digits, - and _"
_NOBODY = IPv4Network("0.0.0.0/8")  # "this network" (RFC 1122, 3.2.1.3)
#: Docker's words for `docker run --restart`.
RESTART = re.compile(r"no|always|unless-stopped|on-failure(:[1-9][0-9]{0,5})?")
_DECIMAL = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9})?")


def fail(
    code: str,
    expected: str,
    *,
    help: str | None = None,
    found: str | None = None,
    at: tuple[str | int, ...] = (),
) -> PydanticCustomError:
    """An error that the loader turns into a `Problem`; ``at`` is the way to the value from where it is raised."""
    return PydanticCustomError(
        "netsim",
        "expected {expected}",
        {"code": code, "expected": expected, "help": help, "found": found, "at": at},
    )


@dataclass(frozen=True, slots=True, eq=False)
class Value:
    """Metadata of a field: how its value is read, and what an editor may be told about it."""

    parse: Callable[[Any], Any]
    json: dict[str, Any]

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        parse = self.parse

        def validate(value: Any) -> Any:
            try:
                return parse(value)
            except UnitError as error:
                raise fail(error.code, error.expected, help=error.help, found=error.found) from None

        return core_schema.no_info_plain_validator_function(validate)

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return dict(self.json)


def _name(value: Any) -> str:
    if not isinstance(value, str):
        raise UnitError("WRONG_TYPE", NAME_EXPECTED)
    if not NAME.fullmatch(value):
        raise UnitError("BAD_NAME", NAME_EXPECTED)
    return value


def _word(value: Any) -> str:
    if not isinstance(value, str):
        raise UnitError("WRONG_TYPE", "a text")
    if not value.strip() or len(value) > 1000:
        raise UnitError("BAD_VALUE", "a text of 1 to 1000 characters")
    return value


def _expect(value: Any) -> str:
    """``baseline: +5%`` is a mapping to YAML and a sentence to its reader."""
    if isinstance(value, dict):
        if set(value) != {"baseline"} or not isinstance(value["baseline"], (str, int, float)):
            key = next(iter(value), "nothing")
            raise UnitError(
                "WRONG_TYPE",
                "a text, like users.latency.p99 < 50ms, or baseline: +5%",
                found=f"a mapping of {key}",
            )
        return f"baseline: {value['baseline']}"
    return _word(value)


def _label(value: Any) -> str:
    if isinstance(value, (bool, int)) and not isinstance(value, float):
        return show(value)
    return _word(value)


def _option(value: Any) -> str | int | bool:
    if value is None or (isinstance(value, str) and len(value) <= 1000):
        return value or ""
    if isinstance(value, (bool, int)):
        return value
    raise UnitError("WRONG_TYPE", "a text, a whole number, true or false")


def _flag(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    says = {"yes": "true", "on": "true", "no": "false", "off": "false"}.get(str(value).lower())
    raise UnitError("WRONG_TYPE", "true or false", help=f"write {says}" if says else None)


def _restart(value: Any) -> str:
    """YAML 1.1 reads an unquoted ``no`` as false."""
    expected = "no, always, unless-stopped or on-failure, with at most so many tries as in on-failure:5"
    if value is False:
        return "no"
    if not isinstance(value, str):
        raise UnitError("WRONG_TYPE", expected)
    if not RESTART.fullmatch(value):
        near = nearest(value, ("no", "always", "unless-stopped", "on-failure"))
        raise UnitError("BAD_VALUE", expected, help=f"did you mean {near}?" if near else None)
    return value


def _cpus(value: Any) -> float:
    """Compose writes ``cpus: "0.50"`` as a text; a number is as good."""
    expected = "a number of cores above zero, like 0.5"
    number = float(value) if isinstance(value, str) and _DECIMAL.fullmatch(value) else value
    cores = parse_number(number, high=1024, expected=expected)
    if cores <= 0:
        raise UnitError("OUT_OF_RANGE", expected)
    return cores


def _subnet(value: Any) -> str:
    expected = "an IPv4 subnet, like 10.1.0.0/24"
    if not isinstance(value, str):
        raise UnitError("WRONG_TYPE", expected)
    try:
        network = IPv4Network(value, strict=False)
    except ValueError:
        raise UnitError("BAD_SUBNET", expected) from None
    if "/" not in value:
        raise UnitError("BAD_SUBNET", expected, help=f"write {value}/24")
    if str(network) != value:
        raise UnitError("BAD_SUBNET", "a subnet without host bits", help=f"write {network}")
    if network.prefixlen > 30:  # "No available addresses on this pool" (Docker 20.10)
        raise UnitError("BAD_SUBNET", "a subnet of /30 or larger, with room for a gateway and an endpoint")
    if network.is_multicast or network.is_loopback or network.network_address in _NOBODY:
        raise UnitError("BAD_SUBNET", "a subnet of addresses that hosts may have")
    return value


def _mtu(value: Any) -> int:
    expected = "an MTU from 576 to 65535 bytes"
    size = parse_size(value) if isinstance(value, str) else value
    if isinstance(size, bool) or not isinstance(size, int):
        raise UnitError("WRONG_TYPE", expected)
    if not 576 <= size <= 65535:
        raise UnitError("OUT_OF_RANGE", expected)
    return size


def whole(low: int, high: int) -> Value:
    """A whole number inside its limits."""
    return Value(
        lambda v: parse_whole(v, low=low, high=high), {"type": "integer", "minimum": low, "maximum": high}
    )


def number(low: float, high: float) -> Value:
    """A plain number inside its limits."""
    return Value(
        lambda v: parse_number(v, low=low, high=high), {"type": "number", "minimum": low, "maximum": high}
    )


def choice(*valid: str) -> Value:
    """One of a few words."""

    def parse(value: Any) -> str:
        if isinstance(value, str) and value in valid:
            return value
        expected = valid[0] if len(valid) == 1 else f"{', '.join(valid[:-1])} or {valid[-1]}"
        close = nearest(value, valid)
        raise UnitError("BAD_VALUE", expected, help=f"did you mean {close}?" if close else None)

    return Value(parse, {"type": "string", "enum": list(valid)})


def _quantity(parse: Callable[[Any], Any], pattern: str) -> Value:
    return Value(parse, {"type": "string", "pattern": pattern})


_DURATION = r"^([0-9]+(\.[0-9]+)?(ps|ns|us|µs|μs|ms|s|m|h|d))+$"
SIZE_PATTERN = r"^[0-9]+(\.[0-9]+)? *(B|kB|KB|MB|GB|TB|KiB|MiB|GiB|TiB)$"
_NUMBER = r"^[0-9]+(\.[0-9]+)?"

Duration = Annotated[int, _quantity(parse_duration, _DURATION)]
PositiveDuration = Annotated[int, _quantity(lambda v: parse_duration(v, positive=True), _DURATION)]
Rate = Annotated[int, _quantity(parse_rate, _NUMBER + r" *(|k|M|G|T)bit(/s)?$")]
Size = Annotated[int, _quantity(parse_size, SIZE_PATTERN)]
PositiveSize = Annotated[int, _quantity(lambda v: parse_size(v, positive=True), SIZE_PATTERN)]
PerSecond = Annotated[float, _quantity(parse_per_second, _NUMBER + r" */ *(s|m|h)$")]
Price = Annotated[float, _quantity(parse_price, _NUMBER + r" */ *h$")]
Share = Annotated[
    float,
    Value(
        parse_share,
        {
            "anyOf": [
                {"type": "number", "minimum": 0, "maximum": 1},
                {"type": "string", "pattern": _NUMBER + r" *%$"},
            ]
        },
    ),
]
Precision = Annotated[
    float,
    Value(
        parse_precision,
        {
            "anyOf": [
                {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1},
                {"type": "string", "pattern": _NUMBER + r" *%$"},
            ]
        },
    ),
]
Mtu = Annotated[
    int,
    Value(
        _mtu,
        {
            "anyOf": [
                {"type": "integer", "minimum": 576, "maximum": 65535},
                {"type": "string", "pattern": SIZE_PATTERN},
            ]
        },
    ),
]
Cpus = Annotated[
    float,
    Value(
        _cpus, {"anyOf": [{"type": "number", "exclusiveMinimum": 0}, {"type": "string", "pattern": _NUMBER}]}
    ),
]
Restart = Annotated[str, Value(_restart, {"type": "string", "pattern": f"^({RESTART.pattern})$"})]
Flag = Annotated[bool, Value(_flag, {"type": "boolean"})]
Text = Annotated[str, Value(_word, {"type": "string", "minLength": 1})]
ExpectText = Annotated[
    str,
    Value(
        _expect,
        {
            "anyOf": [
                {"type": "string", "minLength": 1},
                {
                    "type": "object",
                    "properties": {"baseline": {"type": "string", "pattern": r"^\+?[0-9]+(\.[0-9]+)? *%$"}},
                    "required": ["baseline"],
                    "additionalProperties": False,
                },
            ]
        },
    ),
]
OptionValue = Annotated[str | int | bool, Value(_option, {"type": ["string", "integer", "boolean", "null"]})]
LabelValue = Annotated[str, Value(_label, {"type": ["string", "integer", "boolean"]})]
Name = Annotated[str, Value(_name, {"type": "string", "pattern": NAME_PATTERN})]
Subnet = Annotated[str, Value(_subnet, {"type": "string", "pattern": r"^[0-9]+(\.[0-9]+){3}/[0-9]+$"})]
PortNumber = Annotated[int, whole(1, 65535)]


def or_words(*words: str) -> Callable[[dict[str, Any]], None]:
    """For ``json_schema_extra``: the field may also be one of these words."""

    def extend(schema: dict[str, Any]) -> None:
        if "anyOf" in schema:
            schema["anyOf"].append({"enum": list(words)})

    return extend


class Strict(BaseModel):
    """Base of every model: nothing unknown, nothing changed later. Nothing at all means all defaults."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    #: JSON Schema of a shorter notation that `short_form` understands.
    short_schema: ClassVar[dict[str, Any] | None] = None

    @model_validator(mode="before")
    @classmethod
    def _from_yaml(cls, value: Any) -> Any:
        value = cls.short_form(value)
        if value is None:
            return {}
        if isinstance(value, (dict, cls)):
            return value
        raise fail("WRONG_TYPE", cls.what())

    @classmethod
    def short_form(cls, value: Any) -> Any:
        """The mapping that a shorter notation stands for; models with such a notation override this."""
        return value

    @classmethod
    def what(cls) -> str:
        """What a value of this model is called in messages."""
        return "a mapping"

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        full = handler(schema)
        return full if cls.short_schema is None else {"anyOf": [cls.short_schema, full]}


class Form(Strict):
    """The words in which a value is written that is kept as something else."""

    def resolve(self) -> Any:
        """The value meant."""
        raise NotImplementedError


@dataclass(frozen=True, slots=True)
class WrittenAs:
    """Marks a value that is written in the words of ``form`` and kept as what ``form().resolve()`` returns.

    Errors inside ``form`` keep the way that the user wrote, and the JSON Schema shows ``form``.
    """

    form: type[Form]

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        form = self.form
        return core_schema.no_info_plain_validator_function(
            lambda value: form.model_validate(value).resolve()
        )

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        full, short = handler(self.form.__pydantic_core_schema__), self.form.short_schema
        return full if short is None or "anyOf" in full else {"anyOf": [short, full]}
