"""Records that hold what a command shows."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from segbench.records.run_record import RunRecord
from segbench.report.tables.holding import require_counted


def records_with(kind: str, paths: Sequence[Path], way_out: str) -> tuple[RunRecord, ...]:
    """The run records of files and folders, the best mIoU first, all of which hold a kind of what is counted beside pairs.

    :param way_out: what makes such records.
    :raises RecordError: naming every record that cannot be read, or does not hold it.
    :raises DataError: there are none.
    """
    from segbench.leaderboards.board import read_runs
    from segbench.report.tables.frames import ranked

    records = ranked(each.record for each in read_runs(paths, way_out))
    require_counted(records, kind)
    return records
