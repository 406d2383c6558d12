r"""Groups of images that resemble each other: what intervals draw instead of single images.

A rule is a name of :data:`BY_NAME`; ``folder``; a regular expression with one pair of parentheses, around the group
(``(patient\d+)_``); or a CSV file whose rows hold an image and its group, with or without a header.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from segbench.errors import DataError
from segbench.files.settings import takes
from segbench.files.text import read_text

if TYPE_CHECKING:
    from segbench.labels.space import LabelSpace
    from segbench.metrics.per_image import PerImage
    from segbench.metrics.uncertainty import Intervals

# How a group's name is taken from an image's; and what the groups are called.
BY_NAME: dict[str, tuple[str, Callable[[str], str]]] = {
    "city": ("cities", lambda name: name.rpartition("/")[2].partition("_")[0]),
    "sequence": ("sequences", lambda name: name.rpartition("/")[2].rpartition("_")[0]),
    "condition": ("conditions", lambda name: name.partition("/")[0]),
    "folder": ("folders", lambda name: name.rpartition("/")[0]),
}
RULES = f"{', '.join(BY_NAME)}, a pattern with parentheses around the group, or a CSV of images and groups"


@dataclass(frozen=True)
class Groups:
    """The group of each image, and what to call several of them."""

    unit: str
    of_images: tuple[str, ...]


@takes({"type": "string"})
def group_rule(value: object) -> str:
    """A rule as people write it.

    :raises ValueError: it is none.
    """
    rule = str(value)
    if isinstance(value, str) and (rule in BY_NAME or rule.lower().endswith(".csv")):
        return rule
    try:
        parentheses = re.compile(rule).groups if isinstance(value, str) else 0
    except re.error as error:
        raise ValueError(f"{rule!r} is no pattern: {error}") from None
    if parentheses != 1:
        raise ValueError(f"{rule!r} is none of {RULES}")
    return rule


def groups_of(ids: Sequence[str], rule: str, *, option: str = "--groups", needed: bool = False, fewest: int = 2) -> Groups:
    """The group of each image, by a rule (see :func:`group_rule`).

    :param option: what gave the rule; ``needed``: leaving it out is no way out.
    :param fewest: how many groups there must be.

    :raises DataError: images have no group, all have the same, or each has one of its own; or a file says nothing of some.
    """
    if rule in BY_NAME:
        unit, group_of = BY_NAME[rule]
        found, where = Groups(unit, tuple(map(group_of, ids))), f"no {rule} in their name"
    elif rule.lower().endswith(".csv"):
        found, where = _of_file(Path(rule), ids), f"no group in {rule}"
    else:
        matches = [re.search(rule, sample_id) for sample_id in ids]
        found, where = (
            Groups("groups", tuple((match[1] or "") if match else "" for match in matches)),
            f"no group by {rule!r} in their name",
        )
    nameless = [sample_id for sample_id, group in zip(ids, found.of_images, strict=True) if not group or group == sample_id]
    different, way_out = len(set(found.of_images)), f"{option} takes {RULES}" if needed else f"leave out {option}"
    if nameless:
        raise DataError(f"{len(nameless)} of {len(ids)} images have {where}, e.g. {nameless[0]!r}", way_out=way_out)
    if different < fewest:
        raise DataError(f"there are no {found.unit} to draw: all {len(ids)} images are of one", way_out=way_out)
    if different == len(ids) > 1:
        example = f"{ids[0]!r} is all of {found.of_images[0]!r}"
        raise DataError(
            f"each of the {len(ids)} {found.unit} is one image ({example}), so these are no groups", way_out=f"{option} takes {RULES}"
        )
    return found


def _of_file(path: Path, ids: Sequence[str]) -> Groups:
    """The groups that a CSV file gives: image names as in records, without folders, or with the file's ending.

    :raises DataError: it is missing or no table of two columns, or it gives an image two groups.
    """
    if not path.is_file():
        raise DataError(f"--groups {path}: there is no such file", way_out=f"--groups takes {RULES}")
    text = read_text(path)
    delimiter = max(",;\t", key=text.partition("\n")[0].count)
    rows = [[cell.strip() for cell in row] for row in csv.reader(io.StringIO(text), delimiter=delimiter) if any(row)]
    if not rows or any(len(row) < 2 for row in rows):
        raise DataError(f"--groups {path}: it must hold two columns, an image and its group")
    spelt = {name: each for each in ids for name in (each.rpartition("/")[2], each)}
    known = {
        name: spelt[key] for name in (row[0] for row in rows) for key in (name, _stem(name), _stem(name).rpartition("/")[2]) if key in spelt
    }
    unit = "groups" if rows[0][0] in known else f"{rows[0][1]}s"
    given: dict[str, str] = {}
    for name, group, *_ in rows:
        if name in known and given.setdefault(known[name], group) != group:
            raise DataError(f"--groups {path}: {name} is in {given[known[name]]!r} and in {group!r}", way_out="give each image one group")
    return Groups(unit, tuple(given.get(each, "") for each in ids))


def _stem(name: str) -> str:
    return re.sub(r"\.[A-Za-z]\w{1,4}$", "", name)


@dataclass(frozen=True)
class Draws:
    """What intervals draw: ``groups`` of images by a rule, and how many ``replicates`` of a bootstrap; ``None`` leaves it to the data."""

    groups: str | None = None
    replicates: int | None = None


AS_USUAL = Draws()


def intervals_of(labels: LabelSpace, ids: Sequence[str], counted: PerImage, draws: Draws = AS_USUAL) -> Intervals:
    """Intervals over images, or over groups of them by a rule.

    :raises DataError: see :func:`groups_of`.
    """
    from segbench.metrics.jackknife import intervals  # numpy, which the command line does without when it reads a rule

    if draws.groups is None:
        return intervals(labels, counted, replicates=draws.replicates)
    found = groups_of(ids, draws.groups)
    return intervals(labels, counted, groups=found.of_images, unit=found.unit, replicates=draws.replicates)
