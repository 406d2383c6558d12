"""`segbench errors`: by which kind of mistake the mIoU is missing."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from segbench.console.counted import records_with
from segbench.console.pictures import draw, require_format
from segbench.console.terminal import NOTE, console, table
from segbench.files.json_text import dump_json
from segbench.records.run_record import RunRecord
from segbench.report.tables.causes import HEADER, Causes, causes_note, causes_of, strata_table
from segbench.report.tables.trimap import HEADER as HEADER_OF_TRIMAP
from segbench.report.tables.trimap import trimap_row


def print_errors(paths: Sequence[Path], *, per_class: bool, plot: Path | None, as_json: bool) -> None:
    """Print the errors of records by cause, and draw them.

    :raises UsageError: the picture's name tells no format.
    :raises RecordError: a record cannot be read, has no errors by cause, or is not comparable with the others of a picture.
    """
    require_format(plot)
    records = records_with("errors", paths, "segbench run --errors and score --errors --json write run records")
    found = causes_of(records)
    if plot is not None:
        from segbench.report.plots.causes import gains_by_cause

        draw(plot, partial(gains_by_cause, records))
    if as_json:
        print(dump_json([each.facts() for each in found]), end="")
        return
    for each in found:
        print_causes(each.record, per_class=per_class)
        if each.record.strata:
            print_strata(each.record)
        console().print(each.record.signature, style=NOTE, markup=False, soft_wrap=True)


def print_causes(record: RunRecord, *, per_class: bool = False) -> None:
    """The table of a record, on standard output."""
    causes, show = Causes(record), console()
    show.print(table([f"{record.name}: {HEADER[0]}", *HEADER[1:]], causes.rows))
    show.print(table(*causes.size_table()))
    if per_class:
        show.print(table(*causes.class_table()))
    show.print(causes_note(causes), style=NOTE, markup=False, soft_wrap=True)


def print_strata(record: RunRecord) -> None:
    """Segments by quantiles of their size of a record that counted them, on standard output."""
    console().print(table(*strata_table(record)))


def print_trimap(record: RunRecord) -> None:
    """The trimap curve of a record that has one, on standard output."""
    console().print(table(HEADER_OF_TRIMAP, [trimap_row(record, record.name)]))
