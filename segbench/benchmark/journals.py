"""The journals of a run: one for each rank, of this launch and of those before it, whatever their numbers of ranks were."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segbench.benchmark.ranks import LaunchError, Ranks
from segbench.errors import DataError, RecordError
from segbench.files.names import shown
from segbench.labels.space import BYTES
from segbench.records.partial import Journal, Row, Task, differences, digest_of, is_complete, read_partial
from segbench.records.shard import Shard


@dataclass(frozen=True, eq=False)
class Journals:
    """Where the counts of a task are kept in a folder until its records are written."""

    folder: Path
    task: Task
    ranks: Ranks
    name: str

    @classmethod
    def agreed(cls, folder: Path, task: Task, ranks: Ranks) -> Journals:
        """The journals of a task on which all ranks agree.

        :raises DataError: this rank sees another task than the first one does.
        :raises LaunchError: another rank does, or has stopped.
        """
        said = ranks.gather((digest_of(task.plain_facts), digest_of(task.images), task.digest))
        if any(each[:2] != said[0][:2] for each in said):
            first_facts, first_images = ranks.gather((task.plain_facts, task.images))[0]
            found = [f"{name}: {here!r} here, {there!r} on rank 0" for name, there, here in differences(first_facts, task.plain_facts)]
            if task.images != first_images:
                found.append(f"{len(task.images)} images here, {len(first_images)} on rank 0, or others")
            if not found:
                raise LaunchError("another rank sees other data or models")
            way_out = "all ranks must be given the same data, weights and code"
            raise DataError(f"rank {ranks.rank} does not see what rank 0 sees:", found, way_out)
        journals = cls(folder, task, ranks, f"unfinished-{said[0][2]}")
        if ranks.size > 1:
            ranks.losses.append(journals.loss)
        return journals

    @property
    def can_continue(self) -> bool:
        """Whether what was counted before is known to be of the same models and data."""
        return bool(self.task.here)

    @property
    def own(self) -> Path | None:
        """The journal of this rank; none for a process alone that could not continue it."""
        if self.ranks.size == 1 and not self.can_continue:
            return None
        part = "" if self.ranks.size == 1 else f"-{self.ranks.rank + 1}-of-{self.ranks.size}"
        return self.folder / f"{self.name}{part}.jsonl"

    @property
    def files(self) -> list[Path]:
        """All that there are."""
        return sorted(shown(self.folder, f"{self.name}*.jsonl"))

    def begin(self) -> dict[str, Row]:
        """What was counted before. The first rank reads it, and no rank begins to write before; each is told what is done."""
        done: dict[str, Row] = {}
        if self.ranks.leads:
            if self.can_continue:
                done = self.rows(complete=True)
            else:
                self.remove()
        names = self.ranks.gather(list(done))[0]
        return done if self.ranks.leads else {name: [] for name in names}

    def rows(self, *, complete: bool) -> dict[str, Row]:
        """The counts of each image that is in any of them; those alone that every model has counted, if ``complete``."""
        known, found = set(self.task.images), dict[str, Row]()
        for file in self.files:
            for name, row in read_partial(file, self.task).rows.items():
                if name in known and (is_complete(row) or (not complete and name not in found)):
                    found[name] = row
        return found

    def missing(self) -> list[str]:
        """The images that are in none of them."""
        there = self.rows(complete=False)
        return [name for name in self.task.images if name not in there]

    def open(self) -> Journal:
        """The journal of this rank, to be added to."""
        return Journal(self.own, self.task, self.ranks.shard)

    def all_rows(self, total: NDArray[np.int64]) -> list[Row]:
        """The counts of all images, in order, checked against the sum of what the ranks have counted.

        :raises DataError: images are missing, or the sum is another one.
        """
        there = self.rows(complete=False)
        way_out = f"{self.folder} must be a folder that all ranks see; repeat the command: it goes on where it was"
        if missing := [name for name in self.task.images if name not in there]:
            raise DataError(f"{len(missing)} of {len(self.task.images)} images are in no rank's journal:", missing, way_out)
        rows = [there[name] for name in self.task.images]
        if not np.array_equal(sum_of(rows, len(self.task.classes)), total):
            raise DataError(f"the journals {self.folder / self.name}*.jsonl do not hold what the ranks have counted", way_out=way_out)
        return rows

    def remove(self) -> None:
        """Remove them all: what they hold is in records now."""
        for file in self.files:
            file.unlink(missing_ok=True)

    def loss(self) -> DataError:
        """What is said when a launch failed: which images no rank has counted."""
        missing = self.missing()
        summary = f"another rank has stopped, and {len(missing)} of {len(self.task.images)} images are not counted:"
        return DataError(summary, missing, "repeat the command, with any number of ranks: it goes on where it was")


def sum_of(rows: Any, models: int) -> NDArray[np.int64]:
    """int64[models, 65536]: the pair counts of many images, added; a sum that is checked."""
    total = np.zeros((models, 65536), np.int64)
    for row in rows:
        for at, counts in enumerate(row):
            if counts is not None:
                cells = (BYTES * counts.pairs.targets + counts.pairs.preds) % total.shape[1]  # of wide maps several share a place
                np.add.at(total[at], cells, counts.pairs.pixels)
    return total


def shard_file(folder: Path, shard: Shard) -> Path:
    """Where the partial of a shard lies."""
    return folder / f"shard-{shard.index + 1}-of-{shard.of}.jsonl"


def open_shard(folder: Path, task: Task, shard: Shard) -> Journal:
    """The partial of a shard, to be added to; it goes on where it was, if nothing has changed on this machine.

    :raises RecordError: there is one of another task.
    """
    path = shard_file(folder, shard)
    if path.is_file():
        there = read_partial(path).task
        found = [name for name, _, _ in differences(there.plain_facts, task.plain_facts)]
        if there.images != task.images:
            found.append("images")
        if found:
            raise RecordError(
                f"{path} holds counts of something else: its {', '.join(found)} differ\n  --out FOLDER writes elsewhere; or remove it"
            )
        if there.here != task.here or not task.here:
            path.unlink()
    return Journal(path, task, shard)


def failures_of(said: list[Mapping[str, str]]) -> dict[str, str]:
    """Why models failed on any rank."""
    return {name: why for each in said for name, why in each.items()}
