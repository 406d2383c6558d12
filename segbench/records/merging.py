"""Partials to records: every image is there exactly once and was counted for the same task, or nothing is merged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from segbench import __version__
from segbench.datasets.base import Dataset, Sample
from segbench.errors import RecordError
from segbench.labels.space import LabelSpace
from segbench.metrics.conventions import explain
from segbench.metrics.image_counts import Counted, Counting, ImageCounts
from segbench.metrics.scores import METRICS_VERSION
from segbench.records.groups import Draws
from segbench.records.partial import End, Partial, Row, Task, differences
from segbench.records.run_record import RunRecord
from segbench.records.shard import Shard

SHOWN = 60  # characters of a fact in a message


@dataclass(frozen=True, eq=False)
class Merged:
    """All images of a task, in the data set's order, and what is said of its models."""

    task: Task
    rows: Sequence[Row]
    end: End

    @cached_property
    def dataset(self) -> Dataset:
        """The data set, without its files."""
        facts = self.task.facts["dataset"]
        samples = tuple(Sample(name, None, Path(name)) for name in self.task.images)
        size = facts["official_size"]
        return Dataset(
            facts["name"],
            facts["split"],
            LabelSpace.from_dict(facts["labels"]),
            samples,
            Path(),
            official_images=facts["official_images"],
            official_size=size and (size[0], size[1]),
            facts=facts["facts"],
            whole=facts["of"],
        )

    def counted(self, model: int) -> Counted:
        """What was counted for one model."""
        counting = Counting.from_dict(self.task.facts["models"][model]["counting"])
        return Counted.of(counting, zip(self.task.images, _whole(self.rows, model), strict=True))

    def record(self, model: int, counted: Counted) -> RunRecord:
        """The record that one process would have written, but for its environment."""
        facts = self.task.facts
        own = facts["models"][model]
        machine = self.task.machine[model] if self.task.machine else {}
        how = {"command": facts["command"], "draws": Draws(facts["groups"], facts.get("replicates")), "machine": machine}
        record = RunRecord.of(counted, self.dataset, model=self.end.models[model] or {}, protocol=own["protocol"], **how)
        return replace(record, explained=explain(counted)) if facts["explain"] else record

    @property
    def models(self) -> list[int]:
        """The positions of the models that have counted every image."""
        return [at for at, facts in enumerate(self.end.models) if facts is not None and all(row[at] is not None for row in self.rows)]


def _whole(rows: Sequence[Row], model: int) -> list[ImageCounts]:
    return [counts for row in rows if (counts := row[model]) is not None]


def dataset_facts(dataset: Dataset) -> dict[str, Any]:
    """What a task says of its data set: all that a record of it needs."""
    return {
        "name": dataset.name,
        "split": dataset.split,
        "of": dataset.split_size,
        "official_images": dataset.official_images,
        "official_size": dataset.official_size,
        "facts": dict(dataset.facts),
        "labels": dataset.labels.to_dict(),
    }


def counting_facts(kind: str) -> dict[str, Any]:
    """What any two tasks have to agree on: ``kind`` is the command."""
    return {"kind": kind, "segbench": __version__, "metrics": METRICS_VERSION, "explain": False}


def merge(partials: Sequence[Partial]) -> Merged:
    """Put the parts of a data set together.

    :raises RecordError: naming every image that is missing, that is there twice, or that belongs to another task.
    """
    if not partials:
        raise RecordError("no partials are given; `--shard I/N` of run and score writes them")
    first = partials[0]
    problems = [line for other in partials[1:] for line in _foreign(other, first)]
    if problems:
        raise RecordError(_told(f"not all partials are of one task, that of {first.path}:", problems, "merge those of one task alone"))
    places: dict[str, list[str]] = {}
    for each in partials:
        for name in (*each.rows, *each.twice):
            places.setdefault(name, []).append(str(each.path))
    known, damaged = set(first.task.images), [each for each in partials if each.damaged]
    missing = [name for name in first.task.images if name not in places]
    problems += [f"{each.path}: {each.damaged} damaged lines" for each in damaged if missing]
    problems += [f"{name}: twice, in {' and '.join(where)}" for name, where in places.items() if len(where) > 1]
    problems += [f"{name}: no image of this data set, in {where[0]}" for name, where in places.items() if name not in known]
    problems += [f"{name}: missing" for name in missing]
    if problems:
        parts = _absent(partials) if missing else ""
        raise RecordError(_told(f"these {len(partials)} partials are not {len(known)} images, each once:", problems, parts))
    rows = {name: row for each in partials for name, row in each.rows.items()}
    return Merged(first.task, [rows[name] for name in first.task.images], _common_end(partials))


def _common_end(partials: Sequence[Partial]) -> End:
    """What all partials say of the models. One that failed in any of them has failed.

    :raises RecordError: one was not finished, or they say different things.
    """
    if unfinished := [str(each.path) for each in partials if not each.end.models]:
        raise RecordError(f"{', '.join(unfinished)}: counted, but not finished; repeat its command, which takes no time")
    failed = {name: why for each in partials for name, why in each.end.failed.items()}
    models = [next((one for one in some if one is not None), None) for some in zip(*(each.end.models for each in partials), strict=True)]
    for each in partials:
        for own, common in zip(each.end.models, models, strict=True):
            if own is not None and (found := list(differences(common, own))):
                raise RecordError(
                    f"{each.path}: its network is another one: {found[0][0]} is {_shown(found[0][2])}, not {_shown(found[0][1])}"
                )
    return End([None if (m or {}).get("name") in failed else m for m in models], failed)


def _foreign(other: Partial, first: Partial) -> list[str]:
    """In what a partial differs from the first one, and its images."""
    task, own = first.task, other.task
    found = [f"{name} is {_shown(b)}, not {_shown(a)}" for name, a, b in differences(task.plain_facts, own.plain_facts)]
    if task.images != own.images:
        found.append(f"its data set has {len(own.images)} images, not {len(task.images)}, or others")
    return [f"{other.path}: {'; '.join(found)}; its images are {', '.join(other.rows)}"] if found else []


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}..."


def _absent(partials: Sequence[Partial]) -> str:
    """Which shards are not there, where all are of one number of parts."""
    numbers = {each.shard.of for each in partials}
    if len(numbers) != 1:
        return "count the missing images with the command that wrote these"
    (of,) = numbers
    absent = [str(Shard(at, of)) for at in range(of) if at not in {each.shard.index for each in partials}]
    if absent:
        return f"the shards {', '.join(absent)} are not among them: give them too, or count them with --shard"
    return "repeat the commands with --shard: each goes on where it was"


def _told(summary: str, problems: Sequence[str], way_out: str) -> str:
    return "\n  ".join([summary, *problems, *([way_out] if way_out else [])])
