"""Pictures of what networks made of a few images: of samples spread over the split, and of the images on which they fail."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from segbench.datasets.base import Dataset, read_photograph
from segbench.evaluation.inference import evaluate
from segbench.evaluation.protocol import Protocol
from segbench.evaluation.run import Outcome
from segbench.files.names import file_stem
from segbench.metrics.image_scores import image_class_iou, worst_images
from segbench.models.segmenter import Segmenter
from segbench.report.plots.gallery import Failure, failure_gallery
from segbench.report.plots.samples import sample_overlay
from segbench.report.plots.strips import write_strips

OVERLAYS = 3


def write_overlays(folder: Path, segmenters: Sequence[Segmenter], dataset: Dataset, protocol: Protocol) -> None:
    """``sample-NAME-ID.png``: image, target, prediction and errors, for a few samples spread over the split."""
    chosen = dataset.samples[:: max(1, len(dataset) // OVERLAYS)][:OVERLAYS]
    for result in evaluate(segmenters, replace(dataset, samples=chosen), protocol=protocol, keep_class_maps=True):
        image, target = read_photograph(result.sample), dataset.labels.index_of_id[dataset.read_target(result.sample)]
        for segmenter, pred in zip(segmenters, result.class_maps, strict=True):
            path = folder / f"sample-{file_stem(segmenter.title)}-{Path(result.sample.id).name}.png"
            sample_overlay(image, target, pred, dataset.labels, None, path)


def write_galleries(
    folder: Path,
    segmenters: Sequence[Segmenter],
    outcomes: Sequence[Outcome],
    dataset: Dataset,
    protocol: Protocol,
) -> None:
    """``plots/gallery-NAME.png``: for each class the image on which it fares worst. Those images are run again; nothing was kept of them.

    ``gallery/NAME`` gets small pictures of the first ones, which the page of the boards shows.
    """
    for segmenter, outcome in zip(segmenters, outcomes, strict=True):
        failures = _failures(segmenter, outcome, dataset, protocol)
        if failures:
            title = f"{segmenter.title}: the image on which each class fares worst, {dataset.title}"
            stem = file_stem(segmenter.title)
            failure_gallery(failures, dataset.labels, title, folder / "plots" / f"gallery-{stem}.png")
            write_strips(folder / "gallery" / stem, failures, dataset.labels)


def _failures(segmenter: Segmenter, outcome: Outcome, dataset: Dataset, protocol: Protocol) -> list[Failure]:
    """Worst first. An image on which several classes fare worst stands there once."""
    iou, names = image_class_iou(outcome.counted.confusions), outcome.record.labels.class_names
    classes: dict[int, list[tuple[str, float]]] = defaultdict(list)
    for index, image in enumerate(worst_images(outcome.counted.confusions)):
        if image is not None:
            classes[image].append((names[index], float(iou[image, index])))
    order = sorted(classes, key=lambda image: min(score for _, score in classes[image]))
    chosen = replace(dataset, samples=tuple(dataset.samples[image] for image in order))
    results = evaluate([segmenter], chosen, protocol=protocol, keep_class_maps=True)
    return [
        Failure(
            result.sample.id,
            tuple(sorted(classes[image], key=lambda each: each[1])),
            read_photograph(result.sample),
            dataset.labels.index_of_id[dataset.read_target(result.sample)],
            result.class_maps[0],
        )
        for image, result in zip(order, results, strict=True)
    ]
