"""The main job: models with weights, on a dataset, to records and a board."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import astuple, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from segbench.core.confusion import ConfusionMatrix
from segbench.core.labels import LabelClass, LabelSpace
from segbench.core.replicates import PerImage
from segbench.core.segments import mean_scores
from segbench.core.uncertainty import bootstrap
from segbench.core.watershed import cell_scores
from segbench.datasets.base import Dataset, Sample, read_photograph
from segbench.datasets.images import write_labels
from segbench.datasets.mapping import LabelMapping, MappingRule, outside_id
from segbench.device_state import device_name, device_software
from segbench.errors import UnknownNameError, WeightsError
from segbench.execution import AS_IT_IS, Execution
from segbench.inference import Evaluated, evaluate
from segbench.models import BUILTIN, GROUP
from segbench.models.base import Segmenter
from segbench.models.weights import build, bundled, load
from segbench.per_image import write_per_image
from segbench.profiles import Profile
from segbench.profiling import model_facts
from segbench.protocols import Protocol
from segbench.provenance import extra_data
from segbench.records import RunRecord, data_facts, environment, write_text
from segbench.registry import names as registered_names
from segbench.resuming import resumed


@dataclass(frozen=True)
class Outcome:
    """One model's record, and what was counted in every image."""

    record: RunRecord
    ids: tuple[str, ...]
    per_image: PerImage


def trained_models(dataset: str, weights: Mapping[str, Path]) -> list[str]:
    """The registered models that have weights for a dataset: given ones, or those that come with segbench."""
    return [name for name in registered_names(BUILTIN, GROUP) if name in weights or bundled(name, dataset)]


def load_models(names: Sequence[str], dataset: Dataset, weights: Mapping[str, Path], device: torch.device) -> list[Segmenter]:
    """Models with the weights that were given, or else with those that come with segbench for this dataset, or with the model itself.

    :raises WeightsError: naming every model for which there are none, and how to get some; or two models are called alike.
    """
    if unused := sorted(set(weights) - set(names)):
        raise WeightsError(f"--weights names {', '.join(unused)}, which --models does not")
    files = {name: weights.get(name) or bundled(name, dataset.name) for name in names}
    own = {name: build(name, dataset.labels) for name, file in files.items() if file is None and name not in BUILTIN}
    if missing := [name for name, file in files.items() if file is None and not (name in own and brings_weights(own[name]))]:
        raise WeightsError(_no_weights(missing, dataset.reference))
    loaded = [own[name] if file is None else load(file, expected_model=name) for name, file in files.items()]
    called = [segmenter.name for segmenter in loaded]
    if twice := sorted({name for name in called if called.count(name) > 1}):
        raise WeightsError(f"several models are called {' and '.join(twice)}; their records would overwrite each other: rename the files")
    if starts := [s.name for s in loaded if s.trained_on is not None and s.trained_on.get("start_only")]:
        raise WeightsError(
            f"the weights of {', '.join(starts)} are a trunk's, and the rest is random, so there is no accuracy to measure.\n"
            f"  train them:  segbench train {starts[0]} --dataset {dataset.reference} --init {files[starts[0]]} "
            f"--out {starts[0]}.safetensors"
        )
    return [on_device(segmenter, device) for segmenter in loaded]


def brings_weights(segmenter: Segmenter) -> bool:
    """Whether a network that was just built knows something."""
    return segmenter.weights_sha256 is not None or segmenter.trained_on is not None


def _no_weights(missing: Sequence[str], dataset: str) -> str:
    name, file = missing[0], f"{file_stem(missing[0])}.safetensors"
    own = "  (a function of yours whose network is trained says so: Segmenter(..., trained_on={...}))\n" if ":" in name else ""
    return (
        f"no weights on {dataset} for {', '.join(missing)}, so there is no accuracy to measure.\n"
        f"  train some:  segbench train {name} --dataset {dataset} --out {file}\n"
        f"  then:        segbench run --models {name} --dataset {dataset} --weights {name}={file}\n{own}"
        f"  speed and size alone need none:  segbench profile {name}"
    )


def map_labels(rule: MappingRule | None, segmenters: Sequence[Segmenter], dataset: Dataset) -> list[LabelMapping | None]:
    """For each model what its classes stand for in the dataset; ``None`` where they are the dataset's own, and no rule is needed.

    :raises LabelError: the rule does not fit one of them.
    """
    spaces = [segmenter.labels for segmenter in segmenters]
    same = dataset.labels.class_names
    return [None if rule is None or space.class_names == same else rule.between(space, dataset.labels) for space in spaces]


def random_models(names: Sequence[str], classes: int, device: torch.device) -> list[Segmenter]:
    """Untrained networks at full width, for measuring size and speed. Those of segbench are made on the device, which draws faster."""

    def made(name: str) -> Segmenter:
        with device if name in BUILTIN else nullcontext():
            return numbered_model(name, classes)

    return [on_device(made(name), device) for name in names]


def numbered_model(name: str, classes: int, **arguments: Any) -> Segmenter:
    """A model for classes that are called 0, 1 ..., which is enough to learn what it is like.

    :raises UnknownNameError: there is no such model, or it can be built for certain classes only.
    """
    try:
        return build(name, numbered_labels(classes), **arguments)
    except (KeyError, IndexError, ValueError) as error:
        problem = f"{type(error).__name__}: {error}"
        raise UnknownNameError(f"model {name!r} cannot be built for {classes} classes called 0, 1 ..., as it must be: {problem}") from error


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
    wanted = replace(dataset, samples=dataset.samples[:limit])
    keep_class_maps = keep_class_maps or dataset.segments is not None
    how = partial(evaluate, segmenters, protocol=protocol, keep_class_maps=keep_class_maps, mappings=mappings, graphs=execution.graphs)
    ways: list[Counter[str]] = [Counter() for _ in segmenters]
    for result in resumed(unfinished, wanted, how):
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


def file_stem(name: str) -> str:
    """A model's name as a file may be called: ``hf:nvidia/segformer`` is ``hf-nvidia-segformer``."""
    return re.sub(r"[^A-Za-z0-9._+-]+", "-", name)


def timed_size(segmenters: Sequence[Segmenter], dataset: Dataset) -> tuple[int, int]:
    """(height, width) at which networks are counted and timed: the images', or the only one that a frozen network among them takes."""
    frozen = (getattr(segmenter.network, "only_size", None) for segmenter in segmenters)
    return next((size for size in frozen if size), None) or image_size(dataset.samples[0])


def image_size(sample: Sample) -> tuple[int, int]:
    """(height, width) of a sample's image."""
    height, width, _ = read_photograph(sample).shape
    return height, width
