"""The shift between the conditions of records: ACDC's fog, night, rain and snow, or the groups of any rule."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from segbench.errors import RecordError, UnknownNameError, nearest
from segbench.metrics.shift import Condition, Shift, conditions_of, shift_of
from segbench.records.comparison import read_matrices
from segbench.records.groups import Groups, groups_of
from segbench.records.run_record import RunRecord, read_run


@dataclass(frozen=True)
class Asked:
    """``groups``: the rule of conditions. ``against``: the reference, a condition or another record's file. ``draw``: the rule of units."""

    groups: str = "condition"
    against: str | None = None
    draw: str | None = None


@dataclass(frozen=True, eq=False)
class Shifted:
    """A record, its conditions, and the shift of each from the reference; ``None`` for the reference itself, or without one.

    ``unit``: what is drawn. ``reference``: what the differences are to; empty without one.
    """

    record: RunRecord
    conditions: tuple[Condition, ...]
    shifts: tuple[Shift | None, ...]
    unit: str
    reference: str = ""


def shift_of_record(path: Path, asked: Asked) -> Shifted:
    """The conditions of a record, from what was counted in every image beside it.

    :raises RecordError: the record, or one of the reference, cannot be read, or they know other classes.
    :raises DataError: the images' names have no such groups.
    :raises UnknownNameError: the reference is no condition of the record, and no file.
    """
    record = read_run(path)
    ids, counted = read_matrices(path, record)
    alone = asked.against is not None and Path(asked.against).is_file()  # a single condition will do
    names, drawn = groups_of(ids, asked.groups, needed=True, fewest=1 if alone else 2), _drawn(ids, asked)
    found = conditions_of(record.labels, counted, names.of_images, units=drawn.of_images if drawn else None)
    unit = drawn.unit if drawn else "images"
    if asked.against is None:
        return Shifted(record, tuple(found), (None,) * len(found), unit)
    reference = _reference(path, record, found, asked)
    shifts = tuple(None if each is reference else shift_of(each, reference) for each in found)
    return Shifted(record, tuple(found), shifts, unit, reference.name)


def _reference(path: Path, record: RunRecord, found: list[Condition], asked: Asked) -> Condition:
    assert asked.against is not None
    named = {each.name: each for each in found}
    if asked.against in named:
        return named[asked.against]
    other = Path(asked.against)
    if not other.is_file():
        known = nearest(asked.against, list(named), "there are")
        raise UnknownNameError(f"--against {asked.against}: no such condition in {path}, and no file of a record; {known}")
    against = read_run(other)
    if against.labels.class_names != record.labels.class_names:
        raise RecordError(f"{other} knows the classes of {against.labels.name!r}, and {path} those of {record.labels.name!r}")
    ids, counted = read_matrices(other, against)
    drawn = _drawn(ids, asked)
    name = f"{against.dataset['name']} {against.dataset['split']}"
    (reference,) = conditions_of(record.labels, counted, [name] * len(ids), units=drawn.of_images if drawn else None)
    return reference


def _drawn(ids: list[str], asked: Asked) -> Groups | None:
    return None if asked.draw is None else groups_of(ids, asked.draw, option="--draw")
