"""Every board of a folder on one HTML page that needs nothing else: no network, no server. The same boards give the same bytes.

Tables are part of the page, so they can be read without JavaScript; :mod:`segbench.report.pages.payload` is what the scripts draw from. The
chart library lies in ``templates/vendor`` with its licence, version and checksum.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from segbench.leaderboards.board import Board, Measured
from segbench.metrics.scores import METRICS_VERSION
from segbench.records.profile import Profile
from segbench.records.run_record import RunRecord
from segbench.report.pages.board_texts import evaluated, notes_of, rules_of
from segbench.report.pages.html_tables import Table, measured_speeds, measured_table, reported_tables
from segbench.report.pages.image_sums import image_sums
from segbench.report.pages.payload import Images, model_data, score_plots, speed_plot
from segbench.report.plots.strips import strips_of
from segbench.report.tables.frames import Group, by_setting, file_names, row_labels
from segbench.report.tables.speed import by_machine

_READING = (
    "Scores are in per cent; the best of a column is bold, the second best underlined; – is undefined.",
    "IoU of a class is TP / (TP + FP + FN) over the pixels of the whole data set; it is never averaged over images. mIoU is its mean over "
    "the classes; a class that occurs neither in the targets nor in the predictions is left out.",
    "acc is the share of right pixels, acc_cls the mean over classes of the share that is right, fwIoU the IoU weighted by the pixels of a "
    "class. Pixels whose target is void are not evaluated.",
    "± is half the width of an interval: how far a score would move with other images of the same kind. Two models are compared on the "
    "same images, so overlapping intervals do not mean that there is no difference.",
    "MACs are multiply-accumulates of one image, half of what is often called FLOPs. network_ms is the median time of the network alone; "
    "images_per_s includes normalisation, upsampling and argmax.",
    f"Numbers are comparable if their signatures are equal. Metrics version {METRICS_VERSION}.",
    "The filter keeps the rows that hold every word; mIoU>50 or params<1M compares a column. Escape leaves a model's view.",
    "Two models that are ticked are compared image by image: differences with 95 % intervals and p-values, and a dot for each image.",
)


def boards_page(title: str, boards: Sequence[tuple[Board, Sequence[Group]]], *, live: bool = False) -> str:
    """The page, boards with measured rows first. With each board come its rows (:func:`segbench.report.tables.board_rows.rows_of`).

    :param live: a server beside it draws the picture of any image (:mod:`segbench.report.pages.viewing`).
    :raises RecordError: see :func:`~segbench.report.tables.frames.score_table`.
    :raises DataError: see :func:`~segbench.report.plots.strips.strips_of`.
    """
    environment = Environment(
        loader=PackageLoader("segbench.report"), undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, autoescape=True
    )
    boards = sorted(boards, key=lambda each: (not each[0].measured, not each[0].profiles))
    ids = file_names(board.name for board, _ in boards)
    shown = [_board(board, groups, id) for (board, groups), id in zip(boards, ids, strict=True)]
    data = {"title": title, "live": live, "boards": [{key: view[key] for key in ("id", "title", "groups", "plots")} for view in shown]}
    texts = {"title": title, "boards": shown, "data": _script(data), "reading": _READING, "live": live}
    return environment.get_template("index.html").render(**texts, source=_source)


def _source(name: str) -> str:
    """A file of the templates as it is, without the pointer to a source map that is not there."""
    text = files("segbench.report").joinpath("templates", name).read_text(encoding="utf-8")
    return text.partition("\n//# sourceMappingURL=")[0].strip()


def _script(data: Any) -> str:
    """JSON that cannot end its script element."""
    text = json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


def models_by_id(groups: Sequence[Group]) -> dict[str, RunRecord]:
    """The records of a board's rows, by what links name them."""
    rows = zip(groups, _ids(groups), strict=True)
    return {id: record for group, ids in rows for id, record in zip(ids, group.records, strict=True)}


def _ids(groups: Sequence[Group]) -> list[list[str]]:
    """What links name the rows of each group by; no two of a board alike."""
    labels = [row_labels(group.records) for group in groups]
    names = iter(file_names(name for group in labels for name in group))
    return [[next(names) for _ in group] for group in labels]


def _board(board: Board, groups: Sequence[Group], name: str) -> dict[str, Any]:
    ids = _ids(groups)
    tables = [_measured(board, group, each) for group, each in zip(groups, ids, strict=True)]
    files = {id(each.record): each for each in board.measured}
    images = [_images(board, group, [files[id(record)] for record in group.records]) for group in groups]
    models = [model_data(*each) for each in zip(groups, ids, tables, images, strict=True)]
    speeds = by_machine(_other_profiles(board, groups))
    plots = score_plots(board, zip(groups, ids, strict=True))
    if not groups:
        plots = [plot for name, profiles in speeds.items() if (plot := speed_plot(name, profiles))["points"]]
    tables += [measured_speeds(f"Speed: {name}", profiles) for name, profiles in speeds.items()]
    tables += reported_tables(board.reported)
    return {
        "id": name,
        "title": board.rules.title,
        "empty": not board.measured and not board.profiles,
        "intro": [text for text in (board.rules.about, *(_evaluated(group) for group in groups)) if text],
        "rules": list(rules_of(board)) if board.rules.written else [],
        "tables": tables,
        "groups": models,
        "plots": plots,
    }


def _images(board: Board, group: Group, measured: Sequence[Measured]) -> Images:
    """A row of several trainings has no sums: they would be those of one."""
    matrices = [None if each.record in group.seeds else each.matrices for each in measured]
    return Images(
        image_sums(matrices), [strips_of(each) for each in measured], [f"{board.name}/records/{each.path.name}" for each in measured]
    )


def _measured(board: Board, group: Group, ids: Sequence[str]) -> Table:
    settings = by_setting(group.records, board.profiles)
    (name, profiles), *_ = list(settings.items()) or [("", [])]
    notes = notes_of(group, name, profiles)
    heading = f"Measured: {group.difference}" if group.difference else "Measured"
    return measured_table(heading, group, profiles, ids, notes)


def _other_profiles(board: Board, groups: Sequence[Group]) -> list[Profile]:
    """Those that no measured table shows."""
    shown = [profile for group in groups for profile in next(iter(by_setting(group.records, board.profiles).values()), [])]
    return [profile for profile in board.profiles if profile not in shown]


def _evaluated(group: Group) -> str:
    return evaluated(group) + (f" ({group.difference})" if group.difference else "")
