"""The rows of a board: comparable records with the scores that its rules ask for, in their order, and the ranks that they share."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from segbench.errors import RecordError
from segbench.labels.space import LabelSpace
from segbench.leaderboards.board import Board, Measured
from segbench.leaderboards.board_scores import BOARD_SCORES, MIOU, ORDINARY, BoardScore
from segbench.metrics.fine_means import Mean, fine_means, fine_p_value
from segbench.metrics.paired import by_jackknife, paired_p_value
from segbench.metrics.per_image import PerImage, score_names
from segbench.metrics.ranking import ranks_by
from segbench.records.corruption_record import CorruptionRecord, read_corruptions
from segbench.records.per_image import read_per_image
from segbench.records.reading import CORRUPTED
from segbench.records.run_record import RunRecord, scores_dict
from segbench.report.tables.frames import Group, Valued, ranked
from segbench.report.tables.intervals import JACKKNIFE, half_width
from segbench.report.tables.seeds import board_groups

NOTHING: Valued = (math.nan, math.nan)


def rows_of(board: Board, *, tested: bool = True) -> list[Group]:
    """The groups of a board's comparable records, with the columns that its rules name, ranked as they say.

    :param tested: whether ranks are tested and columns told; without, there are the rows in their order alone.
    :raises RecordError: what lies beside a record cannot be read, or is not of it, or a column is of records that counted otherwise.
    """
    files = {id(each.record): each for each in board.measured}
    rows = [_Rows(board, group, files) for group in board_groups(board.records, board.profiles)]
    return [each.group if tested else each.ordered for each in rows]


@dataclass(frozen=True, eq=False)
class _Files:
    """What lies beside a record."""

    measured: Measured

    @cached_property
    def images(self) -> PerImage | None:
        path = self.measured.matrices
        return None if path is None else read_per_image(path)[1]

    @cached_property
    def means(self) -> dict[str, Mean]:
        if self.images is None:
            return {}
        return {mean.name: mean for mean in fine_means(self.measured.record.labels, self.images).fine}

    @cached_property
    def scores(self) -> Mapping[str, Any]:
        return scores_dict(self.measured.record)

    @cached_property
    def corrupted(self) -> CorruptionRecord | None:
        """The record of corruptions.

        :raises RecordError: it is of another run.
        """
        path = Path(f"{self.measured.path.with_suffix('')}{CORRUPTED}")
        if not path.is_file():
            return None
        found = read_corruptions(path)
        record = self.measured.record
        if found.run_signature != record.signature or not found.clean.cells.equals(record.confusion.cells):
            raise RecordError(f"{path} is not of the run {self.measured.path.name} beside it")
        return found


@dataclass(frozen=True, eq=False)
class _Rows:
    """The rows of one group."""

    board: Board
    ungrouped: Group
    files: Mapping[int, Measured]

    @cached_property
    def beside(self) -> dict[RunRecord, _Files]:
        """What lies beside every record, those of a row's seeds too."""
        rows = self.ungrouped.records
        return {each: _Files(self.files[id(each)]) for row in rows for each in (row, *self.ungrouped.seeds.get(row, ()))}

    @property
    def ordered(self) -> Group:
        """The group with its rows in their order."""
        rank = self.board.rules.rank
        records = ranked(self.ungrouped.records, self.ungrouped.seeds, None if rank == MIOU else self._better)
        return replace(self.ungrouped, records=records, rank=rank)

    @property
    def group(self) -> Group:
        """The group, whole."""
        rules, group = self.board.rules, self.ordered
        names = list(dict.fromkeys([*([] if rules.rank in ORDINARY else [rules.rank]), *rules.columns]))
        more = {name: {record: self._value(record, name) for record in group.records} for name in names}
        facts: dict[str, Any] = {"ranks": tuple(self._ranks(group)), "test": self._tested, "notes": tuple(self._notes(names))}
        return replace(group, more=more, **facts)

    @property
    def _tested(self) -> str:
        """What tells two rows apart."""
        score, labels = BOARD_SCORES[self.board.rules.rank], self.ungrouped.records[0].labels
        images = next((files.images for files in self.beside.values() if files.images is not None), None)
        pulled = score.source == "record" and images is not None and by_jackknife(labels, images, score.field)
        return f"test by the {JACKKNIFE}" if pulled else "permutation test"

    def _better(self, record: RunRecord) -> float:
        """What rows are ranked by, so that more is better."""
        value, _ = self._value(record, self.board.rules.rank)
        return -value if BOARD_SCORES[self.board.rules.rank].less else value

    def _value(self, record: RunRecord, name: str) -> Valued:
        """A score and half the width of its interval; the mean of several seeds, without one."""
        members = self.ungrouped.seeds.get(record)
        if not members:
            return self._of_one(record, name)
        return float(np.mean([self._of_one(each, name)[0] for each in members])), math.nan

    def _of_one(self, record: RunRecord, name: str) -> Valued:
        score, files = BOARD_SCORES[name], self.beside[record]
        if score.source == "record":
            value = files.scores.get(score.field)
            return NOTHING if value is None else (float(value), float(half_width(record, score.field)))
        if score.source == "images":
            mean = files.means.get(score.field)
            return NOTHING if mean is None else (mean.value, (mean.interval[1] - mean.interval[0]) / 2)
        return (self._corrupted(files.corrupted, score), math.nan) if files.corrupted else NOTHING

    def _corrupted(self, found: CorruptionRecord, score: BoardScore) -> float:
        if score.field == "mce":
            return found.mce(self.reference)
        return found.mean if score.field == "miou" else found.retention()

    @cached_property
    def reference(self) -> CorruptionRecord:
        """The corruptions of the board's reference.

        :raises RecordError: no record of these is of it.
        """
        name = self.board.rules.reference
        for record, files in self.beside.items():
            if record.name == name and files.corrupted:
                return files.corrupted
        raise RecordError(f"{self.board.folder}: the reference {name!r} has no record of corruptions among {self.ungrouped.signature}")

    def _ranks(self, group: Group) -> list[int | None]:
        """The shared ranks of the rows; no list where there is no pair of them.

        A record without the matrices of its images has none, and a row of several seeds has none: a test of images knows nothing of seeds.
        """
        score = BOARD_SCORES[group.rank]
        if score.source == "corruptions":
            return []
        images = {i: self.beside[record].images for i, record in enumerate(group.records) if record not in group.seeds}
        tested = [(i, found) for i, found in images.items() if found is not None and self._counted(group.records[i], found, score)]
        if len(tested) < 2:
            return []
        labels, values = group.records[0].labels, [self._better(group.records[i]) for i, _ in tested]
        p_value = _test([found for _, found in tested], labels, score)
        try:
            ranks = ranks_by(values, p_value)
        except ValueError as error:
            raise RecordError(f"{self.board.folder}: {error}") from error
        of_row = dict(zip((i for i, _ in tested), ranks, strict=True))
        return [of_row.get(i) for i in range(len(group.records))]

    @staticmethod
    def _counted(record: RunRecord, found: PerImage, score: BoardScore) -> bool:
        """Whether the images hold what a score is made of."""
        return score.source == "images" or score.field in score_names(record.labels, found.extras)

    def _notes(self, names: Sequence[str]) -> Iterator[str]:
        """What the columns mean, and of which rows they are.

        :raises RecordError: they were counted in different ways.
        """
        rows = self.ungrouped.records
        for name in names:
            score = BOARD_SCORES[name]
            lacking = sum(math.isnan(self._value(record, name)[0]) for record in rows)
            needs = f"; {score.needs} makes it" if score.needs else ""
            none = f" ({lacking} of {len(rows)} rows have none{needs})" if lacking else ""
            said = score.said.replace("the board's reference", self.board.rules.reference)
            yield f"{name}: {said}{self._how(name, score)}{none}."

    def _how(self, name: str, score: BoardScore) -> str:
        """How it was counted, where that can differ from record to record."""
        ways = {way for files in self.beside.values() if (way := _way(files, name, score))}
        if len(ways) > 1:
            raise RecordError("\n  ".join([f"{self.board.folder}: {name} was counted in different ways:", *sorted(ways)]))
        return "".join(f", {way}" for way in ways)


def _way(files: _Files, name: str, score: BoardScore) -> str:
    record = files.measured.record
    if score.source == "corruptions":
        found = files.corrupted
        return "" if found is None else found.signature.removeprefix(f"{found.run_signature}|").replace("|", ", ")
    if name == "boundary IoU" and record.boundary:
        return f"bands of {record.boundary.ratio:g} of the diagonal"
    return f"border {record.errors.border} px" if name.startswith("lost to") and record.errors else ""


def _test(images: Sequence[PerImage], labels: LabelSpace, score: BoardScore) -> Callable[[int, int, int], float]:
    """The p-value of two models after some draws."""

    def p_value(i: int, j: int, draws: int) -> float:
        if score.source == "images":
            return fine_p_value(labels, images[i], images[j], score.field, replicates=draws)
        return paired_p_value(labels, images[i], images[j], score=score.field, replicates=draws)

    return p_value
