"""`segbench means`: more than one mean of records, from what was counted in every image."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from segbench.console.terminal import NOTE, console, table
from segbench.errors import LabelError, nearest
from segbench.files.json_text import dump_json
from segbench.labels.space import LabelSpace
from segbench.leaderboards.board import Measured, read_runs
from segbench.metrics.fine_means import Asked, Mean, Means, fine_means, mean_differences
from segbench.metrics.per_image import PerImage
from segbench.records.comparison import read_matrices
from segbench.records.groups import groups_of
from segbench.records.run_record import RunRecord
from segbench.report.tables.frames import comparable, row_labels
from segbench.report.tables.numbers import interval, percent, signed


@dataclass(frozen=True)
class Wanted:
    """Names of the classes that are averaged and of the foreground, empty for the usual ones; and a rule of groups."""

    over: Sequence[str] = ()
    foreground: Sequence[str] = ()
    groups: str | None = None

    def of(self, labels: LabelSpace) -> Asked:
        """The same as class indices.

        :raises LabelError: a class is not of this label space.
        """
        return Asked(_indices(labels, self.over), _indices(labels, self.foreground))


def print_means(paths: Sequence[Path], wanted: Wanted, *, as_json: bool) -> None:
    """Print the means of records: a table for each signature, a column for each record.

    :raises RecordError: a record, or what was counted in its images, cannot be read.
    :raises DataError: there are no run records, or their images have no such groups.
    :raises LabelError: a class is not of a record's label space.
    """
    measured = read_runs(paths, "segbench run and score --json write run records")
    images = {each.record: read_matrices(each.path, each.record) for each in measured}
    found = {record: _means(record, *counted, wanted) for record, counted in images.items()}
    if as_json:
        print(dump_json([_facts(each, found[each.record]) for each in measured]), end="")
        return
    for group in comparable(each.record for each in measured):
        apart = _differences(group.records, images, wanted) if len(group.records) == 2 else ()
        _print([found[record] for record in group.records], row_labels(group.records), wanted.over, apart)
        console().print(group.signature, style=NOTE, markup=False, soft_wrap=True)


def _means(record: RunRecord, ids: Sequence[str], counted: PerImage, wanted: Wanted) -> Means:
    return fine_means(record.labels, counted, asked=wanted.of(record.labels), **_grouped(ids, wanted))


def _differences(records: Sequence[RunRecord], images: Mapping[RunRecord, tuple[list[str], PerImage]], wanted: Wanted) -> tuple[Mean, ...]:
    """The first minus the second; nothing where their images stand in other orders."""
    (ids, a), (others, b) = (images[record] for record in records)
    if ids != others:
        return ()
    return mean_differences(records[0].labels, a, b, asked=wanted.of(records[0].labels), **_grouped(ids, wanted))


def _grouped(ids: Sequence[str], wanted: Wanted) -> dict[str, Any]:
    grouped = None if wanted.groups is None else groups_of(ids, wanted.groups)
    return {} if grouped is None else {"groups": grouped.of_images, "unit": grouped.unit}


def _print(columns: Sequence[Means], names: Sequence[str], averaged: Sequence[str], apart: Sequence[Mean]) -> None:
    first, show, differences = columns[0], console(), {each.name: each for each in apart}
    names = [*names, *(["difference"] if apart else [])]
    for title, kind in (("mean", "fine"), (f"foreground ({', '.join(first.foreground)})", "of_foreground")):
        if rows := list(zip(*(getattr(each, kind) for each in columns), strict=True)):
            show.print(table([title, *names], [[row[0].name, *map(_cell, row), *_difference(row[0].name, differences)] for row in rows]))
    notes = [
        "D: over the pixels of all images; I: mean over images; C: mean over the images of each class, then over classes; "
        "worst: over the images where it is lowest (Wang et al. 2023)",
        f"± is half the width of the 95 % bootstrap interval over {first.units} {first.unit} ({first.replicates} replicates); in per cent",
    ]
    if averaged:
        notes.append(f"averaged over {', '.join(averaged)} alone; pixels of the other classes still count as errors of these")
    for note in notes:
        show.print(note, style=NOTE, markup=False, soft_wrap=True)


def _cell(mean: Mean) -> str:
    low, high = mean.interval
    return percent(mean.value, (high - low) / 2)


def _difference(name: str, differences: Mapping[str, Mean]) -> list[str]:
    return [f"{signed(differences[name].value)} {interval(*differences[name].interval)}"] if differences else []


def _facts(measured: Measured, means: Means) -> dict[str, Any]:
    def plain(value: float) -> float | None:
        return None if math.isnan(value) else value

    told = {
        each.name: {"value": plain(each.value), "interval": list(map(plain, each.interval))} for each in means.fine + means.of_foreground
    }
    facts = {"model": measured.record.name, "signature": measured.record.signature, "over": list(means.over)}
    drawn = {"foreground": list(means.foreground), "units": means.units, "unit": means.unit, "replicates": means.replicates}
    return facts | drawn | {"means": told}


def _indices(labels: LabelSpace, names: Sequence[str]) -> list[int] | None:
    known = labels.class_names
    if unknown := [name for name in names if name not in known]:
        raise LabelError(f"no class {unknown[0]!r} in {labels.name}; {nearest(unknown[0], known)}")
    return [known.index(name) for name in names] or None
