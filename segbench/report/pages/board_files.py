"""The files of a board: a page, tables and plots; the same records, rules and published numbers give the same bytes.

:func:`rebuild` says what the files should be, :func:`write` makes them so, :func:`check` says where they are not and writes nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from io import BytesIO
from pathlib import Path

from segbench.errors import DataError, RecordError
from segbench.files.atomic import alone_in
from segbench.files.json_text import write_text
from segbench.files.names import shown
from segbench.leaderboards.board import Board, board_folders, is_board, read_boards
from segbench.records.per_image import read_per_image
from segbench.report.pages.board_texts import reported_text, rules_text
from segbench.report.pages.html import boards_page
from segbench.report.pages.markdown import Plots, board_page, index_page
from segbench.report.pages.speed import speed_csv, speed_index, speed_page, speed_plots
from segbench.report.plots import accuracy
from segbench.report.plots.distributions import Spread, per_image_iou
from segbench.report.plots.speed import latency_dots
from segbench.report.tables.board_rows import rows_of
from segbench.report.tables.formats import to_csv
from segbench.report.tables.frames import Group, by_setting, file_names, group_table, row_labels
from segbench.report.tables.numbers import MOST_DRAWN

INDEX = "README.md"
PAGE = "index.html"
GENERATED = re.compile(r"leaderboard[^/]*\.(md|csv)|plots/(class_iou|confusion-|images|latency|miou-)[^/]*\.svg")


@dataclass(frozen=True)
class _Picture:
    """A plot of a board: its caption, its file's name, how it is drawn, and whether the page shows it or only links to it."""

    caption: str
    file: str
    draw: Callable[..., None]
    shown: bool = True


def rebuild(root: Path, unreadable: list[str] | None = None) -> dict[Path, bytes]:
    """Every generated file below ``root`` and its bytes. ``root`` is a board (it has ``records/``) or a folder of boards.

    :param unreadable: records that cannot be read, and boards whose records do not fit together, are named here and left out.
    :raises RecordError: without ``unreadable``, naming every such record or board.
    :raises DataError: there is nothing to show.
    """
    boards, files = list[tuple[Board, Sequence[Group]]](), dict[Path, bytes]()
    for board in read_boards(root, unreadable):
        try:
            groups = rows_of(board)
            files |= {board.folder / name: data for name, data in _board_files(board, groups).items()}
        except RecordError as error:
            if unreadable is None:
                raise
            unreadable.append(str(error) if str(board.folder) in str(error) else f"{board.folder}: {error}")
            continue
        boards.append((board, groups))
    if boards and not is_board(root):
        listed = sorted((each for each in boards if not each[0].speed_only), key=lambda each: not each[0].measured)
        rows: list[tuple[Board, Group | None]] = [(board, group) for board, of_board in listed for group in of_board or (None,)]
        files[root / INDEX] = (index_page("Leaderboards", rows) + speed_index([board for board, _ in boards])).encode()
        files[root / PAGE] = boards_page("Leaderboards", boards).encode()
    return files


def write(root: Path, unreadable: list[str] | None = None) -> list[Path]:
    """Write the files that are missing or different and return them. Nothing is removed; :func:`stale` lists what is left over.

    Of two processes that write at once the second reads the records again when the first is ready, so that all files are of one time.

    :param unreadable: see :func:`rebuild`.
    """
    if not root.is_dir():
        raise DataError(f"{root}: there is no such folder", way_out="name the folder of a board, or one of boards")
    with ExitStack() as alone:
        for folder in dict.fromkeys([root, *board_folders(root)]):
            alone.enter_context(alone_in(folder))
        changed = {path: data for path, data in rebuild(root, unreadable).items() if _read(path) != data}
        for path, data in changed.items():
            write_text(path, data.decode())
    return list(changed)


def write_png(root: Path) -> list[Path]:
    """Write every plot as a PNG and its dark twin, beside the SVG, and return where. They belong to nobody's check."""
    written = []
    for board in read_boards(root, unreadable=[]):
        pictures = [each for group in rows_of(board, tested=False) for each in _pictures(group, board)]
        for picture in _speed_pictures(board) if board.speed_only else pictures:
            written.append((board.folder / picture.file).with_suffix(".png"))
            picture.draw(BytesIO(), written[-1])
    return written


def check(root: Path) -> list[str]:
    """One line for each generated file that is missing, different or stale; empty if all is as the records give it."""
    files = rebuild(root)
    wrong = {path: "different" if path.is_file() else "missing" for path, data in files.items() if _read(path) != data}
    wrong |= dict.fromkeys(_left_over(root, set(files)), "stale, no record gives it")
    return [f"{path}: {state}" for path, state in wrong.items()]


def stale(root: Path) -> list[Path]:
    """Files that were generated once and that no record gives any more."""
    return _left_over(root, set(rebuild(root)))


def _board_files(board: Board, groups: Sequence[Group]) -> dict[str, bytes]:
    if board.speed_only:
        files = {picture.file: _drawn(picture.draw) for picture in _speed_pictures(board)}
        page = speed_page(board, rules_text(board))
        return {"leaderboard.csv": speed_csv(board).encode(), "leaderboard.md": page.encode(), **files}
    return _accuracy_files(board, groups)


def _accuracy_files(board: Board, groups: Sequence[Group]) -> dict[str, bytes]:
    files: dict[str, bytes] = {}
    plots: dict[str, Plots] = {}
    for group in groups:
        pictures = _pictures(group, board)
        shown, linked = ([(each.caption, each.file) for each in pictures if each.shown is side] for side in (True, False))
        plots[group.signature] = Plots(shown, linked)
        files |= {picture.file: _drawn(picture.draw) for picture in pictures}
        settings = by_setting(group.records, board.profiles)
        table = group_table(group, next(iter(settings.values()), []))
        files[f"leaderboard{group.suffix}.csv"] = to_csv(table.assign(signature=group.signature)).encode()
    texts = {"rules": rules_text(board), "published": reported_text(board.reported)}
    page = board_page(board.rules.title, groups, board.profiles, plots=plots, **texts)
    files["leaderboard.md"] = page.encode()
    return dict(sorted(files.items()))


def _pictures(group: Group, board: Board) -> list[_Picture]:
    records, names = group.records, row_labels(group.records)
    pictures = []
    if any(record.model.get("macs") for record in records):
        pictures.append(
            _Picture(
                "mIoU over MACs", f"plots/miou-macs{group.suffix}.svg", partial(accuracy.miou_against_macs, records, seeds=group.seeds)
            )
        )
    settings = by_setting(records, board.profiles)
    endings = ["", *(f"-{name}" for name in file_names(list(settings)[1:]))]
    for (setting, measured), ending in zip(settings.items(), endings, strict=False):
        draw = partial(accuracy.miou_against_latency, records, measured, seeds=group.seeds)
        pictures.append(_Picture(f"mIoU over latency: {setting}", f"plots/miou-latency{group.suffix}{ending}.svg", draw))
    drawn = len(records[0].labels.classes) <= MOST_DRAWN
    if drawn:
        pictures.append(_Picture("IoU of each class", f"plots/class_iou{group.suffix}.svg", partial(accuracy.class_iou_heatmap, records)))
    if spreads := _spreads(group, board):
        pictures.append(_Picture("From image to image", f"plots/images{group.suffix}.svg", partial(per_image_iou, spreads)))
    for record, name, file in zip(records, names, file_names(names), strict=True) if drawn else ():
        draw = partial(accuracy.confusion_heatmap, record)
        pictures.append(_Picture(name, f"plots/confusion-{file}{group.suffix}.svg", draw, shown=False))
    return pictures


def _speed_pictures(board: Board) -> list[_Picture]:
    return [_Picture(title, file, partial(latency_dots, profiles, title)) for title, file, profiles in speed_plots(board)]


def _spreads(group: Group, board: Board) -> list[Spread]:
    """The models whose matrices of images lie beside their records, best first."""
    files = {id(each.record): each.matrices for each in board.measured}
    rows = zip(group.records, row_labels(group.records), strict=True)
    found = [(record, name, files[id(record)]) for record, name in rows]
    return [Spread(name, read_per_image(path)[1].matrices, record.scores.miou) for record, name, path in found if path is not None]


def _drawn(draw: Callable[[BytesIO], None]) -> bytes:
    out = BytesIO()
    draw(out)
    return out.getvalue()


def _read(path: Path) -> bytes | None:
    return path.read_bytes() if path.is_file() else None


def _left_over(root: Path, files: set[Path]) -> list[Path]:
    folders = [root] if is_board(root) else [path for path in shown(root, "*") if path.is_dir()]
    candidates = [path for folder in folders for pattern in ("*", "plots/*") for path in shown(folder, pattern)]
    return [path for path in candidates if path not in files and _is_generated(path, folders)]


def _is_generated(path: Path, folders: list[Path]) -> bool:
    folder = path.parent if path.parent in folders else path.parent.parent
    return path.is_file() and GENERATED.fullmatch(path.relative_to(folder).as_posix()) is not None
