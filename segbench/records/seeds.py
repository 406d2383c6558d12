"""Several trainings of two models, given as run records of the same images, held against each other (:mod:`segbench.metrics.seeds`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from glob import glob, has_magic
from pathlib import Path
from typing import Any

from segbench.errors import RecordError
from segbench.labels.space import LabelSpace
from segbench.metrics.extras import counted_unlike
from segbench.metrics.per_image import PerImage
from segbench.metrics.seeds import Crossed, compare_seeds
from segbench.metrics.statistic import Floats
from segbench.records.comparison import differences, read_matrices
from segbench.records.groups import groups_of
from segbench.records.reading import is_run_file
from segbench.records.run_record import RunRecord, read_run


@dataclass(frozen=True, eq=False)
class SeedsCompared:
    """The records of either model, and what was found."""

    records: tuple[tuple[RunRecord, ...], tuple[RunRecord, ...]]
    found: Crossed

    @property
    def labels(self) -> LabelSpace:
        """The classes that are compared."""
        return self.records[0][0].labels

    @property
    def scores(self) -> tuple[Mapping[str, Floats], Mapping[str, Floats]]:
        """The means of either model over its seeds, by name of metric."""
        return self.found.means


def records_of(pattern: str) -> list[Path]:
    """The run records that a pattern such as ``A-*.json`` means, or the one that it names; profiles beside them are left out.

    :raises RecordError: there is none.
    """
    if Path(pattern).is_file() or not has_magic(pattern):
        return [Path(pattern)]
    found = sorted(path for name in glob(pattern, recursive=True) if is_run_file(path := Path(name)))
    if not found:
        raise RecordError(f"{pattern}: no record is called so; quote a pattern, so that the shell leaves it as it is")
    return found


def compare_seed_records(a: Sequence[Path], b: Sequence[Path], groups: str | None = None, replicates: int | None = None) -> SeedsCompared:
    """Compare the records of two models' seeds.

    :param groups: what is drawn, by a rule of :mod:`segbench.records.groups`; images by default.
    :param replicates: insists on drawing so many, where images or classes are too many to be drawn by default.
    :raises RecordError: a record or its matrices cannot be read, they are not comparable, a model has a single seed, or two records hold
        the same counts, so that one training would count twice. Every one is named.
    """
    if min(len(a), len(b)) < 2:
        lone = (a if len(a) < 2 else b)[0]
        raise RecordError(
            f"{lone} is a single seed: what seeds differ by is seen from two of each model on; or compare one record with one"
        )
    paths = [*a, *b]
    records = [read_run(path) for path in paths]
    problems = [
        f"{path}: {', '.join(apart)}" for path, record in zip(paths, records, strict=True) if (apart := differences(records[0], record))
    ]
    problems += [f"{path}: another label space" for path, record in zip(paths, records, strict=True) if record.labels != records[0].labels]
    if problems:
        raise RecordError("\n  ".join([f"these are not comparable with {paths[0]}; their signatures differ in", *problems]))
    matrices = [read_matrices(path, record) for path, record in zip(paths, records, strict=True)]
    ids = matrices[0][0]
    if others := [str(path) for path, (names, _) in zip(paths, matrices, strict=True) if names != ids]:
        raise RecordError(f"{', '.join(others)}: other images than {paths[0]}, or the same in another order")
    _refuse_twins(paths, [counted for _, counted in matrices])
    grouped = None if groups is None else groups_of(ids, groups)
    named: dict[str, Any] = {} if grouped is None else {"groups": grouped.of_images, "unit": grouped.unit}
    unlike = counted_unlike(records)
    counted = [each.without(unlike) for _, each in matrices]
    found = compare_seeds(records[0].labels, counted[: len(a)], counted[len(a) :], replicates=replicates, **named)
    return SeedsCompared((tuple(records[: len(a)]), tuple(records[len(a) :])), found)


def _refuse_twins(paths: Sequence[Path], counted: Sequence[PerImage]) -> None:
    twins = [f"{paths[j]} and {paths[i]}" for i in range(len(paths)) for j in range(i) if counted[i].matrices.equals(counted[j].matrices)]
    if twins:
        raise RecordError("\n  ".join(["these hold the same counts, and one training is no two seeds:", *twins]))
