"""A board as one Markdown page: tables, the signature under each, pictures, and how to get the same numbers again. No dates, no paths."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from segbench.files.foreign import web_address
from segbench.leaderboards.board import Board
from segbench.metrics.scores import METRICS_VERSION
from segbench.records.portable import portable
from segbench.records.profile import Profile
from segbench.records.run_record import RunRecord
from segbench.report.pages.board_texts import evaluated, notes_of, to_be_evaluated
from segbench.report.tables.formats import DASH, escape, to_markdown
from segbench.report.tables.frames import (
    SPEEDS,
    Group,
    by_setting,
    group_table,
    group_widths,
    per_class,
    row_labels,
)
from segbench.report.tables.numbers import cut_note, shown_classes
from segbench.report.tables.seeds import all_seeds, score_of_row


@dataclass(frozen=True)
class Plots:
    """(caption, path relative to the page) of the plots that are shown below a table, and of those that are only linked."""

    shown: Sequence[tuple[str, str]] = ()
    linked: Sequence[tuple[str, str]] = ()


def board_page(
    title: str,
    groups: Sequence[Group],
    profiles: Sequence[Profile] = (),
    *,
    plots: Mapping[str, Plots] | None = None,
    rules: str = "",
    published: str = "",
) -> str:
    """The page. Records of different signatures get tables of their own, under a heading that says how they differ.

    :param plots: those of each table, by signature.
    :param rules: Markdown that stands above all tables, and ``published`` below them.
    :raises RecordError: see :func:`~segbench.report.tables.frames.score_table`.
    """
    drawn = plots or {}
    sections = [_section(group, profiles, drawn.get(group.signature, Plots())) for group in groups]
    loader = PackageLoader("segbench.report")
    environment = Environment(loader=loader, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True)
    page = environment.get_template("leaderboard.md.jinja").render(
        title=escape(title),
        sections=sections,
        heading="###" if len(groups) > 1 else "##",
        metrics_version=METRICS_VERSION,
        rules=rules,
        published=published,
    )
    return re.sub(r"\n{3,}", "\n\n", page)


def index_page(title: str, rows: Sequence[tuple[Board, Group | None]]) -> str:
    """The list of boards, each with every group of comparable records, or with none, and its best row."""
    lines = [
        "| board | evaluated on | models | best | mIoU | published numbers |",
        "| :--- | :--- | ---: | :--- | ---: | ---: |",
    ]
    for board, group in rows:
        link = f"[{escape(board.name)}]({board.name.replace(' ', '%20')}/leaderboard.md)"
        measured = _best(group) if group else [escape(to_be_evaluated(board.rules)), "0", DASH, DASH]
        lines.append(f"| {' | '.join([link, *measured, str(len(board.reported) or DASH)])} |")
    signatures = [f"- {escape(board.name)}: `{group.signature}`" for board, group in rows if group]
    head = [f"# {escape(title)}", "", "<!-- Made by `segbench leaderboard` from the records of each board. -->", ""]
    return "\n".join([*head, *lines, "", "Signatures; rows of different ones are not comparable:", "", *signatures, ""])


def _best(group: Group) -> list[str]:
    best, miou = row_labels(group.records)[0], score_of_row(group.records[0], group)
    difference = f" ({group.difference})" if group.difference else ""
    return [escape(evaluated(group) + difference), str(len(group.records)), escape(best), miou]


def _section(group: Group, profiles: Sequence[Profile], plots: Plots) -> dict[str, Any]:
    records = group.records
    names = row_labels(records)
    every = all_seeds(group)
    of_every = [name for record, name in zip(records, names, strict=True) for _ in group.seeds.get(record, (record,))]
    settings = by_setting(records, profiles)
    (setting, fastest), *others = list(settings.items()) or [("", [])]
    of_classes = per_class(records)
    shown = shown_classes(records[0].scores.class_iou.tolist())
    cut = cut_note(len(of_classes), len(shown))
    return {
        "difference": escape(group.difference),
        "evaluated": escape(evaluated(group)),
        "signature": group.signature,
        "board": to_markdown(group_table(group, fastest), widths=group_widths(group)),
        "notes": list(map(escape, notes_of(group, setting, fastest))),
        "other_speeds": [(escape(name), _speeds(group, measured)) for name, measured in others],
        "per_class": to_markdown(of_classes.iloc[shown], best_in="row"),
        "cut": f"Classes by the first model: {cut}. The records have them all." if cut else "",
        "shown": [(escape(caption), path) for caption, path in plots.shown],
        "linked": [(escape(caption), path) for caption, path in plots.linked],
        "models": [line for record, name in zip(records, names, strict=True) if (line := _origin(record, name))],
        "fence": "`" * max(3, 1 + max(len(run) for record in every for run in ["", *re.findall("`+", record.command)])),
        "commands": _by_value((portable(r.command) or "# no command was recorded" for r in every), of_every, "# {names}\n{value}"),
        "environments": _by_value((_environment(record) for record in every), of_every, "{value} ({names})"),
    }


def _speeds(group: Group, profiles: Sequence[Profile]) -> str:
    table = group_table(group, profiles, ranks=False)[["model", "mIoU", *SPEEDS]]
    return to_markdown(table[table["network_ms"].notna()].reset_index(drop=True))


def _origin(record: RunRecord, name: str) -> str:
    """Paper, and what the weights were trained on; empty if the record knows neither."""
    paper, trained = record.model.get("paper") or {}, record.model.get("trained_on") or {}
    parts = []
    if paper.get("title"):
        title, url = escape(paper["title"]), web_address(paper.get("url", ""))
        parts.append((f"[{title}]({url})" if url else title) + (f", {paper['year']}" if paper.get("year") else ""))
    if trained.get("dataset"):
        images = f" ({trained['images']} images)" if trained.get("images") else ""
        parts.append(f"trained on {escape(str(trained['dataset']))} {escape(str(trained.get('split', '')))}".rstrip() + images)
    return f"{escape(name)}: {'; '.join(parts)}" if parts else ""


def _environment(record: RunRecord) -> str:
    return escape(", ".join(f"{key} {value}" for key, value in record.environment.items() if isinstance(value, str | int | float)))


def _by_value(values: Iterable[str], names: Sequence[str], form: str) -> list[str]:
    """Each value once, with the names it belongs to; names are left out where there is one value for all."""
    owners: dict[str, list[str]] = {}
    for value, name in zip(values, names, strict=True):
        owners.setdefault(value, []).append(name)
    if len(owners) == 1:
        return list(owners)
    return [form.format(value=value, names=", ".join(dict.fromkeys(members))) for value, members in owners.items()]
