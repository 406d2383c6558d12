"""`segbench compare 'A-*.json' 'B-*.json'`: two models with several seeds each."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from segbench.console.compare import Show, judgement_facts, print_judgements
from segbench.console.terminal import NOTE, console, table
from segbench.files.json_text import dump_json
from segbench.metrics.per_image import kind_of
from segbench.metrics.uncertainty import holm
from segbench.records.gate import Gate, judge
from segbench.records.groups import Draws
from segbench.records.seeds import SeedsCompared, compare_seed_records
from segbench.report.tables.beside import rows_beside
from segbench.report.tables.comment import MARK, gates_table
from segbench.report.tables.formats import escape, markdown_lines
from segbench.report.tables.intervals import DRAWN_ALSO, JACKKNIFE
from segbench.report.tables.metrics import METRICS
from segbench.report.tables.numbers import interval, p_value, percent, shown_classes, signed

SHOWN = 0.005
"""The difference that a few seeds should show: 0.5 points."""


def compare_seeds_and_print(a: Sequence[Path], b: Sequence[Path], draws: Draws, show: Show, gates: Sequence[Gate] = ()) -> bool:
    """Print the difference of two models, and how much of its variance images and seeds make. Return whether every gate is open."""
    compared = compare_seed_records(a, b, draws.groups, draws.replicates)
    judgements = [judge(gate, compared) for gate in gates]
    tables = [("metric", _metrics(compared)), *_beside(compared), ("class IoU", _classes(compared))]
    head = ["", *_names(compared), "difference", "95 % interval", "p"]
    if show.form == "json":
        known = facts(compared) | ({"gates": list(map(judgement_facts, judgements))} if judgements else {})
        print(dump_json(known), end="")
    elif show.form == "markdown":
        lines = [
            markdown_lines([escape(name) for name in (first, *head[1:])], [list(map(escape, row)) for row in rows], text=(first,))
            for first, rows in tables
        ]
        notes = [f"<sub>{escape(note)}</sub>" for note in _notes(compared)]
        parts = [MARK, f"### segbench: {escape(verdict(compared))}", gates_table(judgements), *lines, *notes]
        print("\n\n".join(part.rstrip("\n") for part in parts if part))
    else:
        for first, rows in tables:
            console().print(table([first, *head[1:]], rows))
        console().print(verdict(compared), markup=False, soft_wrap=True)
        for note in _notes(compared):
            console().print(note, style=NOTE, markup=False, soft_wrap=True)
        print_judgements(judgements)
    return not any(each.closed for each in judgements)


def facts(compared: SeedsCompared) -> dict[str, Any]:
    """The same as plain data: fractions under the names that records use."""
    found, labels = compared.found, compared.labels
    names = {"one": None, "class": labels.class_names, "category": labels.categories}

    def of(metric: str, index: Any) -> dict[str, Any]:
        low, high = found.interval(metric)[index].tolist()
        return {
            "a": float(found.means[0][metric][index]),
            "b": float(found.means[1][metric][index]),
            "deviations": [float(side[metric][index]) for side in found.deviations],
            "difference": float(found.difference[metric][index]),
            "interval": [low, high],
            "p": float(found.p_value(metric)[index]),
        }

    scores = {
        metric: of(metric, ())
        if names[kind_of(metric)] is None
        else {name: of(metric, i) for i, name in enumerate(names[kind_of(metric)] or ())}
        for metric in found.spread
    }
    shares = dict(zip(("images", "seeds_a", "seeds_b"), found.shares(), strict=True))
    return {
        "a": {"name": compared.records[0][0].name, "seeds": found.numbers[0]},
        "b": {"name": compared.records[1][0].name, "seeds": found.numbers[1]},
        "signature": compared.records[0][0].signature,
        "scores": scores,
        "variance": shares,
        "seeds_to_show": {"difference": SHOWN, "more": found.seeds_to_show(SHOWN)},
        **asdict(found.drawn),
    }


def verdict(compared: SeedsCompared) -> str:
    """Which of the two models is better, or that these images and seeds do not tell."""
    found, (first, second) = compared.found, _names(compared)
    difference, p = float(found.difference["miou"]), float(found.p_value("miou"))
    low, high = found.interval("miou").tolist()
    if math.isnan(difference) or math.isnan(p):
        return "No interval of mIoU is defined, so nothing is better."
    said = "p < 0.001" if p < 0.001 else f"p = {p_value(p)}"
    if low <= 0 <= high:
        known = f"{signed(difference)} {interval(low, high)}, {said}"
        return f"These images and seeds do not tell the mIoU of {first} and {second} apart: {known}."
    better, worse = (first, second) if difference > 0 else (second, first)
    if difference < 0:
        difference, low, high = -difference, -high, -low
    return f"The mIoU of {better} is higher than that of {worse} by {100 * difference:.1f} {interval(low, high)}, {said}."


def _notes(compared: SeedsCompared) -> Iterator[str]:
    found = compared.found
    images, of_a, of_b = found.shares()
    if not math.isnan(images):
        parts = f"{100 * images:.0f} % from {found.unit}, {100 * of_a:.0f} % from the seeds of A, {100 * of_b:.0f} % from those of B"
        yield f"variance of the difference of mIoU: {parts}"
    more = found.seeds_to_show(SHOWN)
    points = f"a difference of {100 * SHOWN:g} points"
    if more is None:
        yield f"no number of seeds would show {points} on these {found.drawn.units} {found.unit}"
    elif more:
        yield f"{more} more seeds of each would show {points}"
    else:
        yield f"these seeds are enough to show {points}"
    drawn = found.drawn
    how = f"bootstrap of {drawn.replicates} replicates, seed {drawn.seed}" if drawn.method == "bootstrap" else f"{JACKKNIFE}, {DRAWN_ALSO}"
    yield (
        f"{found.numbers[0]} and {found.numbers[1]} seeds crossed with {drawn.units} {drawn.unit} ({how}; Welch's t over seeds); "
        "± is the deviation between seeds; p of classes is Holm-corrected"
    )
    yield compared.records[0][0].signature


def _names(compared: SeedsCompared) -> tuple[str, str]:
    (first, *_), (second, *_) = compared.records
    if first.name != second.name:
        return f"{first.name} (A)", f"{second.name} (B)"
    return "A", "B"


def _metrics(compared: SeedsCompared) -> list[list[str]]:
    found = compared.found
    fields = {name: metric.field for name, metric in METRICS.items() if metric.field in found.spread}
    return [_row(compared, name, field, (), float(found.p_value(field))) for name, field in fields.items()]


def _beside(compared: SeedsCompared) -> list[tuple[str, list[list[str]]]]:
    """What all records have counted beside pairs."""
    found = compared.found
    return [
        (title, [_row(compared, name, field, (), float(found.p_value(field))) for name, field in rows])
        for _, title, rows in rows_beside(found.spread)
    ]


def _classes(compared: SeedsCompared) -> list[list[str]]:
    p_values, names = holm(compared.found.p_value("class_iou").tolist()), compared.labels.class_names
    shown = shown_classes(compared.found.difference["class_iou"].tolist())
    return [_row(compared, names[i], "class_iou", i, p_values[i]) for i in shown]


def _row(compared: SeedsCompared, name: str, field: str, index: Any, p: float) -> list[str]:
    found = compared.found
    sides = [
        percent(float(mean[field][index]), float(deviation[field][index]))
        for mean, deviation in zip(found.means, found.deviations, strict=True)
    ]
    low, high = found.interval(field)[index].tolist()
    return [name, *sides, signed(float(found.difference[field][index])), interval(low, high), p_value(p)]
