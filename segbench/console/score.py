"""`segbench score`: counting with progress, the table."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from segbench.console.errors import print_causes, print_strata, print_trimap
from segbench.console.surface import print_surface_of
from segbench.console.terminal import console, progress_bar, table
from segbench.datasets.base import Dataset
from segbench.datasets.opening import label_space
from segbench.files.remote import same_file
from segbench.labels.files import read_label_space
from segbench.labels.mapping import LabelMapping, describe_mapping, read_mapping
from segbench.metrics.image_counts import Counted
from segbench.records.run_record import RunRecord
from segbench.report.tables.cautions import averaging, cautions
from segbench.report.tables.intervals import few_groups, half_width, interval_note, without_interval
from segbench.report.tables.metrics import ALWAYS, METRICS, OTHERWISE
from segbench.report.tables.numbers import cut_note, percent, shown_classes
from segbench.scoring.folder import require_scorable
from segbench.scoring.pair_counting import count_folder
from segbench.scoring.task import Scoring


def score_with_progress(scoring: Scoring, workers: int) -> Counted:
    """Score a folder of label maps, or one; a bar counts the pairs."""
    with progress_bar("scoring") as bar:
        pairs = count_folder(scoring.preds, scoring.dataset, scoring.counting, names=scoring.names, workers=workers)
        items = bar.track(pairs, total=len(scoring.dataset), description="scoring")
        counted = Counted.of(scoring.counting, items)
    require_scorable(counted)
    return counted


def mapping_of(rule: str, pred_labels: str, dataset: Dataset) -> LabelMapping | None:
    """What predicted label ids of another label space (a dataset's name, or YAML) stand for; ``None`` if it is the dataset's own.

    :raises SegbenchError: there is no such label space, or the rule does not fit.
    """
    path = Path(pred_labels)
    source = read_label_space(path) if path.suffix in (".yaml", ".yml") else label_space(pred_labels)
    if source == dataset.labels.averaging(dataset.labels.class_names):
        return None
    mapping = read_mapping(rule).between(source, dataset.labels)
    console(stderr=True).print(describe_mapping(mapping), markup=False, soft_wrap=True)
    return mapping


def print_scores(record: RunRecord) -> None:
    """The scores as tables on standard output; warnings on standard error where they mean less than they seem to."""
    scores, labels = record.scores, record.labels
    show = console()
    for caution in cautions(record):
        console(stderr=True).print(f"warning: {caution}", markup=False, soft_wrap=True)
    columns = {
        "class": list(labels.class_names),
        "IoU": list(map(percent, scores.class_iou, half_width(record, "class_iou"))),
        "Dice": list(map(percent, scores.class_dice, half_width(record, "class_dice"))),
        "precision": list(map(percent, scores.class_precision, half_width(record, "class_precision"))),
        "recall": list(map(percent, scores.class_recall, half_width(record, "class_acc"))),
    }
    if record.iiou:
        iiou = [record.iiou.get(name, np.nan) for name in labels.class_names]
        columns["iIoU"] = list(map(percent, iiou, half_width(record, "class_iiou")))
    if record.boundary:
        columns["boundary IoU"] = list(map(percent, record.boundary.class_iou, half_width(record, "boundary_iou")))
    shown = shown_classes(scores.class_iou.tolist())
    rows = list(zip(*columns.values(), strict=True))
    show.print(table(list(columns), [rows[index] for index in shown]))
    if note := cut_note(len(rows), len(shown)):
        show.print(f"{note}; --json FILE has them all", style="dim", markup=False, soft_wrap=True)
    if scores.category_iou:
        categories = zip(scores.category_iou.items(), half_width(record, "category_iou"), strict=True)
        show.print(table(["category", "IoU"], [[name, percent(iou, width)] for (name, iou), width in categories]))
    if record.errors:
        print_causes(record)
    if record.trimap:
        print_trimap(record)
    if record.strata:
        print_strata(record)
    if record.surface:
        print_surface_of(record)
    show.print("   ".join(_headline(record)) + "   (per cent)")
    show.print(averaging(record), style="dim", markup=False, soft_wrap=True)
    for note in (interval_note([record]), without_interval(record)):
        if note:
            show.print(note, style="dim", markup=False, soft_wrap=True)
    if caution := few_groups(record):
        console(stderr=True).print(f"warning: {caution}", markup=False, soft_wrap=True)
    if record.boundary:
        pixels = " or ".join(map(str, sorted({record.boundary.widths[0], record.boundary.widths[-1]})))
        show.print(f"boundary IoU within {100 * record.boundary.ratio:g} % of the diagonal ({pixels} px) of an edge", style="dim")
    show.print(f"{record.dataset['images']} images   {record.signature}", style="dim")


def print_doubts(preds: Path | None, gts: Path | None, dataset: Dataset, counted: Counted) -> None:
    """What makes scores doubtful that are not wrong, on standard error. ``preds`` is ``None`` where only counts are there."""
    targets = dataset.root if gts is None else gts
    if preds is not None and preds.exists() and targets.exists() and same_file(preds, targets):
        doubt = f"PREDS and GTS are the same: {preds}"
    elif counted.alike:
        doubt = "every pixel of every prediction is as in its target, void too: is PREDS a copy of the targets?"
    else:
        return
    console(stderr=True).print(f"warning: {doubt}", markup=False, soft_wrap=True)


def print_conventions(explained: Mapping[str, float]) -> None:
    """What the same label maps reach under the rules of other tools, on standard output, with as many digits as tell them apart."""
    rows = [[name, f"{100 * value:.4f}"] for name, value in explained.items()]
    console().print(table(["the same label maps elsewhere", "%"], rows))


def _headline(record: RunRecord) -> Iterator[str]:
    for name, metric in METRICS.items():
        value = metric.of(record)
        if name in ALWAYS or not math.isnan(value):
            also = next((f" ({also})" for also, own in OTHERWISE.items() if own == name), "")
            yield f"{name}{also} {percent(value, float(half_width(record, metric.field)))}"
