"""Pictures of what networks made of a few images: of samples spread over the split, and of the images on which they fail."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from segbench.benchmark.class_map_keeping import KeptMaps, overlay_samples
from segbench.datasets.base import Sample, read_photograph
from segbench.evaluation.run import Evaluation, Outcome
from segbench.files.names import file_stem
from segbench.metrics.image_scores import worst_images
from segbench.models.segmenter import Segmenter
from segbench.report.plots.gallery import Failure, failure_gallery
from segbench.report.plots.samples import sample_overlay
from segbench.report.plots.strips import write_strips


@dataclass(frozen=True, eq=False)
class Pictures:
    """What is drawn of an evaluation into ``folder``, from class maps that were kept while it counted.

    A network runs again only on samples that were counted before this process, or by another.
    """

    evaluation: Evaluation
    kept: KeptMaps
    folder: Path

    def overlays(self, segmenters: Sequence[Segmenter]) -> Iterator[None]:
        """``plots/sample-NAME-ID.png``: image, target, prediction and errors, for a few samples spread over the split; one at a time."""
        labels = self.evaluation.dataset.labels
        for sample in overlay_samples(self.evaluation.dataset):
            image, target = read_photograph(sample), self._target(sample)
            for segmenter in segmenters:
                path = self.folder / "plots" / f"sample-{file_stem(segmenter.title)}-{Path(sample.id).name}.png"
                sample_overlay(image, target, self._class_maps(segmenter, [sample])[0], labels, None, path)
                yield

    def gallery(self, segmenter: Segmenter, outcome: Outcome) -> None:
        """``plots/gallery-NAME.png``: for each class the image on which it fares worst.

        ``gallery/NAME`` gets small pictures of the first ones, which the page of the boards shows.
        """
        if failures := self._failures(segmenter, outcome):
            dataset, stem = self.evaluation.dataset, file_stem(segmenter.title)
            title = f"{segmenter.title}: the image on which each class fares worst, {dataset.title}"
            failure_gallery(failures, dataset.labels, title, self.folder / "plots" / f"gallery-{stem}.png")
            write_strips(self.folder / "gallery" / stem, failures, dataset.labels)

    def _failures(self, segmenter: Segmenter, outcome: Outcome) -> list[Failure]:
        """Worst first. An image on which several classes fare worst stands there once."""
        classes: dict[int, list[tuple[str, float]]] = defaultdict(list)
        for name, worst in zip(outcome.record.labels.class_names, worst_images(outcome.counted.matrices), strict=True):
            if worst is not None:
                classes[worst[0]].append((name, worst[1]))
        order = sorted(classes, key=lambda image: min(score for _, score in classes[image]))
        samples = [self.evaluation.dataset.samples[image] for image in order]
        return [
            Failure(sample.id, tuple(sorted(classes[image], key=lambda each: each[1])), read_photograph(sample), self._target(sample), pred)
            for image, sample, pred in zip(order, samples, self._class_maps(segmenter, samples), strict=True)
        ]

    def _target(self, sample: Sample) -> NDArray[np.uint8]:
        dataset = self.evaluation.dataset
        return dataset.labels.index_of_id[dataset.read_target(sample)]

    def _class_maps(self, segmenter: Segmenter, samples: Sequence[Sample]) -> list[NDArray[np.uint8]]:
        kept = {sample.id: self.kept.take(segmenter.title, sample.id) for sample in samples}
        missing = replace(self.evaluation.dataset, samples=tuple(sample for sample in samples if kept[sample.id] is None))
        if len(missing):
            alone = replace(self.evaluation, segmenters=[segmenter])
            kept |= {result.sample.id: result.class_maps[0] for result in alone.evaluate(missing, keep_class_maps=True)}
        return [found for found in kept.values() if found is not None]
