"""`segbench merge`: what a single `run` or `score` prints and writes, from the counts of its shards."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from segbench.benchmark.merge_partials import MergedOutcome, outcomes_of, read_and_merge, write_folder
from segbench.console.parts import print_failures
from segbench.console.score import print_conventions, print_doubts, print_scores
from segbench.errors import DataError, RecordError
from segbench.files.atomic import require_writable
from segbench.records.merging import Merged
from segbench.records.per_image import write_run
from segbench.scoring.record import write_official


def merge_and_print(
    partials: Sequence[Path], out: Path | None, *, json_file: Path | None, official_json: Path | None, per_class: bool
) -> bool:
    """Merge partials, print the scores and write what was asked for. Returns whether every model has a record.

    :raises SegbenchError: the partials do not make a whole, or do not give what is asked for.
    """
    for file in (json_file, official_json):
        if file is not None:
            require_writable(file.parent)
    merged = read_and_merge(partials)
    outcomes = outcomes_of(merged)
    if json_file is not None and len(outcomes) > 1:
        raise RecordError(f"--json is for one record, and these are {len(outcomes)}: --out FOLDER writes them all")
    if official_json is not None and outcomes[0].counted.instances is None:
        raise DataError("--official-json needs counts of instances, which `segbench score` makes of Cityscapes' own targets")
    if merged.task.facts["kind"] == "run":
        from segbench.console.run import print_tables

        first = partials[0]
        out = out or (first if first.is_dir() else first.parent)
        print_tables([each.record for each in outcomes], (), per_class=per_class)
    else:
        _print_scored(merged, outcomes[0])
    print_failures(merged.end.failed)
    if out is not None:
        write_folder(out, outcomes)
    if json_file is not None:
        write_run(json_file, outcomes[0].record, outcomes[0].counted)
    if official_json is not None:
        write_official(official_json, outcomes[0].counted)
    return not merged.end.failed


def _print_scored(merged: Merged, outcome: MergedOutcome) -> None:
    print_scores(outcome.record)
    print_doubts(None, None, merged.dataset, outcome.counted)
    if outcome.record.explained:
        print_conventions(outcome.record.explained)
