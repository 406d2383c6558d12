"""What a board says of itself: ``board.yaml`` (its rules) and ``reported.csv`` (published numbers) in its folder. Both are optional.

::

    title: minicity, val                    # everything is optional; a board without a file has the name of its folder and no rules
    about: What is compared here, in a sentence or two.
    dataset: minicity                       # these must be those of every record, word for word
    split: val
    images: 60
    labels: cityscapes-19
    targets_sha256: 236487f0...
    protocol: {tiling: whole, flip: false}  # so must be each of these; the others may vary, and records that differ get tables of their own
    data: dataset                           # what models may have seen: the dataset alone, or anything that is stated
    measured: Who measured, and how.
    command: segbench run --models NAME --dataset minicity --split val
    columns: [mIoU^I worst 5 %, ECE]        # scores that its tables show beside the usual ones
    rank: mIoU^I                            # what rows are ranked by; mIoU if nothing is said
    reference: unet                         # the model whose corruption errors are 1 in the column mCE
    closed: Why no record can be added.

A published number says nothing that a record does not say better, so it never shares a table with a measured one.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Literal, get_args

from segbench.errors import DataError, nearest
from segbench.files.foreign import visible, web_address
from segbench.files.settings import Whole, one_of, takes, text
from segbench.files.text import read_text
from segbench.files.yaml_schema import Key, plain, read_yaml, section
from segbench.leaderboards.board_scores import BOARD_SCORES, MIOU, MORE

Scales = Literal["single", "multi", "unstated"]

RULES = "board.yaml"
REPORTED = "reported.csv"


@dataclass(frozen=True)
class Rules:
    """What a record must keep to. ``None`` and an empty text or mapping say nothing."""

    title: str
    about: str = ""
    dataset: str | None = None
    split: str | None = None
    images: int | None = None
    labels: str | None = None
    targets_sha256: str | None = None
    protocol: Mapping[str, Any] = field(default_factory=dict)
    data: Literal["dataset", "stated"] = "stated"
    measured: str = ""
    command: str = ""
    columns: tuple[str, ...] = ()
    rank: str = MIOU
    reference: str = ""
    closed: str = ""
    written: bool = False
    """Whether there is a file; the title alone is no rule."""


@dataclass(frozen=True)
class Reported:
    """A published number: whose it is, how it was measured as far as it is said, and where it stands.

    ``model``: the architecture; ``registered``: its name in segbench, if it has one. ``miou``: per cent, with the digits that were printed.
    ``scales``: ``single``, ``multi`` where several scales or a mirrored image were averaged, or ``unstated`` where the source does not say.
    ``input``: what the network saw, as far as it is said. ``data``: beside the finely labelled training images. ``by``: who measured, the
    paper's authors or another code base. ``source`` and ``url``: where the number was read.
    """

    model: str
    registered: str
    variant: str
    backbone: str
    miou: str
    scales: Scales
    input: str
    data: str
    by: str
    year: int
    source: str
    url: str

    @property
    def fraction(self) -> float:
        """The mIoU as everywhere else."""
        return float(self.miou) / 100


def read_rules(folder: Path) -> Rules:
    """The rules of a board.

    :raises DataError: the file is no YAML, or has keys or values that mean nothing; each is named with its line.
    """
    path, title = folder / RULES, folder.resolve().name
    if not path.is_file():
        return Rules(title)
    rules = Rules(**{"title": title, "written": True} | read_yaml(path, section("board", KEYS)))
    if "mCE" in (*rules.columns, rules.rank) and not rules.reference:
        raise DataError(f"{path}: mCE is by the corruption errors of a reference", way_out="name a model of the board: `reference: MODEL`")
    return rules


@takes({"type": "object"})
def _mapping(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError(f"{value!r} is not a mapping")
    return value


@takes({"type": "string"})
def _line(value: Any) -> str:
    return visible(" ".join(text(value).split()))


@takes({"type": "array", "items": {"enum": list(MORE)}, "uniqueItems": True})
def _columns(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise ValueError(f"{value!r} is not a list of scores")
    for name in value:
        if name not in MORE:
            raise ValueError(f"no column {name!r}; {nearest(str(name), MORE, 'there are')}")
    if len(set(value)) < len(value):
        raise ValueError(f"a column stands twice in {', '.join(value)}")
    return tuple(value)


_TEXT = plain(_line)
KEYS = {
    "title": Key(_TEXT, "text", "The headline of the board. Default: the folder's name."),
    "about": Key(_TEXT, "text", "What is compared here, in a sentence or two."),
    "dataset": Key(_TEXT, "text", "The dataset that every record must be of."),
    "split": Key(_TEXT, "text", "The split that every record must be of."),
    "images": Key(plain(Whole(1)), "a whole number from 1 on", "How many images every record must have."),
    "labels": Key(_TEXT, "text", "The name of the label space that every record must have."),
    "targets_sha256": Key(_TEXT, "64 hexadecimal digits", "The checksum of the targets, as records hold it."),
    "protocol": Key(
        plain(_mapping),
        "a mapping",
        "Facts of the protocol that every record must have; records that differ in others get tables of their own.",
    ),
    "data": Key(
        plain(one_of("dataset", "stated")),
        "`dataset` or `stated`",
        "What models may have been trained on: the dataset alone, or anything that the record states. Default: stated.",
    ),
    "measured": Key(_TEXT, "text", "Who measured, and how."),
    "command": Key(_TEXT, "text", "The command that makes a record for this board."),
    "columns": Key(plain(_columns), "a list of scores", "Scores that the tables show beside the usual ones."),
    "rank": Key(plain(one_of(*BOARD_SCORES)), "a score", "What rows are ranked by, and tested for. Default: mIoU."),
    "reference": Key(_TEXT, "text", "The name of the model whose corruption errors are 1 in the column mCE."),
    "closed": Key(_TEXT, "text", "Why no record can be added; `segbench submit` refuses with this sentence."),
}


def read_reported(folder: Path) -> tuple[Reported, ...]:
    """The published numbers of a board, the best first; nothing if it has none.

    :raises DataError: naming every line that is incomplete or stands there twice.
    """
    path = folder / REPORTED
    if not path.is_file():
        return ()
    names = [each.name for each in fields(Reported)]
    lines = list(enumerate(_rows(path, names), 2))
    problems = [f"line {number}: {problem}" for number, line in lines for problem in _problems_of_line(line)]
    seen: dict[tuple[str, ...], int] = {}
    for number, line in lines:
        if (first := seen.setdefault(tuple(map(str, line.values())), number)) != number:
            problems.append(f"line {number}: stands in line {first} already")
    if problems:
        raise DataError(f"{path}: {len(problems)} problems", problems)
    texts: list[dict[str, Any]] = [{name: visible(text) for name, text in line.items()} for _, line in lines]
    rows = [Reported(**{**line, "year": int(line["year"])}) for line in texts]
    return tuple(sorted(rows, key=lambda r: (-r.fraction, r.model, r.variant, r.by, r.input)))


def _rows(path: Path, names: list[str]) -> list[dict[str, Any]]:
    """The rows of a CSV file, also of one that a program wrote where the comma is in numbers.

    :raises DataError: its columns have other names.
    """
    text = read_text(path)
    head = text.partition("\n")[0]
    delimiter = next((mark for mark in ";\t" if mark in head and "," not in head), ",")
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter)
    if reader.fieldnames != names:
        raise DataError(f"{path}: its columns must be {','.join(names)}")
    rows = list(reader)
    return rows if delimiter == "," else [row | {"miou": (row["miou"] or "").replace(",", ".")} for row in rows]


def _problems_of_line(line: Mapping[str, Any]) -> Iterator[str]:
    if None in line or None in line.values():
        yield "it has too many or too few columns"
        return
    for name in ("model", "by", "source"):
        if not line[name]:
            yield f"{name} is empty"
    if line["scales"] not in get_args(Scales):
        yield f"scales: {line['scales']!r} is none of {', '.join(get_args(Scales))}"
    if not line["url"].startswith("https://") or web_address(line["url"]) is None:
        yield f"url: {line['url']!r} is no https address"
    if not line["year"].isdecimal():
        yield f"year: {line['year']!r} is no year"
    if not line["miou"].replace(".", "", 1).isdecimal() or not 1 < float(line["miou"]) <= 100:
        yield f"miou: {line['miou']!r} is no per cent above 1"
