"""Boards: a folder with ``records/*.json``, or with rules or published numbers (:mod:`segbench.leaderboards.rules`), as plain data.

What is made of one, a page or a table, is a function of :class:`Board`; nothing here rounds, ranks or draws.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from segbench.errors import DataError, RecordError, SegbenchError
from segbench.files.foreign import read_json
from segbench.files.names import shown
from segbench.leaderboards.rules import REPORTED, RULES, Reported, Rules, read_reported, read_rules
from segbench.records.per_image import images_file, matrices_of, with_intervals
from segbench.records.profile import Profile, is_profile, read_profile
from segbench.records.reading import CORRUPTED
from segbench.records.run_record import RunRecord, read_run


@dataclass(frozen=True)
class Measured:
    """A run record and its file. Intervals are those that it holds, or else those of the matrices beside it."""

    record: RunRecord
    path: Path

    @property
    def matrices(self) -> Path | None:
        """The confusion matrix of every image (:mod:`segbench.records.per_image`), if they lie beside the record."""
        path = images_file(self.path)
        return path if path.is_file() else None


@dataclass(frozen=True)
class Board:
    """A folder, its rules, and what was measured (in the order of file names) and published (the best first)."""

    folder: Path
    rules: Rules
    measured: tuple[Measured, ...] = ()
    profiles: tuple[Profile, ...] = ()
    reported: tuple[Reported, ...] = ()

    @property
    def name(self) -> str:
        """The folder's name, which links and commands use."""
        return self.folder.resolve().name

    @property
    def records(self) -> tuple[RunRecord, ...]:
        """What was measured, without the files."""
        return tuple(each.record for each in self.measured)

    @property
    def speed_only(self) -> bool:
        """Whether there is nothing but profiles on it: a board of speed, whose rules are about times."""
        return bool(self.profiles) and not self.measured and not self.reported


def is_board(folder: Path) -> bool:
    """Whether a folder is a board, and not a folder of boards."""
    return (folder / "records").is_dir() or (folder / RULES).is_file() or (folder / REPORTED).is_file()


def board_folders(root: Path) -> list[Path]:
    """The boards of a folder, by name: ``root`` itself, or the folders in it."""
    return [root] if is_board(root) else [path for path in shown(root, "*") if is_board(path)]


def read_boards(root: Path | str, unreadable: list[str] | None = None) -> list[Board]:
    """Read the boards of a folder, by name: ``root`` itself, or the folders in it.

    :param unreadable: records that cannot be read are named here, and left out, instead of raising.
    :raises RecordError: naming every record, file of rules and file of published numbers that cannot be read.
    :raises DataError: there is nothing to show.

    >>> import segbench
    >>> (board,) = segbench.read_boards("boards")
    >>> [measured.record.name for measured in board.measured]
    ['preds']
    """
    root = Path(root)
    problems: list[str] = []
    boards = [_read_board(folder, problems, unreadable) for folder in board_folders(root)]
    raise_unreadable(problems and [*problems, *(unreadable or ())])
    boards = [board for board in boards if board.measured or board.profiles or board.reported or board.rules.written]
    if not boards:
        raise_unreadable(unreadable or ())
        way_out = f"make some: segbench run --models NAMES --out {root / 'BOARD'}"
        raise DataError(f"{root}: no records/*.json here or one folder down", way_out=way_out)
    return boards


def read_board(folder: Path) -> Board:
    """One board, which may be empty as yet.

    :raises RecordError: naming every file of it that cannot be read.
    """
    problems: list[str] = []
    board = _read_board(folder, problems)
    raise_unreadable(problems)
    return board


def read_files(paths: Iterable[Path], unreadable: list[str]) -> tuple[tuple[Measured, ...], tuple[Profile, ...]]:
    """Run records and profiles, from files and from folders: those in ``records`` of a board, else those in the folder itself.

    :param unreadable: those that cannot be read are named here, and left out.
    :raises DataError: a folder holds none.
    """
    files: list[Path] = []
    for path in paths:
        inside = shown(path / "records", "*.json") or shown(path, "*.json") if path.is_dir() else [path]
        if not inside:
            raise DataError(f"{path}: no records/*.json and no *.json here", way_out="segbench run --out FOLDER writes records")
        files += inside
    return _read_records(dict.fromkeys(files), unreadable)


def read_runs(paths: Iterable[Path], way_out: str) -> tuple[Measured, ...]:
    """The run records of files and folders, as :func:`read_files` finds them.

    :param way_out: what makes such records.
    :raises RecordError: naming every record that cannot be read.
    :raises DataError: there are none.
    """
    unreadable: list[str] = []
    measured, _ = read_files(paths, unreadable)
    raise_unreadable(unreadable)
    if not measured:
        raise DataError("no run record is among these", way_out=way_out)
    return measured


def _read_board(folder: Path, problems: list[str], unreadable: list[str] | None = None) -> Board:
    """``unreadable`` takes what is said of records, which a board can do without; ``problems`` if it is ``None``."""
    measured, profiles = _read_records(shown(folder / "records", "*.json"), problems if unreadable is None else unreadable)
    rules, reported = Rules(folder.name), tuple[Reported, ...]()
    try:
        rules, reported = read_rules(folder), read_reported(folder)
    except SegbenchError as error:
        problems.append(str(error))
    return Board(folder, rules, measured, profiles, reported)


def _read_records(paths: Iterable[Path], problems: list[str]) -> tuple[tuple[Measured, ...], tuple[Profile, ...]]:
    found: list[Measured | Profile] = []
    for path in paths:
        if path.name.endswith(CORRUPTED):
            continue
        try:
            found.append(_read_record(path))
        except RecordError as error:
            problems.append(str(error))
    return tuple(each for each in found if isinstance(each, Measured)), tuple(each for each in found if isinstance(each, Profile))


def raise_unreadable(problems: Sequence[str]) -> None:
    """Say which files could not be read, if there are any.

    :raises RecordError: there are; each line of ``problems`` names one.
    """
    if problems:
        files = "1 file" if len(problems) == 1 else f"{len(problems)} files"
        raise RecordError("\n  ".join([f"{files} cannot be read:", *problems]))


def _read_record(path: Path) -> Measured | Profile:
    try:
        data = read_json(path)
    except (OSError, ValueError):
        data = None
    if is_profile(data):
        return read_profile(path)
    record, matrices = read_run(path), images_file(path)
    if record.intervals is not None and matrices.is_file():
        matrices_of(record, matrices)  # from which plots and ranks are made
    return Measured(with_intervals(record, matrices), path)
