"""A comparison as one Markdown comment for a pull request: the gates, what fell or rose, in which classes and in which images."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from segbench.records.comparison import Compared, Difference
from segbench.records.gate import Judgement
from segbench.report.tables.beside import rows_beside
from segbench.report.tables.formats import escape, markdown_lines
from segbench.report.tables.intervals import FEW_GROUPS, paired_method
from segbench.report.tables.metrics import METRICS
from segbench.report.tables.numbers import interval, p_value, percent, signed

MARK = "<!-- segbench compare -->"
"""By this line a later comment finds the one that it replaces."""
CHANCE = 0.05


def comment_of(compared: Compared, judgements: Sequence[Judgement], images: int) -> str:
    """The comment; ``a`` is before the change and ``b`` after it, and every difference is after minus before.

    :param images: how many of those that changed most to list.
    """
    metrics = [replace(_turned(known), name=name) for name, metric in METRICS.items() if (known := compared.metric(metric.field))]
    classes = list(map(_turned, compared.classes("class_iou")))
    changed = [each for each in classes if each.p <= CHANCE]
    parts = [MARK, f"### {_headline(compared, judgements)}", gates_table(judgements), _table("metric", metrics)]
    if changed:
        parts += ["**Classes whose IoU changed beyond chance**", _table("class", sorted(changed, key=lambda each: each.difference))]
    else:
        parts += ["No class changed beyond chance."]
    for _, title, rows in differences_beside(compared):
        parts += [_folded(title, _table(title, list(map(_turned, rows))))]
    parts += [_images(compared, images), _folded("IoU of every class", _table("class", classes)), *map(_small, _notes(compared))]
    return "\n\n".join(part.rstrip("\n") for part in parts if part) + "\n"


def differences_beside(compared: Compared) -> list[tuple[str, str, list[Difference]]]:
    """What both records have counted beside pairs, in tables: what each is called in JSON, its title, and its rows."""
    return [
        (called, title, [replace(known, name=name) for name, field in rows if (known := compared.metric(field))])
        for called, title, rows in rows_beside(compared.found.difference)
    ]


def _headline(compared: Compared, judgements: Sequence[Judgement]) -> str:
    closed = [each for each in judgements if each.closed]
    miou = compared.metric("miou")
    change = "" if miou is None or math.isnan(miou.difference) else f"mIoU {signed(-miou.difference)} points"
    if closed:
        return f"segbench: {len(closed)} of {len(judgements)} gates closed; {change}"
    known = {"a": "worse beyond chance", "b": "better beyond chance", None: "these images do not tell the two apart"}[compared.better]
    return f"segbench: {change}; {known}" + ("; every gate is open" if judgements else "")


def gates_table(judgements: Sequence[Judgement]) -> str:
    """A row for each gate; nothing where there is none."""
    rows = [
        [f"`{each.gate.text}`", signed(each.change), interval(*each.interval), "**closed**" if each.closed else "open"]
        for each in judgements
    ]
    return markdown_lines(["gate", "change", "interval", "it is"], rows, text=("gate", "it is")) if rows else ""


def _table(first: str, rows: Sequence[Difference]) -> str:
    cells = [
        [escape(each.name), percent(each.a), percent(each.b), signed(each.difference), interval(*each.interval), p_value(each.p)]
        for each in rows
    ]
    return markdown_lines([first, "before", "after", "change", "95 % interval", "p"], cells, text=(first,))


def _images(compared: Compared, images: int) -> str:
    before, after = compared.image_mious
    rows = [
        [f"<code>{escape(compared.ids[i])}</code>", percent(before[i]), percent(after[i]), signed(after[i] - before[i])]
        for i in compared.changed_most(images)
    ]
    if not rows:
        return "No image changed."
    table = markdown_lines(["image", "before", "after", "change"], rows, text=("image",))
    return _folded(f"{len(rows)} images that changed most (mIoU in the image)", table)


def _folded(title: str, table: str) -> str:
    return f"<details><summary>{title}</summary>\n\n{table}\n</details>"


def _small(note: str) -> str:
    return f"<sub>{note}</sub>"


def _notes(compared: Compared) -> list[str]:
    found = compared.found.intervals
    few = f"; {found.units} are few, and intervals over fewer than {FEW_GROUPS} are too narrow" if found.units < FEW_GROUPS else ""
    before, after = (escape(record.name) for record in (compared.a, compared.b))
    method = paired_method(found)
    return [
        f"Before: {before}; after: {after}. {method[0].upper()}{method[1:]}{few}; p of classes is Holm-corrected.",
        f"<code>{escape(compared.a.signature)}</code>",
    ]


def _turned(known: Difference) -> Difference:
    low, high = known.interval
    return replace(known, difference=-known.difference, interval=(-high, -low))
