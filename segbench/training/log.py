"""What a training writes down as it goes: a CSV file with a row for every few steps, beside the weights.

``step``; ``loss``, the mean over the steps since the row before; ``learning_rate`` of that step, before the factors of parts; ``miou`` of
the validation after it, empty where there was none. A training that resumes from a checkpoint drops the rows of the steps it does again.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import astuple, dataclass, fields
from pathlib import Path

from segbench.errors import RecordError


@dataclass(frozen=True)
class LogRow:
    """A row of the file; ``miou`` is a fraction."""

    step: int
    loss: float
    learning_rate: float
    miou: float | None = None


HEADER = [field.name for field in fields(LogRow)]


def log_file(weights: Path) -> Path:
    """Where the log of a training lies that writes ``weights``."""
    return weights.with_name(f"{weights.name}.log.csv")


def continue_log(path: Path, first: int) -> None:
    """Prepare a file for a training whose next step is ``first`` (from 1): later rows, or a file that is none, are dropped."""
    kept: list[LogRow] = []
    with suppress(RecordError):
        kept = [row for row in read_log(path) if row.step < first]
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([HEADER, *_cells(kept)])


def append_row(path: Path, row: LogRow) -> None:
    """Add a row. It is on the disk when this returns."""
    with path.open("a", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows(_cells([row]))


def read_log(path: Path) -> list[LogRow]:
    """The rows of a file.

    :raises RecordError: the file is missing, or no such log.
    """
    try:
        with path.open(encoding="utf-8", newline="") as file:
            header, *rows = csv.reader(file)
            if header != HEADER:
                raise ValueError(f"its columns are {', '.join(header)}, not {', '.join(HEADER)}")
            return [LogRow(int(step), float(loss), float(rate), float(miou) if miou else None) for step, loss, rate, miou in rows]
    except (OSError, ValueError) as error:
        raise RecordError(f"{path}: not the log of a training ({error})") from error


def _cells(rows: list[LogRow]) -> Iterator[list[str]]:
    for row in rows:
        yield ["" if value is None else f"{value:.6g}" for value in astuple(row)]
