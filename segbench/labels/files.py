"""Label spaces in YAML files."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from segbench.errors import DataError
from segbench.files.settings import Truth, one_of, text
from segbench.files.yaml_schema import Key, Reader, each, plain, read_yaml, section
from segbench.labels.space import WORDS, LabelSpace


def read_label_space(path: Path) -> LabelSpace:
    """A label space from YAML: ``name``, ``classes`` (a list of names or of {name, ids, color}), ``void`` (a list of {name, ids, color}).

    :raises DataError: the file is missing or has problems: each is named with its line.
    """
    try:
        space: LabelSpace = read_yaml(path, section("label space", SPACE_KEYS, LabelSpace.from_dict))
    except FileNotFoundError:
        raise DataError(f"{path}: the label file is missing") from None
    return space


def label_reader(read_ids: Callable[[Any], list[int]], more: Mapping[str, Key] = MappingProxyType({})) -> Reader:
    """A reader of a label: a mapping of its name, its ids and how it is drawn, or its name alone."""
    whole = section(
        "label",
        label_keys(read_ids) | dict(more),
        lambda entry: _named({("ids" if key == "id" else key): value for key, value in entry.items()}),
    )

    def read(node: Any, problems: list[str]) -> Any:
        return {"name": str(node.value)} if isinstance(node.value, str) else whole(node, problems)

    return read


def label_keys(read_ids: Callable[[Any], list[int]]) -> dict[str, Key]:
    """The keys of a label, and how they are read."""
    ids_key = Key(
        plain(read_ids), "a whole number, or a list of them", "The bytes that stand for the label. Default: its place in the list."
    )
    return {
        "name": Key(plain(text), "text", "What tables call the label. Required."),
        "ids": ids_key,
        "id": Key(ids_key.read, ids_key.form, "Another spelling of `ids`."),
        "color": Key(plain(color), "[red, green, blue]", "The colour in pictures, and in targets that are written in colours."),
        "category": Key(plain(text), "text", "The group of classes that it belongs to; category IoU is printed where there are groups."),
        "has_instances": Key(plain(Truth()), "true or false", "Whether instance maps tell its objects apart (for iIoU)."),
    }


def void_reader(read_ids: Callable[[Any], list[int]]) -> Reader:
    """A reader of a list of labels of void, which may say what they are where anomalies are looked for."""
    role = Key(plain(one_of("anomaly", "known")), "`anomaly` or `known`", "What its pixels are to `run --ood`. Default: left out.")
    return each(label_reader(read_ids, {"role": role}))


def classes_reader(label: Reader) -> Reader:
    """A reader of a list of labels, no two of which share a name or an id."""

    def read(node: Any, problems: list[str]) -> Any:
        before, entries = len(problems), each(label)(node, problems)
        if len(problems) == before:
            LabelSpace.from_dict({"name": "classes", "classes": entries})
        return entries

    return read


def ids(value: Any) -> list[int]:
    """Label ids: one, or a list of them.

    :raises ValueError: it is something else.
    """
    given = value if isinstance(value, list) else [value]
    if not all(type(i) is int for i in given):
        raise ValueError(f"{value!r} is not a list of whole numbers")
    return given


def byte_ids(value: Any) -> list[int]:
    """Numbers that fit bytes.

    :raises ValueError: one of them does not.
    """
    given = value if isinstance(value, list) else [value]
    if not all(type(i) is int and 0 <= i <= 255 for i in given):
        raise ValueError(f"{value!r} is not a list of bytes 0..255")
    return given


def map_ids(value: Any) -> list[int]:
    """Label ids that can stand in a label map of 8 or 16 bits a pixel.

    :raises ValueError: one of them cannot.
    """
    given = value if isinstance(value, list) else [value]
    if not all(type(i) is int and 0 <= i < WORDS for i in given):
        raise ValueError(f"{value!r} is not a list of ids 0..{WORDS - 1}")
    return given


def color(value: Any) -> tuple[int, ...]:
    """[red, green, blue].

    :raises ValueError: it is something else.
    """
    if not isinstance(value, list) or len(value) != 3:
        raise ValueError(f"{value!r} is not [red, green, blue]")
    return tuple(byte_ids(value))


def _named(entry: dict[str, Any]) -> dict[str, Any]:
    if "name" not in entry:
        raise ValueError(f"{entry} has no name")
    return entry


SPACE_KEYS = {
    "name": Key(plain(str), "text", "What records call the label space. Default: `custom`."),
    "classes": Key(classes_reader(label_reader(ids)), "a list of labels", "The classes that are scored. Required."),
    "void": Key(void_reader(ids), "a list of labels with ids", "Labels whose pixels are not evaluated."),
}
