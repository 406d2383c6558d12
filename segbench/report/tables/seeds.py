"""Several seeds of a model as one row of a board.

Records are seeds of one model if they are comparable, say the same of their model but for ``seed`` and the weights that came of it, and
state different seeds: those that `segbench train` writes down, or what ``trained_on`` says. A record that states none is a row of its own.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from segbench.records.profile import Profile
from segbench.records.run_record import RunRecord
from segbench.report.tables.frames import Group, by_setting, comparable, mean_of, ranked
from segbench.report.tables.intervals import half_width
from segbench.report.tables.numbers import percent

CAME_OF_IT = ("weights_sha256", "best_val_miou", "seconds")
"""What a training gave, and not how it was done."""


def board_groups(records: Iterable[RunRecord], profiles: Sequence[Profile] = ()) -> list[Group]:
    """Records by signature, as :func:`~segbench.report.tables.frames.comparable` sorts them, with the seeds of a model together.

    In pictures of images, and wherever classes are shown, a row is the seed that was timed, or else the one whose mIoU is in the middle.
    """
    return [_together(group, profiles) for group in comparable(records)]


def score_of_row(record: RunRecord, group: Group) -> str:
    """The mIoU of a row in per cent, with its interval, or as a mean over its seeds."""
    if record not in group.seeds:
        return percent(record.scores.miou, float(half_width(record, "miou")))
    return f"{percent(mean_of(record, group.seeds, lambda each: each.scores.miou))} ({len(group.seeds[record])} seeds)"


def seeds_note(group: Group) -> str:
    """What columns of seeds mean; empty where each row is one training."""
    if not group.seeds:
        return ""
    return (
        "Rows with a number of seeds hold means over trainings that differ in their seed alone; mIoU sd is the standard deviation of their "
        "mIoU. They have no ± and no rank: segbench compare 'A-*.json' 'B-*.json' draws images and seeds. Classes and "
        "pictures of images are those of one of them, the one that was timed or else the one in the middle."
    )


def all_seeds(group: Group) -> list[RunRecord]:
    """Every record of a group, the seeds of a row behind one another."""
    return [each for record in group.records for each in group.seeds.get(record, (record,))]


def _together(group: Group, profiles: Sequence[Profile]) -> Group:
    models: dict[str, list[RunRecord]] = {}
    for record in group.records:
        models.setdefault(json.dumps(_without(record.model), sort_keys=True, default=str), []).append(record)
    rows, seeds = list[RunRecord](), dict[RunRecord, Sequence[RunRecord]]()
    for members in models.values():
        stated = [tuple(_stated(member.model)) for member in members]
        if len(members) < 2 or not all(stated) or len(set(stated)) < len(members):
            rows += members
            continue
        timed = [member for member in members if by_setting([member], profiles)] or members
        shown = sorted(timed, key=lambda each: each.scores.miou)[(len(timed) - 1) // 2]
        rows.append(shown)
        seeds[shown] = tuple(members)
    return replace(group, records=ranked(rows, seeds), seeds=seeds)


def _without(facts: Any) -> Any:
    """What a record says of its model, without seeds and what came of them, at any depth: the steps too of a training that stops early."""
    if isinstance(facts, list | tuple):
        return [_without(each) for each in facts]
    if not isinstance(facts, dict):
        return facts
    recipe = facts.get("recipe")
    early = ("steps",) if isinstance(recipe, dict) and recipe.get("patience") else ()
    return {name: _without(value) for name, value in facts.items() if name not in ("seed", *CAME_OF_IT, *early)}


def _stated(facts: Any) -> Iterator[str]:
    """The seeds that a record states, at any depth, in a fixed order."""
    if isinstance(facts, list | tuple):
        for each in facts:
            yield from _stated(each)
    elif isinstance(facts, dict):
        for name, value in sorted(facts.items()):
            yield from [repr(value)] if name == "seed" else _stated(value)
