"""What a board's page says beside what was measured: its rules, what its tables are of, and the published numbers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from segbench.files.foreign import web_address
from segbench.leaderboards.board import Board
from segbench.leaderboards.board_scores import BOARD_SCORES
from segbench.leaderboards.rules import Reported, Rules
from segbench.records.profile import Profile
from segbench.report.tables.formats import DASH, escape, markdown_lines
from segbench.report.tables.frames import Group
from segbench.report.tables.intervals import interval_note
from segbench.report.tables.macs import macs_note
from segbench.report.tables.seeds import seeds_note
from segbench.report.tables.speed import busy_note

RANKS = (
    "Ranks: a model shares the rank of the leader above it unless a paired {test} of the {score} on the same images tells the "
    "two apart at the 5 % level, Holm-corrected for all pairs of the table; then it leads the next rank, which is its place."
)
UNRANKED = "Rows are in the order of the {score}. No test tells them apart: its records hold no counts of single images."
SCALES = {
    "single": "Published: one scale",
    "multi": "Published: several scales, or mirrored as well",
    "unstated": "Published: scales not stated",
}
_DATA = {
    "dataset": "the training images of the dataset itself, and nothing else",
    "stated": "anything beside the images that are evaluated, if the record says what",
}


def rules_text(board: Board) -> str:
    """What it is about and what a record must keep to, as Markdown; empty for a board without a file of rules."""
    rules = board.rules
    if not rules.written:
        return ""
    lines = [escape(rules.about), ""] * bool(rules.about) + ["## Rules", "", *(f"- **{name}**: {text}" for name, text in rules_of(board))]
    return "\n".join([*lines, ""])


def evaluated(group: Group) -> str:
    """What the records of a group were evaluated on, in a line."""
    record = group.records[0]
    data, classes = record.dataset, len(record.labels.classes)
    images = f"{data['images']} of {data['of']}" if data.get("of", data["images"]) != data["images"] else f"{data['images']}"
    return f"{data['name']}, split {data['split']}: {images} images, {classes} classes ({record.labels.name})"


def to_be_evaluated(rules: Rules) -> str:
    """The same for a board without records; a dash where its rules do not say."""
    if rules.dataset is None:
        return DASH
    return rules.dataset + (f", split {rules.split}" if rules.split else "") + (f": {rules.images} images" if rules.images else "")


def notes_of(group: Group, speed: str, profiles: Sequence[Profile]) -> list[str]:
    """What must be known to read a table: ranks, columns, seeds, intervals, MACs, and ``profiles``, whose setting is ``speed``."""
    records = group.records
    sizes = sorted({tuple(r.model["macs_input"]) for r in records if r.model.get("macs") and r.model.get("macs_input")})
    macs = " or ".join(f"{height}x{width}" for height, width in sizes)
    intervals = interval_note(record for record in records if record not in group.seeds)
    seeds = seeds_note(group)
    busy = busy_note(profiles)
    runs = " or ".join(map(str, sorted({profile.repeats for profile in profiles})))
    notes = {
        RANKS.format(score=group.rank, test=group.test): group.ranks,
        UNRANKED.format(score=group.rank): BOARD_SCORES[group.rank].source == "corruptions",
        **dict.fromkeys(group.notes, True),
        seeds: seeds,
        f"{intervals}.": intervals,
        f"MACs are for one image of {macs} pixels (height x width).": sizes,
        f"{macs_note(records)}.": sizes,
        f"Speed: {speed}, median of {runs} runs.": profiles,
        f"Times were {busy}.": busy,
    }
    return [text for text, wanted in notes.items() if wanted]


def rules_of(board: Board) -> Iterator[tuple[str, str]]:
    """Names and texts of a board's rules; what is to be typed stands between backticks."""
    rules = board.rules
    yield from _RULES_OF_SPEED if board.speed_only else _rules_of_records(rules)
    if rules.measured:
        yield "Measured", rules.measured
    if rules.command:
        yield "Reproduce", f"`{rules.command}`"
    if rules.closed:
        yield "Add a record", f"not possible: {rules.closed}"
    elif board.speed_only:
        command = "that command" if rules.command else f"`segbench profile NAMES --out leaderboards/{board.name}`"
        yield "Add a network", f"{command} measures those that have no record here yet, and keeps the others"
    else:
        yield "Add a record", f"`segbench submit RECORD.json --board leaderboards/{board.name}`"


_RULES_OF_SPEED = (
    ("Weights", "any: they do not change what is computed, and no accuracy stands here"),
    ("Protocol", "all rows of a table are of one machine, size, batch, number of threads and version of torch"),
)


def _rules_of_records(rules: Rules) -> Iterator[tuple[str, str]]:
    data = {"images": rules.images, "classes": rules.labels, "targets": rules.targets_sha256 and f"`{rules.targets_sha256[:8]}…`"}
    known = ", ".join(f"{key} {value}" for key, value in data.items() if value)
    where = f"{rules.dataset or 'any'}, split {rules.split or 'any'}" if rules.dataset or rules.split else "any"
    yield "Data", where + (f" ({known})" if known else "")
    if not rules.closed:
        fixed = ", ".join(f"{key} {_plain(value)}" for key, value in rules.protocol.items())
        yield "Protocol", fixed or "any; records of different protocols are in tables of their own"
        yield "Training data", _DATA[rules.data]


def reported_text(rows: Sequence[Reported]) -> str:
    """Tables of published numbers as Markdown, one for each way of using scales; empty if there are none."""
    if not rows:
        return ""
    text = [
        f"The {len(rows)} numbers below were published by others and not measured here. Each was read where its source says, and what that "
        "does not say stays unknown. Sizes, crops, training data and code differ from row to row: the rows have no ranks, and none of them "
        "belongs beside a measured number.",
        "",
    ]
    for scales, title in SCALES.items():
        if members := [row for row in rows if row.scales == scales]:
            header = ["model", "variant", "mIoU", "input", "extra data", "measured by", "year", "source"]
            text += [f"## {title}", "", markdown_lines(header, list(map(_reported_cells, members)), text=_TEXT)]
    return "\n".join(text)


_TEXT = ("model", "variant", "input", "extra data", "measured by", "source")


def _reported_cells(row: Reported) -> list[str]:
    variant = ", ".join(part for part in (row.variant, row.backbone) if part)
    cells = [
        row.model + (f" (`{row.registered}`)" if row.registered else ""),
        escape(variant),
        row.miou,
        escape(row.input),
        escape(row.data),
    ]
    return [*cells, escape(row.by), str(row.year), f"[{escape(row.source)}]({web_address(row.url)})"]


def _plain(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(f"{entry:g}" for entry in value) if isinstance(value, list) else str(value)
