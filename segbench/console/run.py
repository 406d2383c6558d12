"""`segbench run`: progress and the comparison table."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from segbench.console.terminal import console, progress_bar, table
from segbench.evaluation.protocol import Protocol
from segbench.labels.mapping import describe_mapping
from segbench.models import MODELS
from segbench.models.adapters.base import feeds
from segbench.models.segmenter import Segmenter
from segbench.records.profile import Profile
from segbench.records.run_record import RunRecord
from segbench.report.tables.cautions import notes, warnings
from segbench.report.tables.formats import cells
from segbench.report.tables.frames import comparable, leaderboard, per_class
from segbench.report.tables.intervals import interval_note


def print_continued(done: int, images: int, unfinished: Path | None) -> None:
    """That a run goes on where it was interrupted, and how to prevent that, on standard error."""
    text = f"continuing after {done} of {images} images that were evaluated before; to begin again, remove {unfinished}"
    console(stderr=True).print(text, markup=False, soft_wrap=True)


def print_feeds(segmenters: Sequence[Segmenter], protocol: Protocol) -> None:
    """What networks that segbench did not build are fed, and what the classes of mapped ones stand for, on standard error."""
    show = console(stderr=True)
    for segmenter in segmenters:
        if segmenter.name not in MODELS.table:
            show.print(feeds(segmenter), markup=False, soft_wrap=True)
        if segmenter.mapping is not None:
            show.print(
                f"{segmenter.name}: {describe_mapping(segmenter.mapping, masked=protocol.void == 'masked')}", markup=False, soft_wrap=True
            )


@contextmanager
def progress(description: str, total: int) -> Iterator[Callable[[float], None]]:
    """A bar; what it gives is told how much of ``total`` is done."""
    with progress_bar(description) as bar:
        task = bar.add_task(description, total=total)
        yield lambda done: bar.update(task, completed=done)


def print_results(records: Sequence[RunRecord], profiles: Sequence[Profile], folder: Path, *, per_class: bool) -> None:
    """The tables, and the folder in which everything else is, on standard output."""
    print_tables(records, profiles, per_class=per_class)
    print(f"records, tables and plots: {folder}")


def print_tables(records: Sequence[RunRecord], profiles: Sequence[Profile], *, per_class: bool) -> None:
    """A comparison table for each signature, on standard output: models of other classes are mapped, and not comparable."""
    for group in comparable(records):
        print_table(group.records, profiles, per_class=per_class)


def print_table(records: Sequence[RunRecord], profiles: Sequence[Profile], *, per_class: bool) -> None:
    """The comparison table, best mIoU first, on standard output."""
    show = console()
    header, rows = cells(leaderboard(records, profiles))
    show.print(table(header, rows))
    if per_class:
        print_per_class(records)
    show.print("scores in per cent; MACs and times at the images' size, batch 1; times belong to this machine", style="dim")
    for warning in warnings(records):
        console(stderr=True).print(f"warning: {warning}", markup=False, soft_wrap=True)
    for note in notes(records):
        show.print(note, style="dim", markup=False, soft_wrap=True)
    if note := interval_note(records):
        show.print(note, style="dim")
    show.print(records[0].signature, style="dim")


def print_per_class(records: Sequence[RunRecord]) -> None:
    """IoU of every class, a column for each model."""
    header, rows = cells(per_class(records), best_in="row")
    console().print(table(["class IoU", *header[1:]], rows))
