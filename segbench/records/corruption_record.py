"""Records of corruptions: what a network reaches on corrupted images, beside what it reaches on the images as they are.

``segbench.corruptions/1`` is one JSON object, ``NAME.corruptions.json`` beside ``NAME.json``: ``model``, ``dataset``, ``protocol``,
``environment`` and ``command`` as in a run record, ``labels``, ``clean``, the confusion matrix of the images as they are, and
``corrupted``, a matrix by name of a corruption and by severity. ``scores`` are a courtesy, and recomputed when it is read. The signature is
that of the run with ``corrupted`` at its end: no number of it is comparable with one of clean images.

    retention       mIoU of a corruption, mean over its severities, by that of the clean images
    mce             mean over corruptions of  sum over severities of (1 - mIoU)  by the same of a named reference network

The second is Hendrycks and Dietterich's mCE, with 1 - mIoU as the error, as Kamann and Rother (2020) have it for segmentation.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segbench.errors import RecordError, SegbenchError
from segbench.files.json_text import dump_json, write_text
from segbench.images.corruptions.corrupting import CORRUPTIONS
from segbench.labels.space import LabelSpace
from segbench.metrics.confusion import ConfusionMatrix
from segbench.metrics.scores import METRICS_VERSION, mean_of_defined, score
from segbench.records.reading import CORRUPTED, record_in, whole_numbers

SCHEMA = "segbench.corruptions/1"
MADE = "hd2019/1"
"""How images are corrupted; another number for other pixels."""
FACTS = ("model", "dataset", "protocol", "environment", "command")

Condition = tuple[str, int]


@dataclass(frozen=True, eq=False)
class CorruptionRecord:
    """One model on one dataset, ``clean`` and under every ``corrupted`` condition, (name, severity)."""

    facts: Mapping[str, Any]
    run_signature: str
    clean: ConfusionMatrix
    corrupted: Mapping[Condition, ConfusionMatrix]

    @property
    def name(self) -> str:
        """The model's name."""
        return str(self.facts["model"]["name"])

    @property
    def names(self) -> list[str]:
        """The corruptions, in the order of the paper; what is unknown here comes last."""
        known = {name: place for place, name in enumerate(CORRUPTIONS)}
        return sorted({name for name, _ in self.corrupted}, key=lambda name: (known.get(name, len(known)), name))

    @property
    def signature(self) -> str:
        """What must be equal for two numbers to be comparable."""
        severities = {name: "+".join(map(str, sorted(self.mious(name)))) for name in self.names}
        if len(set(severities.values())) == 1:
            made = f"corruptions:{','.join(severities)}|severity:{next(iter(severities.values()))}"
        else:
            made = "corruptions:" + ",".join(f"{name}@{numbers}" for name, numbers in severities.items())
        return f"{self.run_signature}|corrupted:{MADE}|{made}"

    @property
    def clean_miou(self) -> float:
        """The mIoU of the images as they are."""
        return score(self.clean).miou

    def mious(self, name: str) -> dict[int, float]:
        """The mIoU of a corruption by severity."""
        return {severity: score(found).miou for (own, severity), found in self.corrupted.items() if own == name}

    def miou(self, name: str) -> float:
        """The mean over the severities of a corruption."""
        return mean_of_defined(self.mious(name).values())

    @property
    def mean(self) -> float:
        """The mean over all corruptions."""
        return mean_of_defined(map(self.miou, self.names))

    def retention(self, name: str | None = None) -> float:
        """What is left of the clean mIoU under a corruption, or under all in the mean; NaN where the clean one is 0 or undefined."""
        value, clean = self.mean if name is None else self.miou(name), self.clean_miou
        return value / clean if clean > 0 else float("nan")

    def class_iou(self, name: str) -> NDArray[np.float64]:
        """The IoU of every class under a corruption, float64[C], the mean over the severities that define it."""
        found = np.stack([score(matrix).class_iou for (own, _), matrix in self.corrupted.items() if own == name])
        return np.array([mean_of_defined(column) for column in found.T.tolist()])

    def corruption_error(self, name: str, reference: CorruptionRecord) -> float:
        """The error under a corruption by that of a reference.

        :raises RecordError: the reference was not measured under the same conditions, data and protocol.
        """
        if reference.signature != self.signature:
            raise RecordError(f"{self.name} and {reference.name} are not comparable:\n  {self.signature}\n  {reference.signature}")
        own, other = (sum(1 - value for value in each.mious(name).values()) for each in (self, reference))
        return own / other if other else float("nan")

    def mce(self, reference: CorruptionRecord) -> float:
        """The mean of :meth:`corruption_error` over all corruptions."""
        return mean_of_defined(self.corruption_error(name, reference) for name in self.names)

    def to_json(self) -> str:
        """The record as text; equal records give equal bytes."""
        matrices: dict[str, dict[str, Any]] = {}
        for (name, severity), found in self.corrupted.items():
            matrices.setdefault(name, {})[str(severity)] = found.counts.tolist()
        return dump_json(
            {
                "schema": SCHEMA,
                **{key: self.facts[key] for key in FACTS},
                "run_signature": self.run_signature,
                "signature": self.signature,
                "scores": self.scores(),
                "labels": self.clean.labels.to_dict(),
                "clean": self.clean.counts.tolist(),
                "corrupted": matrices,
            }
        )

    def scores(self) -> dict[str, Any]:
        """Fractions as plain data."""
        of_names = {}
        for name in self.names:
            of_classes = dict(zip(self.clean.labels.class_names, self.class_iou(name).tolist(), strict=True))
            severities = {str(severity): value for severity, value in self.mious(name).items()}
            of_names[name] = {"miou": self.miou(name), "retention": self.retention(name), "severities": severities, "class_iou": of_classes}
        means = {"miou": self.mean, "retention": self.retention()}
        return {"metrics_version": METRICS_VERSION, "clean_miou": self.clean_miou, **means, "corruptions": of_names}

    def write(self, path: Path) -> None:
        """Write it in one step."""
        write_text(path, self.to_json())


def read_corruptions(path: Path) -> CorruptionRecord:
    """Read a record of corruptions.

    :raises RecordError: the file is missing, or is none.
    """
    data = record_in(path)
    if not isinstance(data, dict) or data.get("schema") != SCHEMA:
        raise RecordError(f"{path}: not a record of corruptions ({SCHEMA}); `run --corruptions` writes NAME{CORRUPTED}")
    try:
        labels = LabelSpace.from_dict(data["labels"])
        conditions = {
            (name, int(severity)): ConfusionMatrix(labels, whole_numbers(rows))
            for name, of_name in data["corrupted"].items()
            for severity, rows in of_name.items()
        }
        facts = {key: data[key] for key in FACTS}
        record = CorruptionRecord(facts, str(data["run_signature"]), ConfusionMatrix(labels, whole_numbers(data["clean"])), conditions)
        _ = record.name
    except KeyError as error:
        raise RecordError(f"{path}: the record has no {error}") from error
    except (TypeError, ValueError, AttributeError, SegbenchError) as error:
        raise RecordError(f"{path}: {error}") from error
    return record
