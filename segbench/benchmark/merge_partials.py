"""Partials of shards to what one process writes: records, the counts of every image beside them, tables and plots."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from segbench.errors import DataError, RecordError
from segbench.files.atomic import require_writable
from segbench.files.names import file_stem, shown
from segbench.metrics.image_counts import Counted
from segbench.records.identity import identity, refuse_overwriting
from segbench.records.merging import Merged, merge
from segbench.records.partial import read_partial
from segbench.records.per_image import write_run
from segbench.records.run_record import RunRecord
from segbench.scoring.folder import require_scorable


@dataclass(frozen=True, eq=False)
class MergedOutcome:
    """One model's record, and what was counted in every image."""

    record: RunRecord
    counted: Counted


def read_and_merge(paths: Sequence[Path]) -> Merged:
    """Merge partials, from files and from folders that hold them.

    :raises RecordError: naming every image that is missing, there twice or foreign, and every partial that cannot be read.
    :raises DataError: a folder holds none.
    """
    files: list[Path] = []
    for path in paths:
        inside = sorted(shown(path, "shard-*.jsonl")) if path.is_dir() else [path]
        if not inside:
            raise DataError(f"{path}: no shard-*.jsonl here", way_out="`segbench run` and `segbench score` write them with --shard I/N")
        files += inside
    return merge([read_partial(path) for path in files])


def outcomes_of(merged: Merged) -> list[MergedOutcome]:
    """The record of every model that has counted all images.

    :raises DataError: label maps cannot be scored; all are named.
    :raises RecordError: no model has.
    """
    counted = {model: merged.counted(model) for model in merged.models}
    if not counted:
        raise RecordError("\n  ".join(["every model has failed:", *(f"{name}: {why}" for name, why in merged.end.failed.items())]))
    if merged.task.facts["kind"] == "score":
        for each in counted.values():
            require_scorable(each)
    return [MergedOutcome(merged.record(model, each), each) for model, each in counted.items()]


def write_folder(folder: Path, outcomes: Sequence[MergedOutcome]) -> None:
    """Write records, tables and plots, as a run does; it times no networks and draws no samples.

    :raises RecordError: records of something else would be overwritten.
    """
    from segbench.report.pages.board_files import write as write_board

    require_writable(folder)
    files = [folder / "records" / f"{file_stem(each.record.name)}.json" for each in outcomes]
    planned = [(file, identity(each.record)) for file, each in zip(files, outcomes, strict=True)]
    refuse_overwriting(planned, "--out FOLDER writes elsewhere; or remove what is not needed any more")
    for file, each in zip(files, outcomes, strict=True):
        write_run(file, each.record, each.counted)
    write_board(folder)
