"""YAML with the place of every key and value, and with nothing in it that can hurt.

PyYAML's parser delivers events; this module builds the tree itself, so that duplicate keys are
noticed, aliases cannot grow without bound, no tag can construct an object, and depth is limited.
Scalars follow YAML 1.2: only ``true`` and ``false`` are booleans, ``8080:80`` and ``012`` are texts.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, NoReturn

import yaml

from netsim.scenario.problems import PathTuple, Problem, ScenarioError, show, show_path

MAX_BYTES = 4 * 2**20
MAX_VALUES = 50_000
MAX_DEPTH = 32

_PLAIN_TAGS = {
    "!",
    *(f"tag:yaml.org,2002:{t}" for t in ("str", "int", "float", "bool", "null", "map", "seq")),
}
_INT = re.compile(r"[-+]?(?:0|[1-9][0-9]{0,29})")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]{1,30}|[0-9]{1,30}(?:\.[0-9]{0,30})?)(?:[eE][-+]?[0-9]{1,4})?")
_SPECIAL_FLOAT = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")
_NOT_TEXT = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]")
_EXPECTED_FOUND = re.compile(r"expected (.+?),? but (?:found|got) (.+)", re.DOTALL)

Scalar = str | int | float | bool | None


@dataclass(slots=True)
class Entry:
    """One key of a mapping: the place of the key and its value."""

    line: int
    col: int
    value: Node


@dataclass(slots=True)
class Node:
    """One value and where it starts (counted from 1). ``size`` counts the values in it, aliases expanded.

    ``quote``: how many characters stand before a text on its line; None if it begins on another one.
    """

    file: str
    line: int
    col: int
    value: Scalar | list[Node] | dict[str, Entry]
    size: int = 1
    quote: int | None = 0

    def plain(self) -> object:
        """The value as plain Python data."""
        if isinstance(self.value, dict):
            return {key: entry.value.plain() for key, entry in self.value.items()}
        if isinstance(self.value, list):
            return [item.plain() for item in self.value]
        return self.value

    def child(self, part: str | int) -> Node | None:
        """The value at one key or index."""
        if isinstance(self.value, dict) and isinstance(part, str) and part in self.value:
            return self.value[part].value
        if isinstance(self.value, list) and isinstance(part, int) and 0 <= part < len(self.value):
            return self.value[part]
        return None

    def place(self, path: PathTuple, *, of_key: bool = False) -> tuple[str, int, int]:
        """File, line and column of the value at ``path`` (or of its key), or of what comes closest to it.

        A value that is itself a mapping or a list, or that is missing, is shown at its key.
        """
        node, at = self, (self.file, self.line, self.col)
        for index, part in enumerate(path):
            entry = node.value.get(part) if isinstance(node.value, dict) and isinstance(part, str) else None
            below = node.child(part)
            if below is None:
                return at
            at = (below.file, below.line, below.col)
            last = index == len(path) - 1
            if entry is not None and (not last or of_key or not _is_filled_scalar(below)):
                at = (below.file, entry.line, entry.col)
            node = below
        return at


def _is_filled_scalar(node: Node) -> bool:
    return not isinstance(node.value, (dict, list)) and node.value is not None


@dataclass(slots=True)
class _Open:
    """A mapping or list whose end has not come yet."""

    node: Node
    anchor: str | None
    key: tuple[str, int, int] | None = None
    wants_key: bool = True
    merges: list[Node] = field(default_factory=list)


def read_text(path: str) -> str:
    """The text of a file; raises `ScenarioError` with the reason if there is none."""
    try:
        with open(path, "rb") as stream:
            raw = stream.read(MAX_BYTES + 1)
    except FileNotFoundError:
        _refuse(path, "NO_FILE", "a scenario file", "no such file")
    except IsADirectoryError:
        _refuse(path, "IS_DIRECTORY", "a scenario file", "a directory")
    except PermissionError:
        _refuse(path, "NO_PERMISSION", "a file that can be read", "permission denied")
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        _refuse(path, "UNREADABLE", "a file that can be read", reason[:1].lower() + reason[1:])
    return decode(raw, path)


def decode(raw: bytes, file: str) -> str:
    """UTF-8 text without control characters, and not too much of it."""
    if len(raw) > MAX_BYTES:
        _refuse(file, "TOO_LARGE", f"a file of at most {MAX_BYTES // 2**20} MiB", "a larger one")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = raw[: error.start].decode("utf-8", "replace")
        if b"\0" in raw:
            _refuse(file, "BINARY", "a text file", "binary data", *_line_col(before, len(before)))
        found = f"the byte 0x{raw[error.start]:02x}"
        _refuse(file, "NOT_UTF8", "text in UTF-8", found, *_line_col(before, len(before)))
    bad = _NOT_TEXT.search(text)
    if bad is not None:
        found = f"the character U+{ord(bad[0]):04X}"
        _refuse(file, "BINARY", "a text file", found, *_line_col(text, bad.start()))
    return text


def parse(text: str, file: str, problems: list[Problem], *, at: tuple[int, int] = (0, 0)) -> Node:
    """The tree of a YAML text.

    What leaves a usable tree (duplicate keys, tags) is added to ``problems``; what does not is raised
    as `ScenarioError`. ``at`` is added to every line and column.
    """
    quick = getattr(
        yaml, "CSafeLoader", None
    )  # libyaml, which PyYAML has nearly everywhere: ten times as fast
    if quick is not None and "\t" not in text:  # it takes tabs
        told: list[Problem] = []
        with suppress(_Elsewhere, ScenarioError, yaml.YAMLError, ValueError, OverflowError):
            found = _Builder(file, told, at).build(_alike(quick(text)))
            problems += told
            return found
    return parse_slowly(text, file, problems, at)  # its words for what is wrong are the better ones


def parse_slowly(text: str, file: str, problems: list[Problem], at: tuple[int, int]) -> Node:
    """The same by PyYAML's own scanner."""
    loader = yaml.SafeLoader("")
    try:
        loader = yaml.SafeLoader(text)
        return _Builder(file, problems, at).build(_events(loader))
    except ScenarioError:
        raise
    except yaml.MarkedYAMLError as error:
        line, col = loader.line, loader.column
        if error.problem_mark is not None:
            line, col = error.problem_mark.line, error.problem_mark.column
        _refuse(file, *_syntax(error), line + 1 + at[0], col + 1 + at[1])
    except (yaml.YAMLError, ValueError, OverflowError):
        line, col = loader.line + 1 + at[0], loader.column + 1 + at[1]
        _refuse(file, "SYNTAX", "valid YAML", "something that is not", line, col)
    finally:
        loader.dispose()


def _events(loader: Any) -> Iterator[yaml.Event]:
    while loader.check_event():
        yield loader.get_event()


class _Elsewhere(Exception):
    """libyaml gives what has no value another place."""


def _alike(loader: Any) -> Iterator[yaml.Event]:
    """libyaml's events, as long as PyYAML's own are the same."""
    for event in _events(loader):
        if isinstance(event, yaml.ScalarEvent) and not event.value and event.style in ("", None):
            raise _Elsewhere
        yield event


class _Builder:
    """Builds the tree from events, without recursion."""

    def __init__(self, file: str, problems: list[Problem], at: tuple[int, int]) -> None:
        self.file = file
        self.problems = problems
        self.at = at
        self.anchors: dict[str, Node] = {}
        self.open: list[_Open] = []
        self.root: Node | None = None
        self.values = 0

    def build(self, events: Iterator[yaml.Event]) -> Node:
        for event in events:
            assert event.start_mark is not None
            line = event.start_mark.line + 1 + self.at[0]
            col = event.start_mark.column + 1 + self.at[1]
            if isinstance(event, yaml.DocumentStartEvent):
                if self.root is not None:
                    _refuse(self.file, "DOCUMENTS", "one YAML document", "a second one", line, col)
            elif isinstance(event, yaml.AliasEvent):
                self._add(self._aliased(event.anchor, line, col), line, col)
            elif isinstance(event, yaml.ScalarEvent):
                self._check_tag(event.tag, line, col)
                node = Node(self.file, line, col, _scalar(event))
                node.quote = {"'": 1, '"': 1, "|": None, ">": None}.get(event.style or "", 0)
                if isinstance(node.value, str) and any("\ud800" <= c <= "\udfff" for c in node.value):
                    _refuse(self.file, "BINARY", "text", "half a character (a surrogate)", line, col)
                if event.anchor:
                    self.anchors[event.anchor] = node
                self._add(node, line, col, raw=event.value)
            elif isinstance(event, (yaml.MappingStartEvent, yaml.SequenceStartEvent)):
                self._check_tag(event.tag, line, col)
                if len(self.open) >= MAX_DEPTH:
                    found = "deeper nesting"
                    _refuse(self.file, "TOO_DEEP", f"at most {MAX_DEPTH} levels", found, line, col)
                value: list[Node] | dict[str, Entry] = {} if isinstance(event, yaml.MappingStartEvent) else []
                self.open.append(_Open(Node(self.file, line, col, value), event.anchor))
            elif isinstance(event, (yaml.MappingEndEvent, yaml.SequenceEndEvent)):
                closed = self.open.pop()
                self._merge(closed)
                if closed.anchor:
                    self.anchors[closed.anchor] = closed.node
                self._add(closed.node, closed.node.line, closed.node.col)
        if self.root is None or self.root.value is None:
            _refuse(self.file, "EMPTY", "a scenario", "an empty file")
        return self.root

    def _add(self, node: Node, line: int, col: int, raw: str | None = None) -> None:
        """Puts a finished value where it belongs: into the innermost open mapping or list."""
        self.values += 1
        if self.values > MAX_VALUES:
            _refuse(self.file, "TOO_LARGE", f"at most {MAX_VALUES} values", "more", line, col)
        if not self.open:
            self.root = node
            return
        parent = self.open[-1]
        if isinstance(parent.node.value, list):
            parent.node.value.append(node)
            self._grow(parent.node, node.size, line, col)
        elif isinstance(parent.node.value, dict):
            if parent.wants_key:
                parent.key = self._key(node, line, col, raw)
            elif parent.key is not None:
                self._put(parent, parent.key, node)
            parent.wants_key = not parent.wants_key

    def _key(self, node: Node, line: int, col: int, raw: str | None) -> tuple[str, int, int] | None:
        if isinstance(node.value, (dict, list)) or node.value is None:
            self._problem("BAD_KEY", "a name as key", show(node.plain()), line, col)
            return None
        return (node.value if isinstance(node.value, str) else raw or show(node.value)), line, col

    def _put(self, parent: _Open, key: tuple[str, int, int], node: Node) -> None:
        assert isinstance(parent.node.value, dict)
        name, line, col = key
        if name == "<<":
            self._collect_merge(parent, node, line, col)
        elif name in parent.node.value:
            first = parent.node.value[name].line
            self._problem("DUPLICATE_KEY", "every key once", f"{show(name)} again", line, col,
                          help=f"first given in line {first}", path=self._path(name))  # fmt: skip
        else:
            parent.node.value[name] = Entry(line, col, node)
            self._grow(parent.node, node.size, line, col)

    def _collect_merge(self, parent: _Open, node: Node, line: int, col: int) -> None:
        sources = node.value if isinstance(node.value, list) else [node]
        for source in sources:
            if isinstance(source.value, dict):
                parent.merges.append(source)
            else:
                self._problem("WRONG_TYPE", "a mapping to merge", show(source.plain()), line, col,
                              path=self._path("<<"))  # fmt: skip

    def _merge(self, closed: _Open) -> None:
        for source in closed.merges:
            assert isinstance(source.value, dict) and isinstance(closed.node.value, dict)
            for name, entry in source.value.items():
                if name not in closed.node.value:
                    closed.node.value[name] = entry
                    self._grow(closed.node, entry.value.size, closed.node.line, closed.node.col)

    def _grow(self, node: Node, by: int, line: int, col: int) -> None:
        node.size += by
        if node.size > MAX_VALUES:
            _refuse(
                self.file,
                "ALIAS_BOMB",
                f"at most {MAX_VALUES} values with aliases expanded",
                "more",
                line,
                col,
            )

    def _aliased(self, anchor: str | None, line: int, col: int) -> Node:
        node = self.anchors.get(anchor or "")
        if node is None:
            if any(o.anchor == anchor for o in self.open):
                _refuse(
                    self.file, "ALIAS_CYCLE", "an alias outside its anchor", f"*{anchor} in itself", line, col
                )
            _refuse(self.file, "UNKNOWN_ALIAS", "an anchor given before", f"*{show(anchor)}", line, col)
        return node

    def _check_tag(self, tag: str | None, line: int, col: int) -> None:
        if tag is not None and tag not in _PLAIN_TAGS:
            shown = show(tag.replace("tag:yaml.org,2002:", "!!"))
            self._problem("TAG", "plain YAML without tags", shown, line, col)

    def _path(self, name: str) -> str:
        parts: list[str | int] = []
        for outer in self.open[:-1]:
            if isinstance(outer.node.value, list):
                parts.append(len(outer.node.value))
            elif outer.key is not None:
                parts.append(outer.key[0])
        return show_path([*parts, name])

    def _problem(
        self,
        code: str,
        expected: str,
        found: str,
        line: int,
        col: int,
        help: str | None = None,
        path: str = "",
    ) -> None:
        self.problems.append(Problem(self.file, line, col, code, path, expected, found, help))


def _scalar(event: yaml.ScalarEvent) -> Scalar:
    """The value of a scalar by YAML 1.2's core schema; quoted ones and ``!!str`` are texts."""
    text: str = event.value
    if not event.implicit[0] or event.style in ("'", '"', "|", ">"):
        return text
    if text in ("", "~", "null", "Null", "NULL"):
        return None
    if text in ("true", "True", "TRUE"):
        return True
    if text in ("false", "False", "FALSE"):
        return False
    if _INT.fullmatch(text):
        return int(text)
    if _FLOAT.fullmatch(text) and not (text.lstrip("+-").isdigit()):
        return float(text)
    if _SPECIAL_FLOAT.fullmatch(text):
        return float(text.lower().replace(".inf", "inf").replace(".nan", "nan"))
    return text


def _syntax(error: yaml.MarkedYAMLError) -> tuple[str, str, str]:
    """Code, expected and found of an error of PyYAML's scanner or parser."""
    problem = error.problem or "something that is not"
    if "'\\t'" in problem:
        return "TAB", "spaces", "a tab"
    match = _EXPECTED_FOUND.fullmatch(problem)
    where = f" ({error.context})" if error.context else ""
    if match is not None:
        return "SYNTAX", f"{match[1]}{where}", show(match[2])
    return "SYNTAX", f"valid YAML{where}", show(problem)


def _line_col(text: str, index: int) -> tuple[int, int]:
    return text.count("\n", 0, index) + 1, index - (text.rfind("\n", 0, index) + 1) + 1


def _refuse(file: str, code: str, expected: str, found: str, line: int = 0, col: int = 0) -> NoReturn:
    raise ScenarioError([Problem(file, line, col, code, "", expected, found)])
