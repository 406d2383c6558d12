"""YAML files whose every problem is found in one pass, and named with its line, its key and the nearest key that exists.

A reader makes a value of a YAML node. It raises :class:`ValueError` for a value that means nothing; the section around it says where, and
goes on, so that one reading names all problems::

    read_yaml(path, section("suite", {"models": plain(names), "protocol": section("protocol", {"flip": plain(Truth())})}))

The keys of a dataclass that declares settings are :func:`readers_of` it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from segbench.errors import DataError, SegbenchError, nearest
from segbench.files.settings import Setting, settings_of
from segbench.files.text import read_text

Problems = list[str]
Reader = Callable[[yaml.Node, Problems], Any]
Values = dict[str, Any]


@dataclass(frozen=True)
class Key:
    """A reader that says what stands behind its key: ``form``, how the value is written, and ``help``, what it does."""

    read: Reader
    form: str
    help: str

    def __call__(self, node: yaml.Node, problems: Problems) -> Any:
        """The value of a node."""
        return self.read(node, problems)


def read_yaml(path: Path, reader: Reader) -> Any:
    """What a reader makes of a file.

    :raises FileNotFoundError: there is none.
    :raises DataError: the file is no YAML, or has problems: each is named with its line.
    """
    try:
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
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise DataError(f"{path}:{line}: {error.problem}", way_out="text that begins with * or holds ? : { } needs quotes") from None
    except yaml.YAMLError as error:
        raise DataError(f"{path}: {error}") from None
    if root is None:
        raise DataError(f"{path}: the file is empty")
    problems: Problems = []
    read = _caught(reader, root, problems, str(line_of(root)))
    if problems:
        raise DataError(f"{path}: {len(problems)} problem{'s' * (len(problems) > 1)}", [f"{path}:{problem}" for problem in problems])
    return read


def plain(read: Callable[[Any], Any]) -> Reader:
    """A reader that makes something of plain data, whatever it is."""
    return lambda node, _: read(yaml.SafeLoader("").construct_object(node, deep=True))


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
