"""`segbench corruptions`: what networks keep of their mIoU on corrupted images."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from segbench.console.terminal import NOTE, console, table
from segbench.errors import DataError, RecordError, UnknownNameError, nearest
from segbench.files.json_text import dump_json
from segbench.files.names import shown
from segbench.records.corruption_record import CorruptionRecord, read_corruptions
from segbench.records.reading import CORRUPTED
from segbench.report.tables.corruptions import class_rows, corruption_rows, header, note, summary_rows


def print_corruptions(paths: Sequence[Path], reference: str | None, *, per_class: bool, as_json: bool) -> None:
    """Print records of corruptions.

    :raises DataError: there are none.
    :raises RecordError: naming every one that cannot be read; or one is not comparable with the reference.
    :raises UnknownNameError: no record is of the reference.
    """
    records, problems = list[CorruptionRecord](), list[str]()
    for file in dict.fromkeys(file for path in paths for file in _files(path)):
        try:
            records.append(read_corruptions(file))
        except RecordError as error:
            problems.append(str(error))
    if problems:
        raise RecordError("\n  ".join([f"{len(problems)} of {len(problems) + len(records)} files cannot be read:", *problems]))
    if not records:
        raise DataError(f"no *{CORRUPTED} is among these", way_out="segbench run --corruptions all writes them")
    by_name = {record.name: record for record in records}
    if reference is not None and reference not in by_name:
        raise UnknownNameError(f"--reference {reference}: no record is of this model; {nearest(reference, by_name, 'there are')}")
    own = None if reference is None else by_name[reference]
    if as_json:
        facts = [{"model": each.name, "signature": each.signature, **each.scores(), **_mce(each, own)} for each in records]
        print(dump_json(facts), end="")
        return
    print_corrupted(records, own, per_class=per_class)


def _files(path: Path) -> list[Path]:
    return shown(path / "records", f"*{CORRUPTED}") or shown(path, f"*{CORRUPTED}") if path.is_dir() else [path]


def _mce(record: CorruptionRecord, reference: CorruptionRecord | None) -> dict[str, object]:
    return {} if reference is None else {"reference": reference.name, "mce": record.mce(reference)}


def print_corrupted(records: Sequence[CorruptionRecord], reference: CorruptionRecord | None = None, *, per_class: bool = False) -> None:
    """The tables of records, on standard output: one of means, and one of each."""
    show = console()
    ordered = sorted(records, key=lambda record: (math.isnan(record.mean), -record.mean))
    if len(ordered) > 1 or reference is not None:
        show.print(table(*summary_rows(ordered, reference)))
    for record in ordered:
        show.print(table(header(record), corruption_rows(record, reference)))
        if per_class:
            show.print(table(*class_rows(record)))
        show.print(record.signature, style=NOTE, markup=False, soft_wrap=True)
    show.print(note(), style=NOTE, markup=False, soft_wrap=True)
