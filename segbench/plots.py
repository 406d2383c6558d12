"""Pictures of records and images for notebooks and papers: each is drawn when it is shown or saved, light and dark.

>>> import segbench
>>> from segbench import plots
>>> plots.confusion(segbench.read_run("ours.json")).save("confusion.svg").name
'confusion.svg'
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

from segbench.datasets.base import Dataset, Sample, read_photograph
from segbench.errors import RecordError, UsageError
from segbench.metrics.image_counts import Counted
from segbench.metrics.image_scores import image_class_iou
from segbench.records.profile import Profile
from segbench.records.run_record import RunRecord
from segbench.report.plots import accuracy
from segbench.report.plots.distributions import Spread, per_image_iou
from segbench.report.plots.gallery import Failure, failure_gallery
from segbench.report.plots.samples import sample_overlay
from segbench.report.plots.speed import latency_dots

__all__ = ["Picture", "classes", "confusion", "images", "latency", "miou_against_latency", "miou_against_macs", "sample", "worst"]

LOWEST = 3  # classes that are named above an image
JPEG_QUALITY = 80  # at 2160 pixels of width, half of which a page shows


@dataclass(frozen=True)
class Picture:
    """What a notebook shows: a plot as SVG, which is dark where its reader asks for that, or photographs as JPEG, which stay small."""

    draw: Callable[[BytesIO | Path | None, Path | None], None] = field(repr=False)
    photo: bool = False

    def save(self, path: Path | str) -> Path:
        """Write it as ``.svg`` or ``.png``, a plot's PNG with a dark twin ``NAME-dark.png`` beside it; give the path.

        :raises UsageError: the name has another ending, or photographs are asked for as SVG.
        """
        path = Path(path)
        endings = (".png",) if self.photo else (".svg", ".png")
        if path.suffix.lower() not in endings:
            raise UsageError(f"{path}: a picture is written as {' or '.join(endings)}")
        self.draw(*((path, None) if path.suffix.lower() == ".svg" else (None, path)))
        return path

    def _repr_svg_(self) -> str | None:
        """What notebooks ask for first."""
        if self.photo:
            return None
        out = BytesIO()
        self.draw(out, None)
        return out.getvalue().decode()

    def _repr_jpeg_(self) -> bytes | None:
        """Photographs alone."""
        if not self.photo:
            return None
        from PIL import Image

        out = BytesIO()
        with TemporaryDirectory() as folder, Image.open(self.save(Path(folder) / "photo.png")) as image:
            image.convert("RGB").save(out, "JPEG", quality=JPEG_QUALITY)
        return out.getvalue()


def of_record(record: RunRecord, kind: str) -> Picture:
    """What ``record.plot(kind)`` gives: its ``confusion``, or the IoU of its ``classes``.

    :raises UsageError: there is no such kind.
    """
    kinds: dict[str, Callable[[], Picture]] = {"confusion": lambda: confusion(record), "classes": lambda: classes([record])}
    if kind not in kinds:
        raise UsageError(f"a record has no plot {kind!r}; it has {' and '.join(kinds)}")
    return kinds[kind]()


def confusion(record: RunRecord) -> Picture:
    """Where the pixels of each target class went, in per cent of its row."""
    return Picture(partial(accuracy.confusion_heatmap, record))


def classes(records: Sequence[RunRecord]) -> Picture:
    """The IoU of every class: a row a record, best first.

    :raises RecordError: there is no record.
    """
    if not records:
        raise RecordError("no record, no picture: give classes() one or more")
    return Picture(partial(accuracy.class_iou_heatmap, records))


def images(counted: Mapping[str, Counted]) -> Picture:
    """How models do from image to image: a point an image, quartiles, and the mIoU of the data set.

    :param counted: what was counted in every image, by the name of the model: ``Outcome.counted``, or :meth:`segbench.Meter.counted`.
    """
    return Picture(partial(per_image_iou, [Spread(name, each.matrices, each.scores.miou) for name, each in counted.items()]))


def miou_against_latency(records: Sequence[RunRecord], profiles: Sequence[Profile]) -> Picture:
    """The mIoU over the median latency of the network alone, of the records that have a profile; profiles of one setting."""
    return Picture(partial(accuracy.miou_against_latency, records, profiles))


def miou_against_macs(records: Sequence[RunRecord]) -> Picture:
    """The mIoU over multiply-accumulates, of the records that know theirs."""
    return Picture(partial(accuracy.miou_against_macs, records))


def latency(profiles: Sequence[Profile], title: str = "") -> Picture:
    """Times of networks, each with its interval, the fastest first."""
    return Picture(partial(latency_dots, profiles, title))


def sample(dataset: Dataset, which: Sample, pred: NDArray[np.uint8]) -> Picture:
    """A sample: its image, its target, a prediction and where it is wrong.

    :param pred: class indices uint8[H, W] at the image's size.
    """
    return Picture(partial(_draw_sample, dataset, which, pred), photo=True)


def worst(counted: Counted, dataset: Dataset, class_map: Callable[[Sample], NDArray[np.uint8]], number: int = 3) -> Picture:
    """The images with the lowest mIoU over their own classes, worst first: image, target, prediction, errors.

    :param counted: what was counted in the images of ``dataset``.
    :param class_map: gives the class indices uint8[H, W] of a sample; called for the images that are shown alone.
    """
    return Picture(partial(_draw_worst, counted, dataset, class_map, number), photo=True)


def _draw_sample(dataset: Dataset, which: Sample, pred: NDArray[np.uint8], svg: None, png: Path) -> None:
    target = dataset.labels.index_of_id[dataset.read_target(which)]
    sample_overlay(read_photograph(which), target, np.asarray(pred), dataset.labels, svg, png)


def _draw_worst(
    counted: Counted, dataset: Dataset, class_map: Callable[[Sample], NDArray[np.uint8]], number: int, svg: None, png: Path
) -> None:
    of_id, position = {each.id: each for each in dataset.samples}, {id: at for at, id in enumerate(counted.ids)}
    iou, names = image_class_iou(counted.matrices), dataset.labels.class_names
    failures = []
    for id, _ in counted.worst(number):
        row = iou[position[id]]
        lowest = [(names[at], float(row[at])) for at in np.argsort(row, kind="stable").tolist() if not np.isnan(row[at])]
        target = dataset.labels.index_of_id[dataset.read_target(of_id[id])]
        failures.append(Failure(id, tuple(lowest[:LOWEST]), read_photograph(of_id[id]), target, np.asarray(class_map(of_id[id]))))
    failure_gallery(failures, dataset.labels, f"the images that fare worst, {dataset.title}; above each its lowest classes", png)
