"""Records as tables: pandas frames of full-precision fractions; :mod:`segbench.report.tables.formats` writes them down.

Rows whose signatures differ are not comparable: :func:`comparable` sorts records into groups, and what makes a table refuses a mixture.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd

from segbench.errors import RecordError
from segbench.records.profile import Profile
from segbench.records.run_record import RunRecord
from segbench.report.tables.intervals import half_width
from segbench.report.tables.metrics import ALWAYS, CLASS_SCORES, METRICS

# Without Boundary IoU: records with bands of other widths have the same signature.
SCORES = {name: metric.of for name, metric in METRICS.items() if name != "boundary IoU"}
SIZES: dict[str, Callable[[RunRecord], Any]] = {
    "params": lambda r: r.model.get("params"),
    "MACs": lambda r: r.model.get("macs"),
}
COLUMNS = SCORES | SIZES
BOUNDS = ("mIoU low", "mIoU high")
SEEDS, SEEDS_SD = "seeds", "mIoU sd"
Seeds = Mapping[RunRecord, Sequence[RunRecord]]
"""Trainings that are one row, by the record that stands for them in pictures (:mod:`segbench.report.tables.seeds`)."""
NO_SEEDS: Seeds = MappingProxyType({})
SPEEDS: dict[str, Callable[[Profile], float]] = {
    "network_ms": lambda p: p.network_ms,
    "images_per_s": lambda p: p.images_per_s,
}


Valued = tuple[float, float]
"""A score and half the width of its interval; NaN where undefined."""
More = Mapping[str, Mapping[RunRecord, Valued]]
"""Further columns of a table by name, of each record."""


@dataclass(frozen=True)
class Group:
    """Records of one signature, best first. ``difference`` says what sets them apart from the other groups; empty if they are alone.

    ``suffix`` goes into file names; the largest group has none. ``seeds``: rows that are several trainings. Of a board there are the
    columns that it asks for, ``more``, with ``notes`` on them, the score ``rank`` by which rows are in order, and their ``ranks`` by a
    ``test``.
    """

    signature: str
    records: tuple[RunRecord, ...]
    difference: str
    suffix: str
    seeds: Seeds = field(default_factory=lambda: NO_SEEDS)
    more: More = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    rank: str = "mIoU"
    ranks: tuple[int | None, ...] = ()
    test: str = "permutation test"


def comparable(records: Iterable[RunRecord]) -> list[Group]:
    """Records by signature, the largest group first.

    :raises RecordError: two label spaces hide behind one signature.
    """
    alike: dict[str, list[RunRecord]] = {}
    for record in records:
        alike.setdefault(record.comparability, []).append(record)
    by_signature = {min(record.signature for record in members): members for members in alike.values()}
    for signature, members in by_signature.items():
        if any(record.labels != members[0].labels for record in members):
            raise RecordError(f"records of {signature} have different label spaces named {members[0].labels.name!r}; rename one of them")
    signatures = sorted(by_signature, key=lambda s: (-len(by_signature[s]), s))
    parts = {s: dict(part.partition(":")[::2] for part in s.split("|")) for s in signatures}
    keys = list(dict.fromkeys(key for s in signatures for key in parts[s]))
    varying = [key for key in keys if len({parts[s].get(key) for s in signatures}) > 1]
    differences = [", ".join(f"{key}: {parts[s].get(key, '–')}" for key in varying) for s in signatures]
    suffixes = ["", *(f"-{name}" for name in file_names(differences[1:]))][: len(signatures)]
    return [Group(s, ranked(by_signature[s]), d, x) for s, d, x in zip(signatures, differences, suffixes, strict=True)]


def require_one_signature(records: Iterable[RunRecord]) -> None:
    """Check that records belong in one picture.

    :raises RecordError: their signatures differ; each is named.
    """
    if len(groups := comparable(records)) > 1:
        apart = [f"{group.records[0].name}: {group.signature}" for group in groups]
        raise RecordError("\n  ".join(["records of different signatures do not belong in one picture; draw each alone:", *apart]))


def ranked(
    records: Iterable[RunRecord], seeds: Seeds = NO_SEEDS, score: Callable[[RunRecord], float] | None = None
) -> tuple[RunRecord, ...]:
    """By mIoU, the highest first and undefined ones last; then by name. The order they come in does not matter.

    :param score: of a row, in place of the mIoU.
    """

    def place(record: RunRecord) -> tuple[float, str, str]:
        value = mean_of(record, seeds, SCORES["mIoU"]) if score is None else score(record)
        return (math.inf if math.isnan(value) else -value), label(record.name, record.changed_arguments), record.to_json()

    return tuple(sorted(records, key=place))


def mean_of(record: RunRecord, seeds: Seeds, score: Callable[[RunRecord], float]) -> float:
    """A score of a row: of its record, or the mean over its seeds."""
    return float(np.mean([score(each) for each in seeds.get(record, (record,))]))


def score_table(
    records: Sequence[RunRecord], profiles: Sequence[Profile] = (), ranks: Sequence[int | None] = (), seeds: Seeds = NO_SEEDS
) -> pd.DataFrame:
    """One row a record, ranked: model, scores as fractions, size, and speed where a profile is of the same model and arguments.

    A column that no record has is left out, the four scores of every record excepted. Where there are intervals, that of the mIoU follows
    it as ``mIoU low`` and ``mIoU high``. A row of several ``seeds`` holds the means of its scores, how many there are and the standard
    deviation of their mIoU, and no interval: that would be of one of them.

    :param ranks: of the rows, from the best mIoU to the worst; without them there is no such column.
    :raises RecordError: the signatures of the records or the settings of the profiles differ, or a network has two profiles.
    """
    return _table(ranked(records, seeds), profiles, ranks, seeds)


def group_table(group: Group, profiles: Sequence[Profile] = (), *, ranks: bool = True) -> pd.DataFrame:
    """The same of a board's group, with the columns that it asks for; what rows are ranked by comes first.

    :param ranks: whether there is a column of them.
    :raises RecordError: as :func:`score_table`.
    """
    table = _table(group.records, profiles, group.ranks if ranks else (), group.seeds)
    names = list(table.columns)
    at = min([names.index(name) for name in (*SIZES, *SPEEDS) if name in names], default=len(names))
    for name, values in reversed(list(group.more.items())):
        table.insert(at, name, [values[record][0] for record in group.records])
    if group.rank == "mIoU":
        return table
    names = [name for name in table.columns if name != group.rank]
    at = names.index("model") + 1
    return table[[*names[:at], group.rank, *names[at:]]]


def group_widths(group: Group) -> pd.DataFrame:
    """Half the widths of the intervals of the columns that a board asks for, in the rows of :func:`group_table`."""
    return pd.DataFrame({name: [values[record][1] for record in group.records] for name, values in group.more.items()})


def _table(rows: Sequence[RunRecord], profiles: Sequence[Profile], ranks: Sequence[int | None], seeds: Seeds) -> pd.DataFrame:
    _one("records of different signatures", {record.comparability: record.signature for record in rows}.values())
    speeds = speeds_of(rows, profiles)
    table: dict[str, Any] = {"rank": pd.Series(list(ranks), dtype="Int64")} if ranks else {}
    table["model"] = row_labels(rows)
    for name, value in COLUMNS.items():
        of_rows = [value(record) if name in SIZES else mean_of(record, seeds, value) for record in rows]
        column = pd.Series(of_rows, dtype="Int64" if name in SIZES else "float64")
        if name in ALWAYS or bool(column.notna().any()):
            table[name] = column
        if name == "mIoU":
            table |= _bounds(rows, seeds) | _of_seeds(rows, seeds)
    if any(speeds):
        table |= {name: pd.Series([value(p) if p else math.nan for p in speeds], dtype="float64") for name, value in SPEEDS.items()}
    return pd.DataFrame(table)


def _bounds(rows: Sequence[RunRecord], seeds: Seeds) -> dict[str, Any]:
    """The interval of the mIoU; no columns where no row has one."""
    alone = [record.intervals if record not in seeds else None for record in rows]
    if not any(alone):
        return {}
    pairs = [each.bounds["miou"].tolist() if each else (math.nan, math.nan) for each in alone]
    return {bound: pd.Series(side, dtype="float64") for bound, side in zip(BOUNDS, zip(*pairs, strict=True), strict=True)}


def _of_seeds(rows: Sequence[RunRecord], seeds: Seeds) -> dict[str, Any]:
    """How many seeds a row has, and the standard deviation of their mIoU; no columns where each row is one training."""
    if not seeds:
        return {}
    number = [len(seeds[record]) if record in seeds else pd.NA for record in rows]
    spread = [float(np.std([each.scores.miou for each in seeds[record]], ddof=1)) if record in seeds else math.nan for record in rows]
    return {SEEDS: pd.Series(number, dtype="Int64"), SEEDS_SD: pd.Series(spread, dtype="float64")}


def plain(frame: pd.DataFrame, signature: str) -> list[dict[str, Any]]:
    """The rows of a table as plain data, each with its signature; nothing where a value is undefined."""
    rows = frame.assign(signature=signature).astype(object).to_dict("records")
    return [{str(name): None if pd.isna(value) else value for name, value in row.items()} for row in rows]


def plain_rows(records: Sequence[RunRecord], profiles: Sequence[Profile]) -> list[dict[str, Any]]:
    """The rows of :func:`score_table` of all records as plain data, those of one signature behind one another."""
    return [row for group in comparable(records) for row in plain(score_table(group.records, profiles), group.signature)]


def per_class(records: Sequence[RunRecord], score: str = "IoU") -> pd.DataFrame:
    """A score of :data:`CLASS_SCORES` as fractions: classes (the index) times models, ranked, and called by their names alone where these
    are different.

    :raises RecordError: the signatures of the records differ.
    """
    return _by_class(records, lambda record: getattr(record.scores, CLASS_SCORES[score]))


def class_half_widths(records: Sequence[RunRecord], score: str = "IoU") -> pd.DataFrame:
    """Half the widths of the intervals of :func:`per_class`, in the same shape; NaN where there is none."""
    return _by_class(records, lambda record: half_width(record, CLASS_SCORES[score]))


def _by_class(records: Sequence[RunRecord], values: Callable[[RunRecord], Any]) -> pd.DataFrame:
    rows = ranked(records)
    _one("records of different signatures", {record.comparability: record.signature for record in rows}.values())
    names = rows[0].labels.class_names if rows else ()
    called = [record.name for record in rows]
    called = called if len(set(called)) == len(called) else row_labels(rows)
    table = {name: values(record) for name, record in zip(called, rows, strict=True)}
    return pd.DataFrame(table, index=pd.Index(names, name="class"))


def label(name: str, changed: Mapping[str, Any]) -> str:
    """A model's name and what it was built with other than the defaults: a network of reduced width is not the published one."""
    shown = ", ".join(f"{key}={value}" for key, value in _with_tuples(changed).items())
    return f"{name} ({shown})" if shown else name


def row_labels(records: Sequence[RunRecord]) -> list[str]:
    """A label for each record, no two alike."""
    plain = [label(record.name, record.changed_arguments) for record in records]
    return distinct(plain, [record.model.get("weights_sha256") for record in records])


def distinct(names: Sequence[str], weights: Sequence[str | None]) -> list[str]:
    """Names of rows, no two alike: equal ones get the beginning of their weights' checksum, and after that a number."""
    marked = [f"{name} @{sha[:8]}" if sha and names.count(name) > 1 else name for name, sha in zip(names, weights, strict=True)]
    return _numbered(marked, " #{}")


def file_names(texts: Iterable[str]) -> list[str]:
    """A file name for each text, no two alike even where case does not count."""
    return _numbered([re.sub(r"[^A-Za-z0-9._]+", "-", text).strip("-.") or "unnamed" for text in texts], "-{}")


def setting(profile: Profile) -> str:
    """What must be equal for two times to be comparable."""
    machine, size, batch, *rest = machine_parts(profile)
    return ", ".join([machine, size, batch, profile.precision, *[profile.backend] * (profile.backend != "eager"), *rest])


def machine_parts(profile: Profile) -> list[str]:
    """Machine, size, batch, threads and torch: all of a setting but the way of running."""
    facts = profile.environment
    machine = facts.get("cpu") or "cpu" if profile.device == "cpu" else profile.device
    height, width = profile.input_size
    parts = [str(machine), f"{height}x{width}", f"batch {profile.batch_size}", f"{profile.threads} threads"]
    return parts + [f"torch {facts['torch']}"] * bool(facts.get("torch"))


def by_setting(records: Sequence[RunRecord], profiles: Iterable[Profile]) -> dict[str, list[Profile]]:
    """The profiles that belong to one of the records, by setting, the setting with the most profiles first."""
    groups: dict[str, list[Profile]] = {}
    for profile in profiles:
        if any(_belongs(profile, record) for record in records):
            groups.setdefault(setting(profile), []).append(profile)
    return {name: groups[name] for name in sorted(groups, key=lambda name: (-len(groups[name]), name))}


def speeds_of(records: Sequence[RunRecord], profiles: Sequence[Profile]) -> list[Profile | None]:
    """The profile of each record's very network at the record's precision, if there is one.

    :raises RecordError: the settings of the profiles differ, or a network has two of them.
    """
    _one("profiles of different settings", set(by_setting(records, profiles)))
    speeds: list[Profile | None] = []
    for record in records:
        found = [profile for profile in profiles if _belongs(profile, record)]
        if len(found) > 1:
            name = label(record.name, record.changed_arguments)
            raise RecordError(f"{name} has {len(found)} profiles of one setting ({setting(found[0])}); keep one of them")
        speeds += found or [None]
    return speeds


def _with_tuples(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments as functions have them by default: a file knows lists alone."""
    return {key: tuple(value) if isinstance(value, list) else value for key, value in arguments.items()}


def _belongs(profile: Profile, record: RunRecord) -> bool:
    """Whether the profile is of the record's network in the record's arithmetic: the speed of bf16 says nothing of the accuracy of fp32."""
    weights = profile.weights_sha256, record.model.get("weights_sha256")
    if all(weights) and weights[0] != weights[1]:
        return False  # another training of the same network, which was timed too
    same = profile.model == record.name and _with_tuples(profile.changed_arguments) == _with_tuples(record.changed_arguments)
    return same and profile.precision == record.protocol.get("precision", profile.precision)


def _one(what: str, kinds: Collection[str]) -> None:
    if len(kinds) > 1:
        raise RecordError("\n  ".join([f"{what} do not belong in one table:", *sorted(kinds)]))


def _numbered(texts: Sequence[str], ending: str) -> list[str]:
    result: list[str] = []
    taken: set[str] = set()
    for text in texts:
        candidate, number = text, 1
        while candidate.lower() in taken:
            number += 1
            candidate = text + ending.format(number)
        taken.add(candidate.lower())
        result.append(candidate)
    return result
