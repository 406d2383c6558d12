"""`segbench ood`: whether networks are unsure where there is something that they do not know."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from segbench.console.pictures import draw, require_format
from segbench.console.terminal import NOTE, console, table
from segbench.files.json_text import dump_json, write_text
from segbench.records.run_record import RunRecord
from segbench.report.tables.holding import require_counted
from segbench.report.tables.ood import HEADER, best_first, ood_facts, ood_note, ood_rows, ood_table


def print_ood(paths: Sequence[Path], *, plot: Path | None, csv_file: Path | None, as_json: bool) -> None:
    """Print how well the scores of records find anomalies, and draw their curves.

    :raises UsageError: the picture's name tells no format.
    :raises RecordError: a record cannot be read or has no scores of anomaly, or is not comparable with the others of a picture.
    """
    from segbench.leaderboards.board import read_runs
    from segbench.report.tables.frames import comparable

    require_format(plot)
    records = [each.record for each in read_runs(paths, "segbench run --ood writes run records")]
    require_counted(records, "ood")
    records = best_first(records)
    if plot is not None:
        from segbench.report.plots.anomalies import anomaly_curves

        draw(plot, partial(anomaly_curves, records))
    if csv_file is not None:
        rows = ood_table(records)
        out = io.StringIO()
        writer = csv.DictWriter(out, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        write_text(csv_file, out.getvalue())
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
