"""YAML files whose every problem is found in one pass, and named with its line, its key and the nearest key that exists.

A reader makes a value of a YAML node. It raises :class:`ValueError` for a value that means nothing; the section around it says where, and
goes on, so that one reading names all problems::

    read_yaml(path, section("suite", {"models": plain(names), "protocol": section("protocol", {"flip": plain(Truth())})}))

The keys of a dataclass that declares settings are :func:`readers_of` it.

A file may come from anybody: it is read within bounds, and a tag that names a Python object is a problem like any other.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from segbench.errors import DataError, SegbenchError, UsageError, nearest
from segbench.files.settings import Schema, Setting, schema_of, settings_of
from segbench.files.text import read_text

LARGEST = 8_000_000  # bytes of a file; one of 100 classes has 10 kB, one of 65 535 with ids and colours 4 MB
DEEPEST = 50
MOST_WRITTEN = 1_000_000  # values that stand in a file; each takes a kilobyte
MOST_VALUES = 100_000  # that aliases make of fewer
MOST_PROBLEMS = 50  # that are listed
LONGEST_PROBLEM = 1000  # characters

Problems = list[str]
Reader = Callable[[yaml.Node, Problems], Any]
Values = dict[str, Any]


@dataclass(frozen=True)
class Key:
    """A reader that says what stands behind its key: ``form``, how the value is written, and ``help``, what it does."""

    read: Reader
    form: str
    help: str

    @property
    def takes(self) -> Schema:
        """As JSON Schema, where what stands behind the key is :func:`plain` data."""
        return self.read.takes if isinstance(self.read, _Plain) else {}

    def __call__(self, node: yaml.Node, problems: Problems) -> Any:
        """The value of a node."""
        return self.read(node, problems)


@dataclass(frozen=True)
class _Plain:
    """Reads a node by what reads plain data."""

    read: Callable[[Any], Any]

    @property
    def takes(self) -> Schema:
        return schema_of(self.read)

    def __call__(self, node: yaml.Node, _: Problems) -> Any:
        return self.read(_constructed(node))


def read_yaml(path: Path, reader: Reader) -> Any:
    """What a reader makes of a file.

    :raises FileNotFoundError: there is none.
    :raises DataError: the file is no YAML, or has problems: each is named with its line.
    """
    try:
        if (size := path.stat().st_size) > LARGEST:
            raise DataError(f"{path}: {size} bytes are more than any such file has")
        text = read_text(path)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise DataError(f"{path}: {error}") from None
    return parse_yaml(text, path, reader)


def parse_yaml(text: str, path: object, reader: Reader) -> Any:
    """What a reader makes of the text of a file, or of what stands in it: JSON is YAML too.

    :raises DataError: it is no YAML, or has problems: each is named with its line.
    """
    try:
        root = yaml.compose(text, Loader=_Bounded)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        way_out = "text that begins with * or holds ? : { } needs quotes"
        raise DataError(f"{path}:{line}: {error.problem}", way_out="" if isinstance(error, _TooMuch) else way_out) from None
    except yaml.YAMLError as error:
        raise DataError(f"{path}: {error}") from None
    if root is None:
        raise DataError(f"{path}: the file is empty")
    written: dict[int, float] = {}
    if (size := _unfolded(root, written)) > max(MOST_VALUES, len(written)):
        raise DataError(f"{path}: its aliases (*name) unfold to {'no end' if math.isinf(size) else f'{size} values'}")
    problems: Problems = []
    read = _caught(reader, root, problems, str(line_of(root)))
    if problems:
        shown = [f"{path}:{_short(problem)}" for problem in problems[:MOST_PROBLEMS]]
        more = len(problems) - len(shown)
        summary = f"{path}: {len(problems)} problem{'s' * (len(problems) > 1)}"
        raise DataError(summary, [*shown, f"and {more} more"] if more else shown)
    return read


class _TooMuch(yaml.MarkedYAMLError):
    """It is YAML, and more than is read."""


class _Bounded(yaml.SafeLoader):
    """Composes nodes that are nested as deep as people write them, and as many as they write."""

    depth = written = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        self.depth += 1
        self.written += 1
        if self.written > MOST_WRITTEN:
            raise _TooMuch(problem=f"it has more than {MOST_WRITTEN} values", problem_mark=self.peek_event().start_mark)  # type: ignore[no-untyped-call]
        if self.depth > DEEPEST:
            raise _TooMuch(problem="it is nested too deep", problem_mark=self.peek_event().start_mark)  # type: ignore[no-untyped-call]
        node = super().compose_node(parent, index)
        self.depth -= 1
        if node is not None:
            node.end_mark = None  # a third of what a node takes, and problems are named by where it begins
        return node


def _unfolded(node: yaml.Node, sizes: dict[int, float]) -> float:
    """How many values a node has when every alias is written out; infinite where one holds itself."""
    if id(node) not in sizes:
        sizes[id(node)] = math.inf
        parts = node.value if isinstance(node, yaml.CollectionNode) else ()
        children = [child for part in parts for child in (part if isinstance(part, tuple) else (part,))]
        sizes[id(node)] = 1 + sum(_unfolded(child, sizes) for child in children)
    return sizes[id(node)]


def _short(problem: str) -> str:
    return problem if len(problem) <= LONGEST_PROBLEM else f"{problem[: LONGEST_PROBLEM // 2]} ... {problem[-LONGEST_PROBLEM // 2 :]}"


def plain(read: Callable[[Any], Any]) -> Reader:
    """A reader that makes something of plain data, whatever it is."""
    return _Plain(read)


def read_value(text: str) -> Any:
    """What a value means that was typed, as YAML has it: numbers are numbers.

    :raises UsageError: it is no YAML.
    """
    try:
        return parse_yaml(text, "this value", plain(lambda value: value)) if text.strip() else None
    except DataError as error:
        raise UsageError(f"{text[:60]!r} is no value: {error}") from None


def _constructed(node: yaml.Node) -> Any:
    """Plain data.

    :raises ValueError: there is a tag of something else, or of what does not stand there.
    """
    try:
        return yaml.SafeLoader("").construct_object(node, deep=True)
    except yaml.MarkedYAMLError as error:
        raise ValueError(error.problem) from None
    except (AttributeError, IndexError, KeyError, OverflowError, TypeError):  # of a tag that does not fit, as in !!bool x
        raise ValueError(f"this is no {str(node.tag).rpartition(':')[2]}") from None


def section(what: str, readers: Mapping[str, Reader], build: Callable[[Values], Any] = lambda values: values) -> Reader:
    """A reader of a mapping with these keys; ``build`` makes something of the values that were given, if all of them could be read."""

    def read(node: yaml.Node, problems: Problems) -> Any:
        if not isinstance(node, yaml.MappingNode):
            raise ValueError(f"{what} must be a mapping of {', '.join(readers)}")
        values: Values = {}
        before = len(problems)
        seen: set[str] = set()
        for key_node, value_node in node.value:
            key, line = str(key_node.value), line_of(key_node)
            if key not in readers:
                problems.append(f"{line}: {what} has no key {key!r}; {nearest(key, readers, 'its keys are')}")
            elif key in seen:
                problems.append(f"{line}: {key!r} is given twice")
            else:
                values[key] = _caught(readers[key], value_node, problems, f"{line}: {key}")
            seen.add(key)
        return build(values) if len(problems) == before else None

    return read


def readers_of(kind: type) -> dict[str, Reader]:
    """The keys of a dataclass that declares settings (:mod:`segbench.files.settings`), and how they are read."""

    def reader(name: str, each: Setting) -> Reader:
        return plain(each.read) if each.section is None else section(name, readers_of(each.section), each.read)

    return {name: reader(name, each) for name, each in settings_of(kind).items()}


def each(reader: Reader) -> Reader:
    """A reader of a list, item by item."""

    def read(node: yaml.Node, problems: Problems) -> list[Any]:
        if not isinstance(node, yaml.SequenceNode):
            raise ValueError("this must be a list")
        return [_caught(reader, item, problems, str(line_of(item))) for item in node.value]

    return read


def named(reader: Reader, *, empty: bool = False) -> Reader:
    """A reader of a mapping whose keys are names that the file makes up; ``empty``: it may hold none, or stand there as nothing."""

    def read(node: yaml.Node, problems: Problems) -> Values:
        if empty and is_null(node):
            return {}
        if not isinstance(node, yaml.MappingNode) or not (node.value or empty):
            raise ValueError("this must be a mapping of names")
        return {str(key.value): _caught(reader, item, problems, f"{line_of(key)}: {key.value}") for key, item in node.value}

    return read


def is_null(node: yaml.Node) -> bool:
    """Whether nothing stands there."""
    return str(node.tag) == "tag:yaml.org,2002:null"


def line_of(node: yaml.Node) -> int:
    """The line that a node begins in, from 1."""
    return int(node.start_mark.line) + 1


def _caught(reader: Reader, node: yaml.Node, problems: Problems, where: str) -> Any:
    try:
        return reader(node, problems)
    except (TypeError, ValueError, SegbenchError) as error:
        problems.append(f"{where}: {error}")
        return None
