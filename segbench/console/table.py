"""`segbench table`: records as one table, in the format that a paper, a page or a spreadsheet needs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import click
import pandas as pd

from segbench.console.terminal import console
from segbench.console.terminal import table as terminal_table
from segbench.errors import DataError
from segbench.files.json_text import dump_json, write_text
from segbench.leaderboards.board import raise_unreadable, read_files
from segbench.records.profile import Profile
from segbench.report.tables.formats import arranged, page_of, texts_of, to_csv
from segbench.report.tables.frames import Group, by_setting, class_half_widths, comparable, per_class, plain, score_table
from segbench.report.tables.intervals import interval_note
from segbench.report.tables.macs import macs_note
from segbench.report.tables.speed import busy_note

SUFFIXES = {".md": "markdown", ".csv": "csv", ".tex": "latex", ".html": "html", ".json": "json"}


def write_table(
    paths: Sequence[Path], form: str | None, out: Path | None, *, columns: Sequence[str], sort: str | None, classes: str | None
) -> None:
    """Write a table for each signature among the records, to a file or to standard output.

    :param classes: which score of each class it shows, instead of those of the models.
    :raises RecordError: naming every record that cannot be read, when the table of the others is written.
    """
    form = form or (SUFFIXES.get(out.suffix) if out else "terminal")
    if form is None or (out and form == "terminal"):
        raise click.UsageError(f"--out {out} tells no format; add --format, or end it on one of {', '.join(SUFFIXES)}")
    unreadable: list[str] = []
    measured, profiles = read_files(paths, unreadable)
    if not measured:
        raise_unreadable(unreadable)
        raise DataError("these are profiles, and no run record is among them", way_out="segbench run writes run records")
    groups = comparable(each.record for each in measured)
    frames = [arranged(_frame(group, profiles, classes), columns, sort) for group in groups]
    if form == "terminal":
        _print(groups, frames, profiles, classes)
    else:
        _write(_text(groups, frames, profiles, form, classes), out)
    raise_unreadable(unreadable)


def _text(groups: Sequence[Group], frames: Sequence[pd.DataFrame], profiles: Sequence[Profile], form: str, classes: str | None) -> str:
    if form == "json":
        return dump_json([row for frame, group in zip(frames, groups, strict=True) for row in plain(frame, group.signature)])
    if form == "csv":
        return to_csv(pd.concat([frame.assign(signature=group.signature) for group, frame in zip(groups, frames, strict=True)]))
    pages = (
        page_of(frame, form, group.signature, list(_notes(group, profiles, classes)), **_options(group, classes))
        for frame, group in zip(frames, groups, strict=True)
    )
    return "\n".join(pages)


def _write(text: str, out: Path | None) -> None:
    if out is None:
        click.echo(text, nl=False)
    else:
        write_text(out, text)
        click.echo(f"wrote {out}", err=True)


def _print(groups: Sequence[Group], frames: Sequence[pd.DataFrame], profiles: Sequence[Profile], classes: str | None) -> None:
    show = console()
    for group, frame in zip(groups, frames, strict=True):
        show.print(terminal_table(*texts_of(frame, **_options(group, classes))))
        for note in (*_notes(group, profiles, classes), group.signature):
            show.print(note, style="dim", soft_wrap=True, markup=False)


def _frame(group: Group, profiles: Sequence[Profile], classes: str | None) -> pd.DataFrame:
    if classes:
        return per_class(group.records, classes)
    return score_table(group.records, next(iter(by_setting(group.records, profiles).values()), []))


def _options(group: Group, classes: str | None) -> dict[str, Any]:
    """How cells are marked, and the intervals that the table does not hold itself."""
    return {"best_in": "row", "widths": class_half_widths(group.records, classes)} if classes else {}


def _notes(group: Group, profiles: Sequence[Profile], classes: str | None) -> Iterator[str]:
    yield f"{classes} of each class, in per cent." if classes else "Scores in per cent."
    if note := interval_note(group.records):
        yield f"{note}."
    if not classes and (note := macs_note(group.records)):
        yield f"{note}."
    if not classes and (settings := by_setting(group.records, profiles)):
        name, timed = next(iter(settings.items()))
        yield f"Speed: {name}."
        if busy := busy_note(timed):
            yield f"Times were {busy}."
