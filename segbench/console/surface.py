"""`segbench surface`: how much of the boundaries is where it should be, within a tolerance."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from segbench.console.counted import records_with
from segbench.console.terminal import NOTE, console, table
from segbench.files.csv_text import csv_of
from segbench.files.json_text import dump_json, write_text
from segbench.records.run_record import RunRecord
from segbench.report.tables.surface import FIELDS, class_table, surface_note, surface_of, surface_rows, surface_table


def print_surface(paths: Sequence[Path], *, per_class: bool, csv_file: Path | None, as_json: bool) -> None:
    """Print surface Dice and boundary F of records, and write them as CSV.

    :raises RecordError: a record cannot be read or has none.
    """
    records = records_with("surface", paths, "segbench run --surface and score --surface --json write run records")
    rows = [row for record in records for row in surface_rows(record)]
    if csv_file is not None:
        write_text(csv_file, csv_of(FIELDS, rows))
    if as_json:
        print(dump_json(rows), end="")
        return
    for record in records:
        print_surface_of(record, per_class=per_class)
        console().print(record.signature, style=NOTE, markup=False, soft_wrap=True)


def print_surface_of(record: RunRecord, *, per_class: bool = False) -> None:
    """The table of a record, on standard output."""
    show = console()
    show.print(table(*surface_table(record)))
    for tolerance in surface_of(record).tolerances if per_class else ():
        show.print(table(*class_table(record, tolerance)))
    show.print(surface_note(), style=NOTE, markup=False, soft_wrap=True)
