"""Paths behind URLs: ``s3://bucket/preds``, ``gs://...``, ``hf://datasets/...``, ``zip://preds::archive.zip``.

They have the methods of a :class:`pathlib.Path` that read; :mod:`segbench.files.stores` does what they ask for.
"""

from __future__ import annotations

import errno
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from fnmatch import fnmatchcase
from io import BytesIO
from pathlib import Path, PurePath, PurePosixPath
from typing import TYPE_CHECKING, Any, BinaryIO, TypeVar

from segbench.errors import DataError
from segbench.files.stores import ARCHIVES, FETCHERS, MOST_HELD, State, Store

Item = TypeVar("Item")

URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+(?:://|::)")  # a single letter is a drive of Windows

if TYPE_CHECKING:
    _Base = Path
else:
    _Base = object


class RemotePath(_Base):
    """A file or folder behind a URL, with the methods of a :class:`pathlib.Path` that read; ``str`` is its URL.

    It is no Path to ``isinstance`` and has no ``__fspath__``: whatever would take it for a local file fails at once. To a type checker it
    is one, since readers of data sets ask no more of paths than it has.
    """

    __slots__ = ("key", "store")

    def __init__(self, store: Store, key: str) -> None:
        self.store, self.key = store, key

    def __reduce__(self) -> tuple[Any, ...]:
        return RemotePath, (self.store, self.key)

    def __str__(self) -> str:
        return self.store.url_of(self.key)

    def __repr__(self) -> str:
        return f"RemotePath({str(self)!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, RemotePath) and str(self) == str(other)

    def __hash__(self) -> int:
        return hash(str(self))

    def __lt__(self, other: PurePath) -> bool:
        return self.parts < other.parts

    def __truediv__(self, other: Any) -> Path:  # type: ignore[override]
        below = PurePosixPath(other)
        if below.is_absolute():
            return Path(other)  # as pathlib has it
        parts = [part for part in self.key.split("/") if part]
        for part in below.parts:
            parts = parts[:-1] if part == ".." else [*parts, part]
        return RemotePath(self.store, "/".join(parts))

    def __rtruediv__(self, other: Any) -> Path:  # type: ignore[override]
        return self  # a URL starts from nowhere else

    @property
    def parts(self) -> tuple[str, ...]:
        """The parts of its key; the archive, if there is one, is none."""
        return tuple(part for part in self.key.split("/") if part)

    @property
    def name(self) -> str:
        """Its last part; of the top of an archive that of the archive, without its ending."""
        return self.key.rpartition("/")[2] or PurePosixPath(self.store.behind.rpartition("::")[2]).stem

    @property
    def stem(self) -> str:
        """Its name without the ending."""
        return PurePosixPath(self.name).stem

    @property
    def suffix(self) -> str:
        """The ending of its name."""
        return PurePosixPath(self.name).suffix

    @property
    def parent(self) -> Path:  # type: ignore[override]
        """The folder that it lies in."""
        return RemotePath(self.store, self.key.rpartition("/")[0])

    def with_name(self, name: str) -> Path:  # type: ignore[override]
        """What is called so beside it."""
        return self.parent / name

    def with_suffix(self, suffix: str) -> Path:  # type: ignore[override]
        """The same with another ending."""
        return self.parent / PurePosixPath(self.name).with_suffix(suffix).name

    def is_relative_to(self, other: Any) -> bool:  # type: ignore[override]
        """Whether it lies below a folder."""
        if not isinstance(other, RemotePath) or other.store.url_of("") != self.store.url_of(""):
            return False
        return self.parts[: len(other.parts)] == other.parts

    def relative_to(self, other: Any) -> Path:  # type: ignore[override]
        """The way to it from a folder.

        :raises ValueError: it does not lie below.
        """
        if not self.is_relative_to(other):
            raise ValueError(f"{self} does not lie below {other}")
        return Path(*self.parts[len(other.parts) :])

    def resolve(self, strict: bool = False) -> Path:  # type: ignore[override]
        """Itself: there are no links."""
        return self

    def as_posix(self) -> str:
        """Its URL."""
        return str(self)

    def exists(self) -> bool:
        """Whether it was there when its folder was listed."""
        return self.store.entry(self.key) is not None

    def is_dir(self) -> bool:
        """Whether it is a folder."""
        there = self.store.entry(self.key)
        return there is not None and there.is_folder

    def is_file(self) -> bool:
        """Whether it is a file."""
        there = self.store.entry(self.key)
        return there is not None and not there.is_folder

    def is_symlink(self) -> bool:
        """Never."""
        return False

    def iterdir(self) -> Iterator[Path]:  # type: ignore[override]
        """What lies in it, sorted."""
        return (self / name for name in sorted(self.store.entries(self.key) or {}))

    def glob(self, pattern: str) -> Iterator[Path]:  # type: ignore[override]
        """What lies in it under a pattern of names."""
        return (path for path in self.iterdir() if fnmatchcase(path.name, pattern))

    def names_below(self) -> Iterator[str]:
        """Every visible file below it, as :func:`segbench.images.folders.names_below`."""
        there = {name: each for name, each in sorted((self.store.entries(self.key) or {}).items()) if not name.startswith(".")}
        yield from (name for name, each in there.items() if not each.is_folder)
        for folder in (name for name, each in there.items() if each.is_folder):
            for name in RemotePath(self.store, f"{self.key}/{folder}".lstrip("/")).names_below():
                yield f"{folder}/{name}"

    @property
    def state(self) -> State:
        """Its size, and what changes when it does.

        :raises FileNotFoundError: it is not there.
        """
        there = self.store.entry(self.key)
        if there is None:
            raise FileNotFoundError(errno.ENOENT, "No such file", str(self))
        return there.state

    def read_bytes(self) -> bytes:
        """What it holds.

        :raises OSError: it is missing, nobody may read it, or the store does not give it.
        """
        return self.store.read(self.key)

    def open(self, mode: str = "rb", *more: Any) -> BytesIO:  # type: ignore[override]
        """What it holds, as a file that is open for reading bytes."""
        if mode != "rb":
            raise DataError(f"{self}: nothing is written to a URL", way_out="name a local folder or file")
        return BytesIO(self.read_bytes())

    def mkdir(self, *mode: Any, **more: Any) -> None:
        """Refused.

        :raises DataError: always.
        """
        raise DataError(f"{self}: nothing is written to a URL", way_out="name a local folder")


FILES = (Path, RemotePath)
"""Files that have paths, here or elsewhere; other pictures are parts of files."""


def is_url(text: object) -> bool:
    """Whether text names something behind a URL."""
    return isinstance(text, str) and URL.match(text) is not None


def locate(place: Path | str) -> Path:
    """The path that text names: of a URL a :class:`RemotePath`, whose store is not asked yet. A path stays as it is.

    ``zip://FILE`` without ``::`` is all of an archive, as people type it.
    """
    if not isinstance(place, str):
        return place
    if not is_url(place):
        return Path(place)
    if place.startswith("file://"):
        return Path(place.removeprefix("file://"))
    archive = place.partition("://")
    store = Store(f"{archive[0]}://::{archive[2]}" if archive[0] in ARCHIVES and "::" not in place else place)
    return RemotePath(store, store.root)


def state_of(file: Path) -> State:
    """Size and version of a file, wherever it lies.

    :raises OSError: it is not there.
    """
    if isinstance(file, RemotePath):
        return file.state
    stat = file.stat()
    return State(stat.st_size, stat.st_mtime_ns)


def head_of(file: Path, size: int) -> bytes:
    """The first bytes of a file.

    :raises OSError: it cannot be read.
    """
    if isinstance(file, RemotePath):
        return file.store.read_head(file.key, size)
    with file.open("rb") as opened:
        return opened.read(size)


def open_parts(file: Path) -> BinaryIO:
    """A file opened for reading some of it. A small one behind a URL lies in memory then, where reading it all finds it.

    :raises OSError: it cannot be read.
    """
    if not isinstance(file, RemotePath):
        return file.open("rb")
    if file.state.size > MOST_HELD:
        return file.store.open(file.key)
    return BytesIO(file.store.hold_once(file.key))


def same_file(first: Path, second: Path) -> bool:
    """Whether two paths that exist lead to one file or folder."""
    if isinstance(first, RemotePath) or isinstance(second, RemotePath):
        return first == second
    return first.samefile(second)


def read_ahead(items: Sequence[Item], files: Callable[[Item], Iterable[object]]) -> Iterator[Item] | None:
    """The items, each when the files of it that lie behind URLs are in memory; ``None`` where all files are local.

    Local ones are as fast to read when they are wanted. That a store is asked is decided by the first item.
    """
    if not items or not any(isinstance(file, RemotePath) for file in files(items[0])):
        return None
    from segbench.parallel import map_ordered  # threads: the command line declares its options with this module

    def fetch(item: Item) -> Item:
        for file in files(item):
            if isinstance(file, RemotePath) and (not file.is_file() or file.state.size <= MOST_HELD):
                file.store.hold(file.key)
        return item

    return map_ordered(fetch, items, FETCHERS, ahead=FETCHERS)
