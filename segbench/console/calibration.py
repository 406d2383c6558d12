"""`segbench calibration`: whether networks are as sure as they are right."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from segbench.console.counted import records_with
from segbench.console.pictures import draw, require_format
from segbench.console.terminal import NOTE, console, table
from segbench.files.json_text import dump_json
from segbench.records.run_record import RunRecord
from segbench.report.tables.calibration import (
    HEADER,
    calibration_facts,
    calibration_note,
    calibration_row,
    class_table,
)


def print_calibration(paths: Sequence[Path], *, per_class: bool, plot: Path | None, as_json: bool) -> None:
    """Print the calibration of records, and draw their reliability.

    :raises UsageError: the picture's name tells no format.
    :raises RecordError: a record cannot be read or has no calibration, or is not comparable with the others of a picture.
    """
    from segbench.report.tables.frames import comparable

    require_format(plot)
    records = records_with("calibration", paths, "segbench run --calibration writes run records")
    if plot is not None:
        from segbench.report.plots.reliability import reliability

        draw(plot, partial(reliability, records))
    if as_json:
        print(dump_json(list(map(calibration_facts, records))), end="")
        return
    for group in comparable(records):
        print_calibration_of(group.records, per_class=per_class)
        console().print(group.records[0].signature, style=NOTE, markup=False, soft_wrap=True)


def print_calibration_of(records: Sequence[RunRecord], *, per_class: bool = False) -> None:
    """The table of records that are comparable, on standard output."""
    show = console()
    show.print(table(HEADER, list(map(calibration_row, records))))
    for record in records if per_class else ():
        (first, *columns), rows = class_table(record)
        show.print(table([f"{record.name}: {first}", *columns], rows))
    show.print(calibration_note(), style=NOTE, markup=False, soft_wrap=True)
