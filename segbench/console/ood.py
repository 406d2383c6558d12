"""`segbench ood`: whether networks are unsure where there is something that they do not know."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from segbench.console.counted import records_with
from segbench.console.pictures import draw, require_format
from segbench.console.terminal import NOTE, console, table
from segbench.files.csv_text import csv_of
from segbench.files.json_text import dump_json, write_text
from segbench.records.run_record import RunRecord
from segbench.report.tables.ood import HEADER, best_first, ood_facts, ood_note, ood_rows, ood_table


def print_ood(paths: Sequence[Path], *, plot: Path | None, csv_file: Path | None, as_json: bool) -> None:
    """Print how well the scores of records find anomalies, and draw their curves.

    :raises UsageError: the picture's name tells no format.
    :raises RecordError: a record cannot be read or has no scores of anomaly, or is not comparable with the others of a picture.
    """
    from segbench.report.tables.frames import comparable

    require_format(plot)
    records = best_first(records_with("ood", paths, "segbench run --ood writes run records"))
    if plot is not None:
        from segbench.report.plots.anomalies import anomaly_curves

        draw(plot, partial(anomaly_curves, records))
    if csv_file is not None:
        rows = ood_table(records)
        write_text(csv_file, csv_of(list(rows[0]), rows))
        console(stderr=True).print(f"wrote {csv_file}", markup=False, soft_wrap=True)
    if as_json:
        print(dump_json(list(map(ood_facts, records))), end="")
        return
    for group in comparable(records):
        print_ood_of(group.records)
        console().print(group.records[0].signature, style=NOTE, markup=False, soft_wrap=True)


def print_ood_of(records: Sequence[RunRecord]) -> None:
    """The table of records that are comparable, the best AP first, on standard output."""
    show, ordered = console(), best_first(records)
    show.print(table(HEADER, [row for record in ordered for row in ood_rows(record)]))
    show.print(ood_note(ordered[0]), style=NOTE, markup=False, soft_wrap=True)
