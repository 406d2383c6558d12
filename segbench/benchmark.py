"""The main job: models with weights, on a dataset, to records and a board."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from segbench.core.confusion import ConfusionMatrix
from segbench.core.labels import LabelClass, LabelSpace
from segbench.core.uncertainty import bootstrap
from segbench.datasets.base import Dataset, Sample, read_photograph
from segbench.datasets.images import write_labels
from segbench.errors import WeightsError
from segbench.inference import Evaluated, evaluate
from segbench.models import BUILTIN, GROUP
from segbench.models.base import Segmenter
from segbench.models.weights import build, bundled, load
from segbench.per_image import write_per_image
from segbench.profiling import device_name, model_facts
from segbench.protocols import Protocol
from segbench.records import Profile, RunRecord, environment, targets_fingerprint, write_text
from segbench.registry import names as registered_names


@dataclass(frozen=True)
class Outcome:
    """One model's record, and the matrix of every image, int64[N, C, C+1]."""

    record: RunRecord
    ids: tuple[str, ...]
    per_image: np.ndarray[tuple[int, ...], np.dtype[np.int64]]


def trained_models(dataset: str, weights: Mapping[str, Path]) -> list[str]:
    """The registered models that have weights for a dataset: given ones, or those that come with segbench."""
    return [name for name in registered_names(BUILTIN, GROUP) if name in weights or bundled(name, dataset)]


def load_models(names: Sequence[str], dataset: str, weights: Mapping[str, Path], device: torch.device) -> list[Segmenter]:
    """Models with the weights that were given, or else with those that come with segbench for this dataset.

    :raises WeightsError: naming every model for which there are none, and how to get some.
    """
    if unused := sorted(set(weights) - set(names)):
        raise WeightsError(f"--weights names {', '.join(unused)}, which --models does not")
    files = {name: weights.get(name) or bundled(name, dataset) for name in names}
    if missing := [name for name, file in files.items() if file is None]:
        raise WeightsError(
            f"no weights on {dataset} for {', '.join(missing)}, so there is no accuracy to measure.\n"
            f"  train some:  segbench train {missing[0]} --dataset {dataset} --out {missing[0]}.safetensors\n"
            f"  then:        segbench run --models {missing[0]} --dataset {dataset} --weights {missing[0]}={missing[0]}.safetensors\n"
            f"  speed and size alone need none:  segbench profile {missing[0]}"
        )
    return [on_device(load(file, expected_model=name), device) for name, file in files.items() if file is not None]


def random_models(names: Sequence[str], classes: int, device: torch.device) -> list[Segmenter]:
    """Untrained networks at full width, for measuring size and speed."""
    return [on_device(build(name, numbered_labels(classes)), device) for name in names]


def numbered_labels(classes: int) -> LabelSpace:
    """A label space of numbered classes, for networks of which only size and speed matter."""
    return LabelSpace("numbered", tuple(LabelClass(str(i), (i,), (i, i, i)) for i in range(classes)))


def on_device(segmenter: Segmenter, device: torch.device) -> Segmenter:
    """The segmenter with its network moved and in evaluation mode."""
    return replace(segmenter, network=segmenter.network.to(device).eval())


def run(
    segmenters: Sequence[Segmenter],
    dataset: Dataset,
    *,
    protocol: Protocol | None = None,
    limit: int | None = None,
    command: str = "",
    on_image: Callable[[Evaluated], None] = lambda result: None,
    keep_class_maps: bool = False,
) -> list[Outcome]:
    """Evaluate models on a dataset: one record each. Every image is read once for all of them."""
    protocol = protocol or Protocol()
    index = np.arange(256, dtype=np.uint8)
    results: list[list[ConfusionMatrix]] = [[] for _ in segmenters]
    ids, histograms = [], []
    for result in evaluate(segmenters, dataset, protocol=protocol, limit=limit, keep_class_maps=keep_class_maps):
        on_image(result)
        ids.append(result.sample.id)
        histograms.append(result.counts[0].sum(axis=1))
        for matrices, pairs in zip(results, result.counts, strict=True):
            matrices.append(ConfusionMatrix.from_pairs(dataset.labels, pairs, index))
    data = {
        "name": dataset.name,
        "split": dataset.split,
        "images": len(ids),
        "of": len(dataset),
        "targets_sha256": targets_fingerprint(zip(ids, histograms, strict=True)),
    }
    facts = environment(device=device_name(segmenters[0].device), threads=torch.get_num_threads())
    size = image_size(dataset.samples[0])

    def outcome(segmenter: Segmenter, matrices: list[ConfusionMatrix]) -> Outcome:
        per_image, total = np.stack([matrix.counts for matrix in matrices]), ConfusionMatrix.total(matrices, dataset.labels)
        intervals, model = bootstrap(dataset.labels, per_image), model_facts(segmenter, size)
        record = RunRecord(model, data, protocol.to_dict(), facts, total, command=command, intervals=intervals)
        return Outcome(record, tuple(ids), per_image)

    return [outcome(segmenter, matrices) for segmenter, matrices in zip(segmenters, results, strict=True)]


def save_outcomes(folder: Path, outcomes: Sequence[Outcome], profiles: Sequence[Profile] = ()) -> None:
    """Write ``records/NAME.json``, the matrices of every image beside it, and ``records/NAME.profile.json``."""
    for outcome in outcomes:
        write_text(folder / "records" / f"{outcome.record.name}.json", outcome.record.to_json())
        write_per_image(folder / "records" / f"{outcome.record.name}.npz", outcome.ids, outcome.per_image)
    for measured in profiles:
        write_text(folder / "records" / f"{measured.model}.profile.json", measured.to_json())


def save_class_maps(folder: Path, names: Sequence[str], dataset: Dataset, result: Evaluated) -> None:
    """Write every model's class map of an image as label ids, ``folder/NAME/ID.png``: what ``segbench score`` reads."""
    ids = np.zeros(256, np.uint8)
    ids[: len(dataset.labels.classes)] = dataset.labels.id_of_index
    for name, class_map in zip(names, result.class_maps, strict=True):
        write_labels(folder / name / f"{result.sample.id}.png", ids[class_map])


def image_size(sample: Sample) -> tuple[int, int]:
    """(height, width) of a sample's image."""
    height, width, _ = read_photograph(sample).shape
    return height, width
