"""`segbench worst`: where a model fares worst, image by image."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from segbench.console.terminal import console, table
from segbench.errors import RecordError, nearest
from segbench.files.json_text import dump_json
from segbench.metrics.image_scores import class_iou, image_class_iou, image_miou
from segbench.records.per_image import images_file, read_per_image
from segbench.records.run_record import RunRecord, read_run
from segbench.report.tables.numbers import percent

CLASSES = 3


def print_worst(file: Path, images: int, class_name: str | None, *, as_json: bool) -> None:
    """Print the images of a record with the lowest mIoU over their own classes, or where one class fares worst, the lowest first.

    :raises RecordError: the record has no counts of its images beside it, or no such class.
    """
    record = read_run(file)
    rows = worst(record, images_file(file), images, class_name)
    if as_json:
        print(dump_json(rows), end="")
        return
    what = f"IoU of {class_name}" if class_name else "mIoU"
    cells = [[row["id"], percent(row["iou"]), ", ".join(f"{name} {percent(iou)}" for name, iou in row["classes"].items())] for row in rows]
    show = console()
    show.print(table(["image", what, "its lowest classes"], cells, text=("its lowest classes",)))
    show.print(
        f"{record.name}; in per cent, over the classes that the target of an image holds; never a score of the data set", style="dim"
    )


def worst(record: RunRecord, counts: Path, images: int, class_name: str | None = None) -> list[dict[str, Any]]:
    """For each image its ``id``, its ``iou`` (of the class, or the mean of its own) and its lowest ``classes`` with their IoU."""
    if not counts.is_file():
        raise RecordError(f"{counts} is missing: it holds what was counted in every image; `run` and `score --json` write it")
    names = record.labels.class_names
    if class_name is not None and class_name not in names:
        raise RecordError(f"no class {class_name!r} in {record.labels.name}; {nearest(class_name, names)}")
    ids, counted = read_per_image(counts)
    matrices = counted.matrices
    chosen = image_miou(matrices) if class_name is None else image_class_iou(matrices, [names.index(class_name)])[:, 0]
    order = [index for index in np.argsort(chosen, kind="stable").tolist() if not np.isnan(chosen[index])]
    rows = []
    for index in order[:images]:
        ((_, sums),) = matrices.sums(index, index + 1)
        iou = class_iou(sums)[0]
        lowest = [each for each in np.argsort(iou, kind="stable")[:CLASSES].tolist() if not np.isnan(iou[each])]
        classes = {names[each]: float(iou[each]) for each in lowest}
        rows.append({"id": ids[index], "iou": float(chosen[index]), "classes": classes})
    return rows
