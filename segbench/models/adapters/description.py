"""How an exported file says what it must be fed: YAML beside it (``FILE.yaml``), or the same as JSON inside it.

    labels: cityscapes                  # a builtin label space, a list of class names, or {name, classes, void}
    normalize: {mean: [123.675, 116.28, 103.53], std: [58.395, 57.12, 57.375], order: RGB}    # in bytes, 0..255
    input_rule: {divisor: 8}            # optional: sizes that it takes; images are mirrored outwards to fit
    size: [512, 1024]                   # optional: the only height and width of the tensor that it takes
    grid: align_corners                 # optional: where the scores lie among the pixels; half_pixel unless said, or asymmetric
    name: enet                          # optional, as are paper {title, authors, year, url} and trained_on

``labels`` and ``normalize`` are required: a network that is fed the wrong range or channel order still gives a class map, and a guess about
either would look like a result.
"""

from __future__ import annotations

import json
import operator
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import yaml

from segbench.datasets.opening import label_space
from segbench.errors import SegbenchError, WeightsError, nearest
from segbench.kernels.bilinear import GRIDS, Grid
from segbench.labels.space import LabelSpace
from segbench.models.adapters.base import named_classes
from segbench.models.segmenter import InputRule, Normalize, Paper, Segmenter

SCHEMA = "segbench.exported/1"
ANY_SIZE = InputRule()
KEY = "segbench"
"""Name of the metadata entry that holds the description inside a file; ``segbench.json`` where entries are files."""


@dataclass(frozen=True)
class Description:
    """What is known of an exported network. ``size`` is (height, width) of the tensor that it takes, ``None`` if any will do."""

    labels: LabelSpace
    normalize: Normalize
    input_rule: InputRule = ANY_SIZE
    size: tuple[int, int] | None = None
    name: str = ""
    paper: Paper | None = None
    trained_on: Mapping[str, Any] | None = None
    grid: Grid = "half_pixel"

    def to_json(self) -> str:
        """As it is written into a file."""
        return json.dumps({"schema": SCHEMA, **asdict(self), "labels": self.labels.to_dict()}, sort_keys=True)


def describe(segmenter: Segmenter, size: tuple[int, int]) -> Description:
    """The description of a network that is frozen for tensors of (height, width)."""
    trained_on = {"network": segmenter.name, "weights_sha256": segmenter.weights_sha256, **(segmenter.trained_on or {})}
    facts = segmenter.labels, segmenter.normalize, segmenter.input_rule, size, segmenter.name, segmenter.paper, trained_on, segmenter.grid
    return Description(*facts)


def sidecar(path: Path) -> Path:
    """The YAML that may lie beside an exported file: its whole name, and ``.yaml``."""
    return path.with_name(path.name + ".yaml")


def read_description(path: Path, embedded: str | None) -> Description:
    """What the YAML beside an exported file says, or else what the file says itself.

    :raises WeightsError: neither says anything, or what they say is incomplete or contradicts itself.
    """
    beside = sidecar(path)
    if not beside.is_file() and not embedded:
        raise WeightsError(
            f"{path}: nothing says which classes it knows or how images must be normalised. `segbench export` writes files that do; "
            f"for this one write {beside}, e.g.\n"
            "  labels: cityscapes        # or a list of its class names, in the order of its scores\n"
            "  normalize: {mean: [123.675, 116.28, 103.53], std: [58.395, 57.12, 57.375], order: RGB}   # of bytes 0..255"
        )
    source = beside if beside.is_file() else path
    try:
        data = yaml.safe_load(beside.read_text(encoding="utf-8")) if source == beside else json.loads(str(embedded))
        return _from_plain(data)
    except (OSError, ValueError, TypeError, yaml.YAMLError, SegbenchError) as error:
        raise WeightsError(f"{source}: {error}") from error


def _from_plain(data: Any) -> Description:
    if not isinstance(data, Mapping):
        raise ValueError("not a mapping of labels, normalize and the like")
    if data.get("schema", SCHEMA) != SCHEMA:
        raise ValueError(f"schema {data['schema']!r}; this segbench reads {SCHEMA!r}")
    _refuse_unknown(data, (*_READERS, "schema"), "description")
    if missing := [key for key in ("labels", "normalize") if data.get(key) is None]:
        raise ValueError(f"{' and '.join(missing)} must be said")
    return Description(**{key: _READERS[key](value) for key, value in data.items() if key != "schema" and value is not None})


def _refuse_unknown(data: Mapping[str, Any], known: tuple[str, ...], what: str) -> None:
    for key in data:
        if key not in known:
            raise ValueError(f"{what} has no key {key!r}; {nearest(key, known, 'its keys are')}")


def _labels(value: Any) -> LabelSpace:
    if isinstance(value, str):
        return label_space(value)
    return named_classes("custom", [str(name) for name in value]) if isinstance(value, list) else LabelSpace.from_dict(value)


def _normalize(value: Any) -> Normalize:
    if not isinstance(value, Mapping):
        raise ValueError("normalize is a mapping of mean, std and order")
    _refuse_unknown(value, ("mean", "std", "order"), "normalize")
    if missing := [key for key in ("mean", "std", "order") if key not in value]:
        raise ValueError(f"normalize must say {', '.join(missing)}")
    mean, std = (tuple(float(number) for number in value[key]) for key in ("mean", "std"))
    if len(mean) != 3 or len(std) != 3 or min(std) <= 0 or value["order"] not in ("RGB", "BGR"):
        raise ValueError(f"normalize {dict(value)}: mean and std are three numbers each, std positive, and order is RGB or BGR")
    if max(std) < 1 and max(mean) <= 1:
        raise ValueError(f"normalize: mean {list(mean)} and std {list(std)} are of the range 0..1; write them in bytes, 255 times as large")
    return Normalize(mean, std, value["order"])


def _input_rule(value: Any) -> InputRule:
    known = ("divisor", "remainder", "min_size", "context")
    _refuse_unknown(value, known, "input_rule")
    return InputRule(**{key: operator.index(number) for key, number in value.items()})


def _grid(value: Any) -> Grid:
    if value not in GRIDS:
        raise ValueError(f"grid {value!r} is none of {', '.join(GRIDS)}")
    return value  # type: ignore[no-any-return]


def _size(value: Any) -> tuple[int, int]:
    height, width = (operator.index(side) for side in value)
    return height, width


_READERS: dict[str, Callable[[Any], Any]] = {
    "labels": _labels,
    "normalize": _normalize,
    "input_rule": _input_rule,
    "size": _size,
    "name": str,
    "paper": lambda value: Paper(**value),
    "trained_on": dict,
    "grid": _grid,
}
