"""Run records: integers, and facts about how they came to be. Scores in a record are a courtesy; they are recomputed when it is read.

``segbench.run/1`` is one JSON object: ``model`` (``changed`` are those of its ``arguments`` that are not the default), ``dataset``,
``protocol``, ``environment``, ``labels``, ``confusion`` (rows target classes, columns predicted classes, last column no class), ``iiou`` by
class name, ``scores`` and ``command``; ``intervals`` of the scores where the matrix of every image was known
(:mod:`segbench.records.per_image`); ``boundary``, the counts of Boundary IoU, ``errors``, wrong pixels by cause, ``trimap``, pixels by
their distance from an edge, ``calibration``, the confidence of a network, and ``ood``, its scores of anomaly, where they were asked for;
``segments``, the means of V_rand and V_info, where the dataset has them; and ``explained``, what other tools would call the mIoU, where it
was asked for. A record without these is read as one that has none.
Speed is a record of its own (:mod:`segbench.records.profile`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from segbench.errors import RecordError, SegbenchError
from segbench.files.json_text import dump_json
from segbench.files.notebook import Shown, drawn
from segbench.labels.space import MAX_CLASSES, LabelSpace
from segbench.metrics.cells import Cells
from segbench.metrics.confusion import ConfusionMatrix
from segbench.metrics.extras import EXTRAS, Extras, scores_told
from segbench.metrics.image_counts import Counted
from segbench.metrics.scores import METRICS_VERSION, Scores, mean_of_defined, score
from segbench.metrics.uncertainty import Intervals
from segbench.records.data_facts import data_facts
from segbench.records.environment import environment
from segbench.records.groups import AS_USUAL, Draws, intervals_of
from segbench.records.reading import record_in, whole_numbers
from segbench.records.shape import require_run_shape

if TYPE_CHECKING:
    from segbench.datasets.base import Dataset

RUN_SCHEMA = "segbench.run/1"


@dataclass(frozen=True, eq=False)
class RunRecord(Extras, Shown):
    """One model (or one folder of label maps) on one dataset under one protocol.

    >>> import segbench
    >>> record = segbench.read_run("ours.json")
    >>> record.name, record.dataset["images"]
    ('preds', 3)
    """

    model: Mapping[str, Any]
    dataset: Mapping[str, Any]
    protocol: Mapping[str, Any]
    environment: Mapping[str, Any]
    confusion: ConfusionMatrix
    iiou: Mapping[str, float] = field(default_factory=dict)
    command: str = ""
    intervals: Intervals | None = None
    explained: Mapping[str, float] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        counted: Counted,
        dataset: Dataset,
        *,
        model: Mapping[str, Any],
        protocol: Mapping[str, Any],
        machine: Mapping[str, Any] = MappingProxyType({}),
        command: str = "",
        draws: Draws = AS_USUAL,
    ) -> RunRecord:
        """The record of what was counted in a dataset, with intervals over its images.

        :param machine: facts for the environment, beside those that every record has.
        :param draws: what the intervals draw instead of images.
        :raises DataError: the names of the images have no such groups.
        """
        if mapping := counted.counting.decoding.mapping:
            model, protocol = {**model, "mapping": mapping.facts()}, {**protocol, "map": mapping.signature}
        return cls(
            model,
            data_facts(dataset, counted.target_histograms()),
            protocol,
            environment(**machine),
            counted.confusion,
            counted.instances.class_iiou(counted.confusion) if counted.instances else {},
            command,
            intervals_of(counted.labels, counted.ids, counted.per_image, draws),
            **vars(counted.total),
        )

    @property
    def labels(self) -> LabelSpace:
        """The label space of the confusion matrix."""
        return self.confusion.labels

    @property
    def scores(self) -> Scores:
        """Every score, from the integers."""
        return score(self.confusion)

    @property
    def miiou(self) -> float:
        """Mean iIoU of the classes that have one; NaN if none does."""
        return mean_of_defined(self.iiou.get(self.labels.class_names[index], math.nan) for index in self.labels.averaged)

    @property
    def name(self) -> str:
        """The model's name."""
        return str(self.model["name"])

    @property
    def changed_arguments(self) -> Mapping[str, Any]:
        """The model's arguments that are not the default; all of them where the record does not say."""
        return self.model.get("changed", self.model.get("arguments")) or {}

    @property
    def signature(self) -> str:
        """What must be equal for two numbers to be comparable."""
        parts = {
            "data": f"{self.dataset['name']}-{self.dataset['split']}",
            "n": self.dataset["images"],
            "targets": str(self.dataset["targets_sha256"])[:8],
            "labels": self.labels.name,
            **_averaged(self.labels),
            **{key: _plain(value) for key, value in self.protocol.items()},
            "metrics": METRICS_VERSION,
        }
        return "|".join(f"{key}:{value}" for key, value in parts.items())

    @property
    def comparability(self) -> str:
        """The signature without what the data are called: the same targets are the same data, whatever their folder's name is."""
        return "|".join(part for part in self.signature.split("|") if not part.startswith("data:"))

    def plot(self, kind: str = "confusion") -> Any:
        """A :class:`segbench.plots.Picture`, which notebooks show and ``save`` writes: ``confusion``, or the IoU of ``classes``.

        :raises UsageError: there is no such kind.
        """
        return drawn(self, kind)

    def to_json(self) -> str:
        """The record as text; equal records give equal bytes."""
        data = {
            "schema": RUN_SCHEMA,
            "model": dict(self.model),
            "dataset": dict(self.dataset),
            "protocol": dict(self.protocol),
            "signature": self.signature,
            "scores": scores_dict(self),
            **({"intervals": self.intervals.to_dict(self.labels) | {"metrics_version": METRICS_VERSION}} if self.intervals else {}),
            "environment": dict(self.environment),
            "command": self.command,
            "labels": self.labels.to_dict(),
            "iiou": dict(self.iiou),
            **{name: extra.tell(value) for name, (extra, value) in self.counted.items()},
            **({"explained": dict(self.explained)} if self.explained else {}),
            "confusion": _told(self.confusion),
        }
        return dump_json(data)


def scores_dict(record: RunRecord) -> dict[str, Any]:
    """Scores as plain data, classes by name; undefined ones are NaN (``null`` in JSON)."""

    def by_name(values: NDArray[np.float64]) -> dict[str, float]:
        return dict(zip(record.labels.class_names, values.tolist(), strict=True))

    scores = record.scores
    result: dict[str, Any] = {
        "metrics_version": METRICS_VERSION,
        "acc": scores.acc,
        "acc_cls": scores.acc_cls,
        "miou": scores.miou,
        "fwiou": scores.fwiou,
        "class_iou": by_name(scores.class_iou),
        "class_acc": by_name(scores.class_acc),
        "class_precision": by_name(scores.class_precision),
        "class_dice": by_name(scores.class_dice),
    }
    if scores.category_iou:
        result |= {"category_miou": scores.category_miou, "category_iou": scores.category_iou}
    if record.iiou:
        result |= {"iiou": record.miiou}
    return result | scores_told(record.confusion, record)


def read_run(path: Path | str) -> RunRecord:
    """Read a run record of any schema version that was ever written.

    :raises RecordError: the file is missing, no JSON, of an unknown schema, or its contents do not fit together.

    >>> import segbench
    >>> segbench.read_run("ours.json").confusion.counts.shape
    (3, 4)
    """
    path = Path(path)
    data = record_in(path)
    if not isinstance(data, dict) or data.get("schema") != RUN_SCHEMA:
        found = data.get("schema") if isinstance(data, dict) else type(data).__name__
        raise RecordError(f"{path}: schema {found!r}; this segbench reads {RUN_SCHEMA!r}")
    try:
        require_run_shape(data)
        labels = LabelSpace.from_dict(data["labels"])
        counts = _matrix(data["confusion"], len(labels.classes))
        iiou = {name: math.nan if value is None else float(value) for name, value in data.get("iiou", {}).items()}
        counted = {name: extra.read(data[name], len(labels.classes)) for name, extra in EXTRAS.items() if data.get(name) is not None}
        facts = {key: data[key] for key in ("model", "dataset", "protocol", "environment", "command")}
        cm, intervals = ConfusionMatrix(labels, counts), _intervals(data.get("intervals"), labels)
        explained = {name: math.nan if value is None else float(value) for name, value in data.get("explained", {}).items()}
        more: dict[str, Any] = {"iiou": iiou, "intervals": intervals, **counted}
        record = RunRecord(**facts, confusion=cm, explained=explained, **more)
        _ = record.name, record.signature
    except KeyError as error:
        raise RecordError(f"{path}: the record has no {error}") from error
    except (TypeError, ValueError, IndexError, ArithmeticError, AttributeError, SegbenchError) as error:
        raise RecordError(f"{path}: {error}") from error
    return record


def _averaged(labels: LabelSpace) -> dict[str, str]:
    """What the signature says of classes that are left out of means: a mean over others is another number."""
    if len(labels.averaged) == len(labels.classes):
        return {}
    return {"average": ",".join(labels.class_names[index] for index in labels.averaged)}


def _intervals(data: Any, labels: LabelSpace) -> Intervals | None:
    """What a record says of its intervals; nothing if they are of scores that have another meaning now."""
    if data is None or data["metrics_version"] != METRICS_VERSION:
        return None
    return Intervals.from_dict(data, labels)


def _told(confusion: ConfusionMatrix) -> Any:
    """The rows of a matrix; of more classes than bytes tell apart the cells that occur: [row, column, pixels] of each."""
    cells = confusion.cells
    if cells.classes <= MAX_CLASSES:
        return confusion.counts.tolist()
    return {"cells": np.stack([cells.rows, cells.columns, cells.pixels], axis=1).tolist()}


def _matrix(data: Any, classes: int) -> NDArray[np.int64] | Cells:
    """What :func:`_told` gave.

    :raises KeyError, TypeError, ValueError, IndexError: it is something else.
    """
    if not isinstance(data, Mapping):
        return whole_numbers(data)
    cells = whole_numbers(data["cells"]) if data["cells"] else np.zeros((0, 3), np.int64)
    rows, columns, pixels = cells.reshape(-1, 3).T
    if len(cells) and not (0 <= rows.min() <= rows.max() < classes and 0 <= columns.min() <= columns.max() <= classes):
        raise ValueError(f"the confusion matrix has cells outside of its {classes} classes")
    return Cells.added(classes, [(rows * (classes + 1) + columns, pixels)])


def _plain(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return ",".join(f"{entry:g}" if isinstance(entry, int | float) else str(entry) for entry in value)
    return str(value)
