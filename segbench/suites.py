"""Suites: what one `segbench run` does, as a YAML file. Presets are suites that come with segbench and leave the models to you.

    models: [enet, segnet]
    weights: {enet: enet.safetensors}      # paths are relative to the file
    dataset: cityscapes
    data: /data/cityscapes
    map: by-name
    protocol: {scales: [0.75, 1.0, 1.25], flip: true}
    out: runs/two

Every problem of a file is found in one pass, and named with its line, its key and the nearest key that exists.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml

from segbench.datasets.mapping import BY_NAME
from segbench.errors import DataError, ProtocolError
from segbench.protocols import Protocol, Size


@dataclass(frozen=True)
class Suite:
    """The arguments of a run; ``None`` leaves the choice to the run. ``protocol`` holds the fields of a Protocol that were given.

    ``map`` is a file of :mod:`segbench.datasets.mapping`, or ``by-name``.
    """

    models: tuple[str, ...] = ()
    weights: Mapping[str, Path] = field(default_factory=dict)
    dataset: str | None = None
    data: Path | None = None
    split: str | None = None
    map: str | None = None
    protocol: Mapping[str, Any] = field(default_factory=dict)
    limit: int | None = None
    repeats: int = 10
    out: Path | None = None
    per_class: bool = False
    save_predictions: bool = False
    gallery: bool = False

    def overridden(self, flags: Mapping[str, Any]) -> Suite:
        """The suite with what the command line said instead; ``None`` and an empty collection say nothing."""
        given = {key: value for key, value in flags.items() if value not in (None, (), {})}
        merged = {key: {**getattr(self, key), **given[key]} for key in ("weights", "protocol") if key in given}
        return replace(self, **{**given, **merged})


def preset_names() -> list[str]:
    """The suites that come with segbench."""
    return sorted(path.name.removesuffix(".yaml") for path in _presets().iterdir() if path.name.endswith(".yaml"))


def read_suite(source: str) -> Suite:
    """The suite of a YAML file, or of a preset's name.

    :raises DataError: there is no such file or preset, or it has problems: each is named with its line.
    """
    path = Path(source)
    if not path.is_file() and source in preset_names():
        path = Path(str(_presets() / f"{source}.yaml"))
    try:
        root = yaml.compose(path.read_text(encoding="utf-8"), Loader=yaml.SafeLoader)
    except FileNotFoundError:
        raise DataError(f"{source}: no such file, nor a preset", way_out=f"presets: {', '.join(preset_names())}") from None
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise DataError(f"{source}: {error}") from None
    values: dict[str, Any] = {}
    problems = list(_read_mapping(root, _KEYS, values, "suite"))
    if problems:
        raise DataError(f"{source}: {len(problems)} problems", [f"{source}:{problem}" for problem in problems])
    return _relative_to(Suite(**values), path.parent)


def _read_mapping(node: yaml.Node | None, readers: Mapping[str, Callable[[Any], Any]], values: dict[str, Any], what: str) -> Iterator[str]:
    """Put the values of a YAML mapping into ``values``; give a line for each problem."""
    if not isinstance(node, yaml.MappingNode):
        yield f"{node.start_mark.line + 1 if node else 1}: {what} must be a mapping of {', '.join(readers)}"
        return
    seen: set[str] = set()
    for key_node, value_node in node.value:
        key, line = str(key_node.value), key_node.start_mark.line + 1
        if key not in readers:
            near = get_close_matches(key, readers, 1, 0.5)
            yield f"{line}: {what} has no key {key!r}; " + (f"did you mean {near[0]!r}?" if near else f"its keys are {', '.join(readers)}")
        elif key in seen:
            yield f"{line}: {key!r} stands here for the second time"
        elif key == "protocol":
            values[key] = {}
            yield from _read_mapping(value_node, _PROTOCOL_KEYS, values[key], "protocol")
            try:
                Protocol(**values[key])
            except ProtocolError as error:
                yield f"{line}: {error}"
        else:
            try:
                values[key] = readers[key](_plain(value_node))
            except (TypeError, ValueError) as error:
                yield f"{value_node.start_mark.line + 1}: {key}: {error}"
        seen.add(key)


def _plain(node: yaml.Node) -> Any:
    return yaml.SafeLoader("").construct_object(node, deep=True)  # type: ignore[no-untyped-call]


def parse_size(value: object) -> Size:
    """``HxW``, or a list of two, as (height, width).

    :raises ValueError: it is something else.
    """
    parts = value.lower().split("x") if isinstance(value, str) else list(value) if isinstance(value, list | tuple) else []
    if len(parts) != 2 or not all(str(part).isdigit() and int(part) for part in parts):
        raise ValueError(f"{value!r} is not HxW, e.g. 512x1024")
    return int(parts[0]), int(parts[1])


def parse_input_size(value: object) -> Size | int:
    """``HxW``, or one number: the length of the shorter side.

    :raises ValueError: it is something else.
    """
    return int(str(value)) if str(value).isdigit() and int(str(value)) else parse_size(value)


def parse_scales(value: object) -> tuple[float, ...]:
    """Numbers in a list, or separated by commas.

    :raises ValueError: one of them is no number.
    """
    parts = value.split(",") if isinstance(value, str) else value if isinstance(value, list | tuple) else [value]
    return tuple(float(str(part)) for part in parts)


def _texts(value: Any) -> tuple[str, ...]:
    texts = value.split(",") if isinstance(value, str) else value
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise ValueError(f"{value!r} is not a list of names")
    return tuple(text.strip() for text in texts)


def _paths(value: Any) -> dict[str, Path]:
    if not isinstance(value, dict):
        raise ValueError(f"{value!r} is not a mapping of a model's name to its file")
    return {str(key): Path(str(path)) for key, path in value.items()}


def _exactly(kind: type) -> Callable[[Any], Any]:
    def read(value: Any) -> Any:
        if type(value) is not kind:
            raise ValueError(f"{value!r} is not {'a whole number' if kind is int else 'true or false' if kind is bool else 'text'}")
        return value

    return read


def _one_of(*choices: str) -> Callable[[Any], str]:
    def read(value: Any) -> str:
        if value not in choices:
            raise ValueError(f"{value!r} is none of {', '.join(choices)}")
        return str(value)

    return read


_PROTOCOL_KEYS: dict[str, Callable[[Any], Any]] = {
    "precision": _one_of("fp32", "bf16", "fp16"),
    "input_size": parse_input_size,
    "crop": parse_size,
    "stride": parse_size,
    "scales": parse_scales,
    "flip": _exactly(bool),
    "post": _one_of("none", "dense-crf"),
}
_KEYS: dict[str, Callable[[Any], Any]] = {
    "models": _texts,
    "weights": _paths,
    "dataset": _exactly(str),
    "data": lambda value: Path(_exactly(str)(value)),
    "split": _exactly(str),
    "map": _exactly(str),
    "protocol": dict,
    "limit": _exactly(int),
    "repeats": _exactly(int),
    "out": lambda value: Path(_exactly(str)(value)),
    "per_class": _exactly(bool),
    "save_predictions": _exactly(bool),
    "gallery": _exactly(bool),
}


def _relative_to(suite: Suite, folder: Path) -> Suite:
    """Paths as they are meant: from the folder of the suite's file. ``out`` is where the run is started."""
    return replace(
        suite,
        weights={name: folder / path for name, path in suite.weights.items()},
        data=None if suite.data is None else folder / suite.data,
        map=suite.map if suite.map in (None, BY_NAME) else str(folder / suite.map),
    )


def _presets() -> Any:
    return files("segbench") / "presets"
