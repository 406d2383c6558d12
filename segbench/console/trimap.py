"""`segbench trimap`: how much of the missing mIoU is at outlines."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from segbench.console.counted import records_with
from segbench.console.pictures import draw, require_format
from segbench.console.terminal import NOTE, console, table
from segbench.files.json_text import dump_json
from segbench.report.tables.trimap import HEADER, trimap_facts, trimap_row


def print_trimaps(paths: Sequence[Path], *, plot: Path | None, as_json: bool) -> None:
    """Print the trimap curves of records, a table for each signature, and draw them.

    :raises UsageError: the picture's name tells no format.
    :raises RecordError: a record cannot be read or has no trimap, or is not comparable with the others of a picture.
    """
    from segbench.report.tables.frames import comparable, row_labels

    require_format(plot)
    records = records_with("trimap", paths, "segbench run --trimap and score --trimap --json write run records")
    if plot is not None:
        from segbench.report.plots.trimap import trimap_curves

        draw(plot, partial(trimap_curves, records))
    if as_json:
        print(dump_json(list(map(trimap_facts, records))), end="")
        return
    for group in comparable(records):
        rows = [trimap_row(record, name) for record, name in zip(group.records, row_labels(group.records), strict=True)]
        console().print(table(HEADER, rows))
        console().print(group.signature, style=NOTE, markup=False, soft_wrap=True)
