"""The main job: models with weights, on a dataset, to records."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import astuple, dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from segbench.datasets.base import Dataset, Sample, read_photograph
from segbench.evaluation.execution import AS_IT_IS, Execution
from segbench.evaluation.inference import Evaluated, evaluate
from segbench.evaluation.protocol import Protocol
from segbench.evaluation.resume import resumed
from segbench.files.json_text import write_text
from segbench.files.names import file_stem
from segbench.images.files import write_labels
from segbench.labels.mapping import LabelMapping, MappingRule, outside_id
from segbench.labels.space import LabelSpace
from segbench.metrics.confusion import ConfusionMatrix
from segbench.metrics.per_image import PerImage
from segbench.metrics.region_scores import mean_scores
from segbench.metrics.region_scores_of_masks import cell_scores
from segbench.metrics.uncertainty import bootstrap
from segbench.models.facts import model_facts
from segbench.models.segmenter import Segmenter
from segbench.records.data_facts import data_facts
from segbench.records.device import device_name, device_software
from segbench.records.environment import environment
from segbench.records.per_image import write_per_image
from segbench.records.profile import Profile
from segbench.records.provenance import extra_data
from segbench.records.run_record import RunRecord


@dataclass(frozen=True)
class Outcome:
    """One model's record, and what was counted in every image."""

    record: RunRecord
    ids: tuple[str, ...]
    per_image: PerImage


def map_labels(rule: MappingRule | None, segmenters: Sequence[Segmenter], dataset: Dataset) -> list[LabelMapping | None]:
    """For each model what its classes stand for in the dataset; ``None`` where they are the dataset's own, and no rule is needed.

    :raises LabelError: the rule does not fit one of them.
    """
    spaces = [segmenter.labels for segmenter in segmenters]
    same = dataset.labels.class_names
    return [None if rule is None or space.class_names == same else rule.between(space, dataset.labels) for space in spaces]


def run(
    segmenters: Sequence[Segmenter],
    dataset: Dataset,
    *,
    protocol: Protocol | None = None,
    command: str = "",
    on_image: Callable[[Evaluated], None] = lambda result: None,
    keep_class_maps: bool = False,
    mappings: Sequence[LabelMapping | None] = (),
    execution: Execution = AS_IT_IS,
    unfinished: Path | None = None,
) -> list[Outcome]:
    """Evaluate models on a dataset: one record each. Every image is read once for all of them.

    :param execution: what the segmenters were prepared for, for the record.
    :param unfinished: where counts are kept, so that the same run goes on where it was killed; class maps of what was done are not given
        again. Whoever writes the records removes it.
    """
    protocol = protocol or Protocol()
    mappings = mappings or [None] * len(segmenters)
    spaces = [mapping.compared if mapping else dataset.labels for mapping in mappings]
    results: list[list[ConfusionMatrix]] = [[] for _ in segmenters]
    ids, histograms = [], []
    regions: list[list[tuple[float, float]]] = [[] for _ in segmenters]
    keep_class_maps = keep_class_maps or dataset.segments is not None
    how = partial(evaluate, segmenters, protocol=protocol, keep_class_maps=keep_class_maps, mappings=mappings, graphs=execution.graphs)
    ways: list[Counter[str]] = [Counter() for _ in segmenters]
    for result in resumed(unfinished, dataset, how):
        on_image(result)
        for counter, way in zip(ways, result.passes, strict=bool(result.passes)):
            counter[way] += 1
        ids.append(result.sample.id)
        histograms.append(result.counts[0].sum(axis=1))
        for matrices, pairs, space in zip(results, result.counts, spaces, strict=True):
            matrices.append(ConfusionMatrix.from_pairs(space, pairs, space.index_from(dataset.labels)))
        if dataset.segments is not None:
            for scores, class_map in zip(regions, result.class_maps, strict=True):
                scores.append(_segment_scores(dataset, result.sample, class_map))
    data = data_facts(dataset, list(zip(ids, histograms, strict=True)))
    device = segmenters[0].device
    facts = environment(device=device_name(device), threads=torch.get_num_threads(), **device_software(device), **execution.facts())
    size = timed_size(segmenters, dataset)

    def outcome(
        segmenter: Segmenter,
        matrices: list[ConfusionMatrix],
        mapping: LabelMapping | None,
        space: LabelSpace,
        of_cells: list[tuple[float, float]],
        passes: Counter[str],
    ) -> Outcome:
        per_image, total = np.stack([matrix.counts for matrix in matrices]), ConfusionMatrix.total(matrices, space)
        segments = np.array(of_cells) if of_cells else None
        counted = PerImage(per_image, segments=segments)
        intervals, model = bootstrap(space, counted), model_facts(segmenter, size)
        model["extra_data"] = extra_data(segmenter.trained_on, dataset.name)
        how = protocol.to_dict()
        if mapping is not None:
            model, how = model | {"mapping": mapping.facts()}, how | {"map": mapping.signature}
        machine = facts | ({"passes": dict(passes)} if device.type == "cuda" else {})
        record = RunRecord(model, data, how, machine, total, command=command, intervals=intervals)
        if segments is not None:
            record = replace(record, segments=mean_scores(segments))
        return Outcome(record, tuple(ids), counted)

    return [outcome(*each) for each in zip(segmenters, results, mappings, spaces, regions, ways, strict=True)]


def _segment_scores(dataset: Dataset, sample: Sample, class_map: NDArray[np.uint8]) -> tuple[float, float]:
    """V_rand and V_info of one class map, uint8[H, W] in the dataset's class indices."""
    cells = dataset.labels.class_names.index(str(dataset.segments))
    target = dataset.labels.index_of_id[dataset.read_target(sample)]
    return astuple(cell_scores(target == cells, class_map == cells))


def save_outcomes(folder: Path, outcomes: Sequence[Outcome], profiles: Sequence[Profile] = ()) -> None:
    """Write ``records/NAME.json``, the matrices of every image beside it, and ``records/NAME.profile.json``."""
    for outcome in outcomes:
        stem = file_stem(outcome.record.name)
        write_text(folder / "records" / f"{stem}.json", outcome.record.to_json())
        write_per_image(folder / "records" / f"{stem}.npz", outcome.ids, outcome.per_image)
    for measured in profiles:
        write_text(folder / "records" / f"{file_stem(measured.model)}.profile.json", measured.to_json())


def save_class_maps(folder: Path, names: Sequence[str], dataset: Dataset, result: Evaluated) -> None:
    """Write every model's class map of an image as label ids, ``folder/NAME/ID.png``: what ``segbench score`` reads."""
    ids = np.full(256, outside_id(dataset.labels), np.uint8)
    ids[: len(dataset.labels.classes)] = dataset.labels.id_of_index
    for name, class_map in zip(names, result.class_maps, strict=True):
        write_labels(folder / file_stem(name) / f"{result.sample.id}.png", ids[class_map])


def timed_size(segmenters: Sequence[Segmenter], dataset: Dataset) -> tuple[int, int]:
    """(height, width) at which networks are counted and timed: the images', or the only one that a frozen network among them takes."""
    frozen = (getattr(segmenter.network, "only_size", None) for segmenter in segmenters)
    return next((size for size in frozen if size), None) or image_size(dataset.samples[0])


def image_size(sample: Sample) -> tuple[int, int]:
    """(height, width) of a sample's image."""
    height, width, _ = read_photograph(sample).shape
    return height, width
