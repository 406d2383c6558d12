"""`segbench ceiling` and `segbench suspects`: what the targets of a data set are worth."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, fields
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from segbench.checks.label_noise import Ceiling, ceilings
from segbench.checks.suspects import Network, Read, Suspect, suspects
from segbench.console.terminal import console, progress_bar, table
from segbench.datasets.base import Dataset, Sample, read_photograph
from segbench.errors import DataError, RecordError
from segbench.files.csv_text import csv_of
from segbench.files.json_text import dump_json, write_text
from segbench.files.names import file_stem
from segbench.images.files import read_labels
from segbench.records.run_record import RunRecord
from segbench.report.plots.gallery import Failure, failure_gallery
from segbench.report.tables.numbers import percent

MARGIN = 24
"""Pixels around a suspect in its picture."""


def print_ceiling(dataset: Dataset, *, jitter: float, drawings: int, seed: int, workers: int, out: Path | None, as_json: bool) -> None:
    """Print what redrawn targets reach, over all and by class, the lowest class first."""
    found = None
    with progress_bar("redrawing") as bar:
        task = bar.add_task("redrawing", total=drawings * len(dataset))
        for step in ceilings(dataset, jitter, drawings, seed=seed, workers=workers):
            if isinstance(step, Ceiling):
                found = step
            else:
                bar.update(task, completed=step)
    assert found is not None
    if out:
        write_text(out, dump_json(found.to_dict()))
    if as_json:
        print(dump_json(found.to_dict()), end="")
        return
    show = console()
    order = sorted(((iou, name) for name, iou in found.class_iou.items() if iou is not None))
    show.print(table(["class", "IoU"], [[name, percent(iou)] for iou, name in order]))
    show.print(f"mIoU of the targets of {found.dataset} against themselves, redrawn by {jitter:g} px: {percent(found.miou)} %")
    show.print(
        f"{drawings} drawings, {100 * found.miou_sd:.2f} points apart (standard deviation); seed {seed}; in per cent. What another "
        "annotator would reach, who saw the same objects",
        style="dim",
    )


def print_suspects(
    runs: Mapping[Path, RunRecord],
    dataset: Dataset,
    *,
    least: int,
    images: int,
    csv_file: Path | None,
    gallery: Path | None,
    as_json: bool,
) -> None:
    """Print the segments that are most suspicious, and write all of them and pictures of the first where that is asked for.

    :raises RecordError: a record is of other classes, or there is a single one.
    :raises DataError: class maps are missing: naming the folders.
    """
    networks = _networks(runs, dataset)
    found = list[Suspect]()
    with progress_bar("looking") as bar:
        task = bar.add_task("looking", total=len(dataset))
        for some in suspects(dataset, networks, least_pixels=least):
            found += some
            bar.advance(task)
    found.sort(key=lambda each: -each.suspicion)
    if csv_file:
        write_text(csv_file, csv_of([field.name for field in fields(Suspect)], map(asdict, found)))
    if gallery and found[:images]:
        _draw(found[:images], dataset, networks, gallery)
    if as_json:
        print(dump_json([asdict(each) for each in found[:images]]), end="")
        return
    rows = [_row(each) for each in found[:images]]
    show = console()
    columns = ["image", "left, top", "size", "pixels", "target", "networks say", "on", "suspicion"]
    show.print(table(columns, rows, text=("target", "networks say")))
    show.print(
        f"{len(found)} segments of {dataset.title} on which {len(runs)} networks agree against the target; `on`: per cent of its pixels. "
        "A suspicion is no proof: look at them",
        style="dim",
    )


def _row(each: Suspect) -> list[str]:
    place, size = f"{each.left}, {each.top}", f"{each.width}x{each.height}"
    return [each.id, place, size, str(each.pixels), each.target, each.agreed, percent(each.share), f"{each.suspicion:.1f}"]


def _networks(runs: Mapping[Path, RunRecord], dataset: Dataset) -> list[Network]:
    if len(runs) < 2:
        raise RecordError("one network agrees with itself; name the records of two or more")
    others = [str(path) for path, run in runs.items() if run.labels.class_names != dataset.labels.class_names]
    if others:
        raise RecordError(f"not of the classes of {dataset.labels.name}: {', '.join(others)}")
    folders = {path: path.parent.parent / "predictions" / file_stem(run.name) for path, run in runs.items()}
    missing = [f"{folder} for {path}" for path, folder in folders.items() if not folder.is_dir()]
    if missing:
        raise DataError("class maps are not there", missing, "run the networks with --save-predictions, into the folder of their records")
    return [Network(run.confusion.counts, _reader(folders[path], dataset)) for path, run in runs.items()]


def _reader(folder: Path, dataset: Dataset) -> Read:
    def read(sample: Sample) -> NDArray[np.uint8]:
        return dataset.labels.index_of_id[read_labels(folder / f"{sample.id}.png")]

    return read


def _draw(found: list[Suspect], dataset: Dataset, networks: list[Network], png: Path) -> None:
    """Each suspect with what is around it; what most networks say stands for the prediction."""
    by_id = {sample.id: sample for sample in dataset.samples}
    failures = []
    for each in found:
        sample = by_id[each.id]
        rows = slice(max(0, each.top - MARGIN), each.top + each.height + MARGIN)
        columns = slice(max(0, each.left - MARGIN), each.left + each.width + MARGIN)
        said = np.stack([network.read(sample)[rows, columns] for network in networks])
        votes = np.stack([(said == index).sum(axis=0) for index in range(len(dataset.labels.classes))])
        target = dataset.labels.index_of_id[dataset.read_target(sample)][rows, columns]
        classes = ((f"{each.target}, they say {each.agreed}", each.share),)
        failures.append(Failure(each.id, classes, read_photograph(sample)[rows, columns], target, votes.argmax(axis=0).astype(np.uint8)))
    failure_gallery(failures, dataset.labels, f"{dataset.title}: where networks agree against the target", png)
