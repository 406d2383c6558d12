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

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from importlib.resources import files
from pathlib import Path
from typing import Any

from segbench.errors import DataError
from segbench.evaluation.execution import Execution
from segbench.evaluation.parsing import parse_input_size, parse_scales, parse_size
from segbench.evaluation.protocol import Protocol
from segbench.files.yaml_schema import Reader, exactly, one_of, plain, read_yaml, section
from segbench.labels.mapping import BY_NAME
from segbench.records.groups import GROUPS


@dataclass(frozen=True)
class Suite:
    """The arguments of a run; ``None`` leaves the choice to the run. ``protocol`` holds the fields of a Protocol that were given.

    ``groups`` is a key of :data:`segbench.records.groups.GROUPS`. ``map`` is a file of :mod:`segbench.labels.mapping`, or ``by-name``.
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
    groups: str | None = None
    channels_last: bool | None = None
    compile: bool = False
    graphs: bool = True

    @property
    def execution(self) -> Execution:
        """How networks are executed."""
        return Execution(self.channels_last, self.compile, self.graphs)

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
        return _relative_to(read_yaml(path, section("suite", _KEYS, lambda values: Suite(**values))), path.parent)
    except FileNotFoundError:
        raise DataError(f"{source}: no such file, nor a preset", way_out=f"presets: {', '.join(preset_names())}") from None


def _texts(value: Any) -> tuple[str, ...]:
    texts = value.split(",") if isinstance(value, str) else value
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise ValueError(f"{value!r} is not a list of names")
    return tuple(text.strip() for text in texts)


def _paths(value: Any) -> dict[str, Path]:
    if not isinstance(value, dict):
        raise ValueError(f"{value!r} is not a mapping of a model's name to its file")
    return {str(key): Path(str(path)) for key, path in value.items()}


def _protocol(values: dict[str, Any]) -> dict[str, Any]:
    Protocol(**values)
    return values


_PROTOCOL_KEYS: dict[str, Reader] = {
    "precision": plain(one_of("fp32", "tf32", "bf16", "fp16")),
    "input_size": plain(parse_input_size),
    "crop": plain(parse_size),
    "stride": plain(parse_size),
    "scales": plain(parse_scales),
    "flip": plain(exactly(bool)),
    "post": plain(one_of("none", "dense-crf")),
    "void": plain(one_of("predictable", "masked")),
}
_TEXT, _PATH = plain(exactly(str)), plain(lambda given: Path(exactly(str)(given)))
_KEYS: dict[str, Reader] = {
    "models": plain(_texts),
    "weights": plain(_paths),
    "dataset": _TEXT,
    "data": _PATH,
    "split": _TEXT,
    "map": _TEXT,
    "protocol": section("protocol", _PROTOCOL_KEYS, _protocol),
    "limit": plain(exactly(int)),
    "repeats": plain(exactly(int)),
    "out": _PATH,
    "per_class": plain(exactly(bool)),
    "save_predictions": plain(exactly(bool)),
    "gallery": plain(exactly(bool)),
    "groups": plain(one_of(*GROUPS)),
    "channels_last": plain(exactly(bool)),
    "compile": plain(exactly(bool)),
    "graphs": plain(exactly(bool)),
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
    return files("segbench") / "benchmark" / "presets"
