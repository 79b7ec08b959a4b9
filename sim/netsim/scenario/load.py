"""From a file to a scenario, with every problem told at once."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from netsim.picoseconds import PS_PER_S
from netsim.scenario.aliases import by_own_names
from netsim.scenario.check import check
from netsim.scenario.foreign import instead
from netsim.scenario.mended import NAMES, mended
from netsim.scenario.problems import PathTuple, Problem, ScenarioError, show, show_path, suggest
from netsim.scenario.schema import Scenario
from netsim.scenario.schema_types import WrittenAs
from netsim.scenario.yaml_marks import Entry, Node, decode, parse, read_text

MAX_PROBLEMS = 100


def load(path: str | os.PathLike[str], overrides: Mapping[str, str] | None = None) -> Scenario:
    """Read a scenario file; ``overrides`` maps paths like ``services.web.replicas`` to YAML values.

    Raises `ScenarioError` with all problems, in the order of the file.
    """
    file = os.fspath(path)
    return loads(read_text(file), file, overrides, source=file)


def loads(
    text: str,
    file: str = "<text>",
    overrides: Mapping[str, str] | None = None,
    *,
    source: str | None = None,
) -> Scenario:
    """Like `load`, from a text; ``file`` is its name in messages."""
    problems: list[Problem] = []
    text = decode(text.encode("utf-8", "surrogatepass"), file)
    tree = parse(text, file, problems)
    for name, value in (overrides or {}).items():
        _override(tree, name, value, problems)
    scenario = _validate(tree, problems)
    known = scenario or mended(tree.plain(), partial(_way, tree))
    if known is not None:
        known, wrong = by_own_names(known)
        for found in ([_problem(tree, *one) for one in wrong], check(known, tree)):
            told = {(p.file, p.line, p.col) for p in problems}
            heard = (p for p in found if scenario is not None or p.code in NAMES)
            problems += [p for p in heard if (p.file, p.line, p.col) not in told]
    if problems:
        raise ScenarioError(_in_order(problems, file))
    assert known is not None
    known._source = source
    known._tree = tree
    extra = "".join(f"\n--set {key}={value}" for key, value in sorted((overrides or {}).items()))
    known._sha256 = hashlib.sha256((text + extra).encode("utf-8", "surrogatepass")).hexdigest()
    return known


def _validate(tree: Node, problems: list[Problem]) -> Scenario | None:
    plain = tree.plain()
    if not isinstance(plain, dict):
        problems.append(_problem(tree, (), "WRONG_TYPE", "a mapping with netsim: 1 and nodes", show(plain)))
        return None
    try:
        scenario = Scenario.model_validate(plain)
    except ValidationError as error:
        problems += [_translate(tree, dict(found)) for found in error.errors(include_url=False)]
        return None
    if scenario.warmup is None:
        scenario = scenario.model_copy(update={"warmup": max(5 * PS_PER_S, scenario.duration // 10)})
    return scenario


def _way(tree: Node, error: Mapping[str, Any]) -> PathTuple:
    """Where one of pydantic's errors is."""
    path = tuple(part for part in error["loc"] if tree_has(tree, error["loc"], part))
    return path + tuple(error["ctx"]["at"]) if error["type"] == "netsim" else path


def _translate(tree: Node, error: dict[str, Any]) -> Problem:
    """One of pydantic's errors as a problem with a place."""
    path = _way(tree, error)
    kind, found = error["type"], show(error.get("input"))
    if kind == "netsim":
        context = error["ctx"]
        node = _at(tree, path)
        of_key = "[key]" in error["loc"]
        value = node.plain() if node is not None and not of_key else error.get("input")
        shown = context["found"] or show(value)
        return _problem(tree, path, context["code"], context["expected"], shown, context["help"], of_key)
    if kind == "extra_forbidden":
        model = model_at(path[:-1])
        words = [field.alias or name for name, field in model.model_fields.items()] if model else []
        help = (instead(model.__name__, path[-1]) if model else None) or suggest(path[-1], words, "keys")
        return _problem(tree, path, "UNKNOWN_KEY", "a known key", show(path[-1]), help, of_key=True)
    if kind == "missing":
        missing = str(error["loc"][-1])
        return _problem(tree, tuple(error["loc"]), "MISSING", f"the key {missing}", "nothing")
    expected = {
        "dict_type": "a mapping",
        "tuple_type": "a list",
        "list_type": "a list",
        "string_type": "a text",
        "int_type": "a whole number",
        "bool_type": "true or false",
    }.get(kind, "another value")
    return _problem(tree, path, "WRONG_TYPE", expected, found, of_key="[key]" in error["loc"])


def tree_has(tree: Node, loc: Sequence[str | int], part: str | int) -> bool:
    """Pydantic names branches of unions and keys in ``loc``; only what the user wrote is a way."""
    node: Node | None = tree
    for step in loc:
        below = node.child(step) if node is not None else None
        if step is part:
            return below is not None
        if below is not None:
            node = below
    return False


def _at(tree: Node, path: PathTuple) -> Node | None:
    node: Node | None = tree
    for part in path:
        node = node.child(part) if node is not None else None
    return node


def model_at(path: PathTuple) -> type[BaseModel] | None:
    """The model that describes the value at a path."""
    found: Any = Scenario
    for part in path:
        if isinstance(found, _Items):
            found = found.model
        elif isinstance(found, type) and issubclass(found, BaseModel):
            fields = {field.alias or name: field for name, field in found.model_fields.items()}
            if part not in fields:
                return None
            field = fields[str(part)]
            found = _model_in(field.annotation, field.metadata)
        if found is None:
            return None
    return found if isinstance(found, type) else None


def _model_in(annotation: Any, metadata: Sequence[Any] = ()) -> Any:
    """The model inside an annotation, through optional, dict and tuple types."""
    for item in metadata:
        if isinstance(item, WrittenAs):
            return item.form
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    inner = getattr(annotation, "__metadata__", ())
    for argument in get_args(annotation):
        found = _model_in(argument, inner)
        if found is not None:
            return _Items(found) if _holds_many(annotation) else found
    return None


def _holds_many(annotation: Any) -> bool:
    return getattr(annotation, "__origin__", None) in (dict, tuple)


class _Items:
    """Marks a mapping or list of models: the next part of the path is a name or a number."""

    def __init__(self, model: Any) -> None:
        self.model = model


def _problem(
    tree: Node,
    path: PathTuple,
    code: str,
    expected: str,
    found: str,
    help: str | None = None,
    of_key: bool = False,
) -> Problem:
    file, line, col = tree.place(path, of_key=of_key)
    return Problem(file, line, col, code, show_path(path), expected, found, help)


def _override(tree: Node, name: str, text: str, problems: list[Problem]) -> None:
    """Put a value from ``--set`` into the tree; its place is the option, not the file."""
    file = f"--set {name}"
    parts = [part for part in name.replace("[", ".[").split(".") if part]
    if not parts:
        problems.append(Problem(file, 0, 0, "BAD_PATH", name, "a path, like services.web.replicas", "none"))
        return
    try:
        value = parse(text, file, problems)
    except ScenarioError as error:
        problems += error.problems
        return
    node = tree
    for index, part in enumerate(parts):
        last = index == len(parts) - 1
        if part.startswith("[") and isinstance(node.value, list):
            number = part[1:-1]
            if not (
                part.endswith("]") and number.isascii() and number.isdigit() and int(number) < len(node.value)
            ):
                found = f"{part} in a list of {len(node.value)}"
                problems.append(Problem(file, 0, 0, "BAD_PATH", name, "an index of the list", found))
                return
            if last:
                node.value[int(number)] = value
            else:
                node = node.value[int(number)]
        elif isinstance(node.value, dict):
            if last:
                place = node.value.get(part)
                node.value[part] = Entry(place.line if place else 1, place.col if place else 1, value)
            else:
                entry = node.value.setdefault(part, Entry(node.line, node.col, Node(file, 0, 0, {})))
                node = entry.value
                if node.value is None:
                    node.value = {}
        else:
            found = show(node.plain())
            problems.append(Problem(file, 0, 0, "BAD_PATH", name, f"a mapping before {part}", found))
            return


def _in_order(problems: list[Problem], file: str) -> list[Problem]:
    """In the order of the file, each once, and no more than anyone reads."""
    unique = sorted(dict.fromkeys(problems), key=lambda p: (p.file != file, p.line, p.col))
    if len(unique) <= MAX_PROBLEMS:
        return unique
    more = f"{len(unique) - MAX_PROBLEMS} more"
    return [*unique[:MAX_PROBLEMS], Problem(file, 0, 0, "MORE", "", "fewer problems", more)]
