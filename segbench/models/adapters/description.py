"""How an exported file says what it must be fed: YAML beside it (``FILE.yaml``), or the same as JSON inside it.

    labels: cityscapes                  # a builtin label space, a list of class names, or {name, classes, void}
    normalize: {mean: [123.675, 116.28, 103.53], std: [58.395, 57.12, 57.375], order: RGB}    # in bytes, 0..255
    input_rule: {divisor: 8}            # optional: sizes that it takes; images are mirrored outwards to fit
    size: [512, 1024]                   # optional: the only height and width of the tensor that it takes
    batch: 4                            # optional: how many images it takes at once, where that is not one
    output: out                         # optional: which of several outputs holds the scores, by its name; of a list its place, from 0
    threshold: 0.5                      # optional: it gives one score for two classes, and the second class is where that is larger
    grid: align_corners                 # optional: where the scores lie among the pixels; half_pixel unless said, or asymmetric
    name: enet                          # optional, as are paper {title, authors, year, url} and trained_on

``labels`` and ``normalize`` are required: a network that is fed the wrong range or channel order still gives a class map, and a guess about
either would look like a result.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from segbench.datasets.opening import label_space
from segbench.errors import DataError, WeightsError
from segbench.files.settings import Maybe, Number, Whole, one_of
from segbench.files.text import read_text
from segbench.files.yaml_schema import Reader, parse_yaml, plain, section
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
    batch: int | None = None
    output: str | None = None
    threshold: float | None = None

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
    try:
        text = read_text(beside) if beside.is_file() else str(embedded)
        description: Description = parse_yaml(text, beside if beside.is_file() else path, section("description", _KEYS, _built))
    except (OSError, UnicodeDecodeError, DataError) as error:
        raise WeightsError(str(error)) from error
    return description


def _built(said: dict[str, Any]) -> Description:
    known = {key: value for key, value in said.items() if key != "schema" and value is not None}
    if missing := [key for key in ("labels", "normalize") if key not in known]:
        raise ValueError(f"{' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} missing")
    found = Description(**known)
    if found.threshold is not None and len(found.labels.classes) != 2:
        raise ValueError(f"threshold is for one score of two classes, and labels are {len(found.labels.classes)}")
    return found


def _labels(value: Any) -> LabelSpace:
    if isinstance(value, str):
        return label_space(value)
    return named_classes("custom", [str(name) for name in value]) if isinstance(value, list) else LabelSpace.from_dict(value)


def _normalize(said: dict[str, Any]) -> Normalize:
    if missing := [key for key in ("mean", "std", "order") if key not in said]:
        raise ValueError(f"normalize has no {', '.join(missing)}")
    mean, std = said["mean"], said["std"]
    normalize = Normalize(mean, std, said["order"])
    if max(std) < 1 and max(mean) <= 1:
        raise ValueError(f"mean {list(mean)} and std {list(std)} are of the range 0..1; write them in bytes, 255 times as large")
    return normalize


def _numbers(value: Any) -> tuple[float, ...]:
    if not isinstance(value, list):
        raise ValueError(f"{value!r} is not a list of numbers")
    return tuple(Number(low=-math.inf)(number) for number in value)


def _schema(value: Any) -> str:
    if value != SCHEMA:
        raise ValueError(f"{value!r}; this segbench reads {SCHEMA!r}")
    return SCHEMA


def _output(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise ValueError(f"{value!r} is neither the name of an output nor its place in a list")
    return str(value)


def _size(value: Any) -> tuple[int, int]:
    if not isinstance(value, list) or len(value) != 2:
        raise ValueError(f"{value!r} is not [height, width]")
    return Whole(1)(value[0]), Whole(1)(value[1])


_NORMALIZE: dict[str, Reader] = {"mean": plain(_numbers), "std": plain(_numbers), "order": plain(one_of("RGB", "BGR"))}
_INPUT_RULE = {name: plain(Whole(0)) for name in ("divisor", "remainder", "min_size", "context")}
_KEYS: dict[str, Reader] = {
    "labels": plain(_labels),
    "normalize": section("normalize", _NORMALIZE, _normalize),
    "input_rule": section("input_rule", _INPUT_RULE, lambda said: InputRule(**said)),
    "size": plain(Maybe(_size)),
    "name": plain(str),
    "paper": plain(Maybe(lambda value: Paper(**value))),
    "trained_on": plain(Maybe(dict)),
    "grid": plain(one_of(*GRIDS)),
    "batch": plain(Maybe(Whole(1))),
    "output": plain(Maybe(_output)),
    "threshold": plain(Maybe(Number(low=-math.inf))),
    "schema": plain(_schema),
}
