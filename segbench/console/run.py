"""`segbench run`: progress and the comparison table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby

from segbench.benchmark.events import Continued, Event, Finished, Loaded, Progress, ShardCounted
from segbench.console.calibration import print_calibration_of
from segbench.console.corruptions import print_corrupted
from segbench.console.errors import print_causes, print_strata, print_trimap
from segbench.console.ood import print_ood_of
from segbench.console.parts import draw_progress, print_continued, print_failures, print_shard
from segbench.console.surface import print_surface_of
from segbench.console.terminal import NOTE, console, table
from segbench.evaluation.protocol import Protocol
from segbench.files.json_text import dump_json
from segbench.labels.mapping import describe_mapping
from segbench.models import MODELS
from segbench.models.adapters.base import feeds
from segbench.models.segmenter import Segmenter
from segbench.records.profile import Profile
from segbench.records.run_record import RunRecord
from segbench.report.tables.cautions import notes, warnings
from segbench.report.tables.formats import texts_of
from segbench.report.tables.frames import comparable, per_class, plain_rows, score_table
from segbench.report.tables.intervals import few_groups, interval_note
from segbench.report.tables.macs import macs_note
from segbench.report.tables.speed import busy_note


def print_run(events: Iterable[Event], *, per_class: bool, as_json: bool = False) -> bool:
    """Print what happens in a run when it happens: what is on the way on standard error, what came out on standard output.

    Returns whether every model has what it was run for.
    """
    failed: Mapping[str, str] = {}
    for work, members in groupby(events, lambda event: event.work if isinstance(event, Progress) else ""):
        if work:
            draw_progress(work, members)
            continue
        for event in members:
            if isinstance(event, Loaded):
                print_feeds(event.segmenters, event.protocol)
            elif isinstance(event, Continued):
                print_continued(event)
            elif isinstance(event, ShardCounted):
                failed = event.failed
                print_shard(event)
            elif isinstance(event, Finished):
                failed = event.failed
                if as_json:
                    errors = [{"model": name, "error": why} for name, why in failed.items()]
                    print(dump_json([*plain_rows(event.records, event.profiles), *errors]), end="")
                    continue
                print_tables(event.records, event.profiles, per_class=per_class)
                if event.corrupted:
                    print_corrupted(event.corrupted, per_class=per_class)
                print_failures(failed)
                console().print(f"records, tables and plots: {event.folder}", style=NOTE, markup=False, soft_wrap=True)
    return not failed


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


def print_tables(records: Sequence[RunRecord], profiles: Sequence[Profile], *, per_class: bool) -> None:
    """A comparison table for each signature, on standard output: models of other classes are mapped, and not comparable."""
    for group in comparable(records):
        print_table(group.records, profiles, per_class=per_class)


def print_table(records: Sequence[RunRecord], profiles: Sequence[Profile], *, per_class: bool) -> None:
    """The comparison table, best mIoU first, on standard output."""
    show = console()
    header, rows = texts_of(score_table(records, profiles))
    show.print(table(header, rows))
    if per_class:
        print_per_class(records)
    for record in records:
        if record.errors:
            print_causes(record)
        if record.trimap:
            print_trimap(record)
        if record.strata:
            print_strata(record)
        if record.surface:
            print_surface_of(record)
    if counted := [record for record in records if record.calibration]:
        print_calibration_of(counted)
    if marked := [record for record in records if record.ood]:
        print_ood_of(marked)
    show.print("scores in per cent; MACs and times at the images' size, batch 1; times belong to this machine", style="dim")
    for warning in warnings(records):
        console(stderr=True).print(f"warning: {warning}", markup=False, soft_wrap=True)
    if busy := busy_note(profiles):
        console(stderr=True).print(f"warning: times were {busy}", markup=False, soft_wrap=True)
    for note in notes(records):
        show.print(note, style="dim", markup=False, soft_wrap=True)
    if caution := few_groups(records[0]):
        console(stderr=True).print(f"warning: {caution}", markup=False, soft_wrap=True)
    for note in (macs_note(records), interval_note(records)):
        if note:
            show.print(note, style="dim", markup=False, soft_wrap=True)
    show.print(records[0].signature, style="dim")


def print_per_class(records: Sequence[RunRecord]) -> None:
    """IoU of every class, a column for each model."""
    header, rows = texts_of(per_class(records), best_in="row")
    console().print(table(["class IoU", *header[1:]], rows))
