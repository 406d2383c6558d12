"""`segbench compare`: the differences of two records as tables."""

from __future__ import annotations

import math
from pathlib import Path

from segbench.comparing import Compared, compare_records
from segbench.core.uncertainty import holm
from segbench.report.formats import DASH
from segbench.report.terminal import console, percent, table

METRICS = {
    "mIoU": "miou",
    "acc": "acc",
    "acc_cls": "acc_cls",
    "fwIoU": "fwiou",
    "category mIoU": "category_miou",
    "iIoU": "iiou",
    "boundary IoU": "boundary_miou",
    "V_rand": "v_rand",
    "V_info": "v_info",
}
OF_CLASSES = {"IoU": "class_iou", "boundary IoU": "boundary_iou", "iIoU": "class_iiou"}


def compare_and_print(a: Path, b: Path, groups: str | None, images: int) -> None:
    """Print what differs: every metric, every class, and the images that changed most."""
    compared = compare_records(a, b, groups)
    names = _names(compared)
    show = console()
    columns = [*names, "difference", "95 % interval", "p"]
    show.print(table(["metric", *columns], [_row(compared, m, f) for m, f in METRICS.items() if f in compared.found.difference]))
    for metric, field in OF_CLASSES.items():
        if field in compared.found.difference:
            show.print(table([f"class {metric}", *columns], _class_rows(compared, field)))
    if chosen := compared.changed_most(images):
        x, y = compared.image_mious
        rows = [[compared.ids[i], percent(x[i]), percent(y[i]), _signed(x[i] - y[i])] for i in chosen]
        show.print(table(["images that changed most (mIoU in the image)", *names, "difference"], rows))
    show.print(verdict(compared, names), markup=False)
    for note in _notes(compared):
        show.print(note, style="dim", soft_wrap=True, markup=False)


def verdict(compared: Compared, names: tuple[str, str]) -> str:
    """Which of the two is better, or that these images do not tell."""
    difference, p = float(compared.found.difference["miou"]), float(compared.found.p_value["miou"])
    low, high = compared.found.intervals.bounds["miou"].tolist()
    if math.isnan(difference):
        return "No mIoU is defined, so nothing is better."
    if p > 1 - compared.found.intervals.level or not difference:
        return f"These images do not tell the mIoU of {names[0]} and {names[1]} apart ({_p_is(p)})."
    better, worse = names
    if difference < 0:
        difference, low, high, better, worse = -difference, -high, -low, *names[::-1]
    return f"The mIoU of {better} is higher than that of {worse} by {100 * difference:.1f} {_interval(low, high)}, {_p_is(p)}."


def _names(compared: Compared) -> tuple[str, str]:
    first, second = compared.a.name, compared.b.name
    return (first, second) if first != second else (f"{first} (A)", f"{second} (B)")


def _row(compared: Compared, metric: str, field: str) -> list[str]:
    a, b = (float(scores[field]) for scores in compared.scores)
    found = compared.found
    low, high = found.intervals.bounds[field].tolist()
    return [metric, percent(a), percent(b), _signed(float(found.difference[field])), _interval(low, high), _p(float(found.p_value[field]))]


def _class_rows(compared: Compared, field: str) -> list[list[str]]:
    a, b = compared.scores[0][field], compared.scores[1][field]
    found, rows = compared.found, []
    adjusted = holm(found.p_value[field].tolist())
    for i, name in enumerate(compared.a.labels.class_names):
        low, high = found.intervals.bounds[field][i].tolist()
        difference = _signed(float(found.difference[field][i]))
        rows.append([name, percent(a[i]), percent(b[i]), difference, _interval(low, high), _p(adjusted[i])])
    return rows


def _notes(compared: Compared) -> list[str]:
    intervals = compared.found.intervals
    draws = "all" if compared.found.exact else f"{intervals.replicates} drawn"
    return [
        f"paired bootstrap over {intervals.units} {intervals.unit} ({intervals.replicates} replicates, seed {intervals.seed}); p: {draws} "
        "exchanges of the two models on these; of classes: Holm-corrected for the number of classes",
        compared.a.signature,
    ]


def _signed(fraction: float) -> str:
    return DASH if math.isnan(fraction) else f"{100 * fraction:+.1f}"


def _interval(low: float, high: float) -> str:
    return DASH if math.isnan(low) else f"[{100 * low:+.1f}, {100 * high:+.1f}]"


def _p_is(value: float) -> str:
    return f"p {_p(value)}" if value < 0.001 else f"p = {_p(value)}"


def _p(value: float) -> str:
    return DASH if math.isnan(value) else "< 0.001" if value < 0.001 else f"{value:.3f}"
