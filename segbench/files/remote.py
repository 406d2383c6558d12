"""Files behind URLs, which fsspec reads: ``s3://bucket/preds``, ``gs://...``, ``hf://datasets/...``, ``zip://preds::archive.zip``.

fsspec comes with torch, and is loaded when the first URL is met; what speaks to a store (s3fs, gcsfs, huggingface_hub) is a package of its
own. A folder is listed once. What fails for a moment is tried again, a few times and ever more slowly; a file that is not there, or that
nobody may read, is not. Nothing is ever written to a URL.
"""

from __future__ import annotations

import errno
import hashlib
import re
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import cached_property
from io import BytesIO
from pathlib import Path, PurePath, PurePosixPath
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from segbench.errors import DataError, MissingPackageError, nearest

Item = TypeVar("Item")
Value = TypeVar("Value")

URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+(?:://|::)")  # a single letter is a drive of Windows
_SCHEME = re.compile(r"(?:^|(?<=::))[A-Za-z][A-Za-z0-9+.-]+(?=://|::)")
ATTEMPTS, FIRST_PAUSE = 5, 0.2  # seconds; each pause is twice the one before
FETCHERS = 16  # threads that read ahead: they wait for the network, and take no core
HELD = 8 * FETCHERS  # files that may lie in memory, read ahead
PACKAGES = {
    **dict.fromkeys(("s3", "s3a"), "s3fs"),
    **dict.fromkeys(("gs", "gcs"), "gcsfs"),
    **dict.fromkeys(("hf",), "huggingface_hub"),
    **dict.fromkeys(("http", "https"), "aiohttp"),
    **dict.fromkeys(("az", "abfs", "adl"), "adlfs"),
    **dict.fromkeys(("sftp", "ssh"), "paramiko"),
    **dict.fromkeys(("smb",), "smbprotocol"),
}
"""What pip calls the package that speaks to a store."""
ARCHIVES = ("zip", "tar")
FINAL = (FileNotFoundError, PermissionError, IsADirectoryError, NotADirectoryError, ValueError, TypeError, ImportError)
_WILL_NOT_DO = {400, 401, 403, 404, 405, 410}  # of HTTP


class State(NamedTuple):
    """``size`` in bytes, and what changes when the file does."""

    size: int
    version: object


@dataclass(frozen=True)
class Entry:
    """A file or a folder in a listing."""

    is_folder: bool
    state: State


FOLDER = Entry(True, State(0, ""))


@dataclass(eq=False)
class Store:
    """What a URL leads to, read patiently. It is opened when it is first asked for anything.

    What was listed is kept for as long as the store: files that come later are not seen.

    :raises MissingPackageError: the package that speaks to the store is not installed.
    :raises DataError: nothing is known of such URLs, or the store cannot be opened.
    """

    url: str
    _files: dict[str, Entry] = field(default_factory=dict, repr=False)
    _listed: dict[str, dict[str, Entry] | None] = field(default_factory=dict, repr=False)
    _held: dict[str, bytes | OSError] = field(default_factory=dict, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def __post_init__(self) -> None:
        head, chain, behind = self.url.partition("::")
        self.scheme, _, place = head.partition("://")
        self.behind = chain + behind  # the archive, if it is one
        self.root = "/".join(part for part in place.split("/") if part)

    def __reduce__(self) -> tuple[Any, ...]:
        return Store, (self.url,)

    @cached_property
    def system(self) -> Any:
        """The file system of fsspec."""
        return _open(self.url)

    def url_of(self, key: str) -> str:
        """The URL of what lies under a key."""
        return f"{self.scheme}://{key}{self.behind}"

    def path_of(self, key: str) -> str:
        """What the file system calls it."""
        return str(self.system._strip_protocol(f"{self.scheme}://{key}"))

    def entries(self, key: str) -> dict[str, Entry] | None:
        """What lies in a folder, by name; ``None`` if there is no such folder.

        :raises DataError: the store does not answer.
        """
        if key not in self._listed:
            self._listed[key] = self._list(key)
        return self._listed[key]

    def entry(self, key: str) -> Entry | None:
        """What lies under a key: a file, or a folder. Below the root the listing of its folder says it, which many have in common."""
        if self._listed.get(key) is not None:
            return FOLDER
        above, _, name = key.rpartition("/")
        if above in self._listed or key.startswith(f"{self.root}/") or not self.root:
            return (self.entries(above) or {}).get(name) if name else FOLDER
        return FOLDER if self.entries(key) is not None else self._files.get(key)

    def _list(self, key: str) -> dict[str, Entry] | None:
        own, system = self.path_of(key).rstrip("/"), self.system
        try:
            found = _patiently(lambda: system.ls(own or self.path_of(key), detail=True))
        except (FileNotFoundError, NotADirectoryError):
            return None
        except Exception as error:
            raise DataError(f"{self.url_of(key)}: this cannot be listed ({_told(error)})", way_out=_way_out(self.scheme, error)) from error
        if len(found) == 1 and found[0]["type"] == "file" and found[0]["name"] == own:
            self._files[key] = _entry(found[0])
            return None
        # Some stores mark a folder by an object of its own name.
        return {each["name"].rstrip("/").rpartition("/")[2]: _entry(each) for each in found if each["name"].rstrip("/") != own}

    def hold(self, key: str) -> None:
        """Read a file and keep it until it is asked for; a failure is kept too."""
        try:
            content: bytes | OSError = self._fetch(key)
        except OSError as error:
            content = error
        with self._lock:
            self._held[key] = content
            while len(self._held) > HELD:
                del self._held[next(iter(self._held))]

    def read(self, key: str) -> bytes:
        """What a file holds.

        :raises OSError: it is missing, nobody may read it, or the store does not give it.
        """
        with self._lock:
            held = self._held.pop(key, None)
        content = self._fetch(key) if held is None else held
        if isinstance(content, OSError):
            raise content
        return content

    def read_head(self, key: str, size: int) -> bytes:
        """The first bytes of a file; see :meth:`read` for errors."""
        path, system = self.path_of(key), self.system
        with _as_os_error():
            return _patiently(lambda: bytes(system.cat_file(path, start=0, end=size)))

    def _fetch(self, key: str) -> bytes:
        above, _, name = key.rpartition("/")
        path, system = self.path_of(key), self.system
        listed = (self._listed.get(above) or {}).get(name)

        def fetch() -> bytes:
            content = bytes(system.cat_file(path))
            if listed is not None and len(content) < listed.state.size:
                raise OSError(errno.EIO, f"{len(content)} of {listed.state.size} bytes came")
            return content

        with _as_os_error():
            return _patiently(fetch)


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


def _open(url: str) -> Any:
    """The file system that a URL leads to; see :class:`Store` for errors."""
    from fsspec.core import url_to_fs
    from fsspec.registry import known_implementations, registry

    said = _SCHEME.findall(url)
    if unknown := [name for name in said if name not in {*known_implementations, *registry}]:
        raise DataError(f"{url}: nothing is known of {unknown[0]}://", way_out=nearest(unknown[0], (*PACKAGES, "zip", "tar"), "there are"))
    try:
        system, _ = url_to_fs(url)
        system.invalidate_cache()
    except ImportError as error:
        needed = next((name for name in said if name in PACKAGES), None)
        if needed is None:
            raise DataError(f"{url}: this cannot be opened", way_out=str(error)) from error
        raise MissingPackageError(PACKAGES[needed], f"{needed}://", PACKAGES[needed]) from error
    except Exception as error:
        raise DataError(f"{url}: this cannot be opened ({_told(error)})", way_out=_way_out(said[0], error)) from error
    return system


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
            if isinstance(file, RemotePath):
                file.store.hold(file.key)
        return item

    return map_ordered(fetch, items, FETCHERS, ahead=FETCHERS)


def _patiently(work: Callable[[], Value]) -> Value:
    """What work gives, after some attempts if it fails for a moment."""
    for attempt in range(ATTEMPTS):
        try:
            return work()
        except Exception as error:
            if attempt + 1 == ATTEMPTS or not _is_transient(error):
                raise
        time.sleep(FIRST_PAUSE * 2**attempt)
    raise AssertionError  # the last attempt returns or raises


@contextmanager
def _as_os_error() -> Iterator[None]:
    """What any store raises becomes an OSError with a reason."""
    try:
        yield
    except FileNotFoundError:
        raise
    except Exception as error:
        raise OSError(getattr(error, "errno", None) or errno.EIO, _told(error)) from error


def _is_transient(error: Exception) -> bool:
    status = getattr(error, "status", getattr(error, "code", None))
    return not (isinstance(error, FINAL) or status in _WILL_NOT_DO or "Credentials" in type(error).__name__)


def _told(error: Exception) -> str:
    said = (getattr(error, "strerror", None) or str(error)).strip()
    return (said.splitlines() or [type(error).__name__])[0]


def _way_out(scheme: str, error: Exception) -> str:
    if isinstance(error, PermissionError) or "Credentials" in type(error).__name__:
        package = PACKAGES.get(scheme)
        return f"say who you are, as {package} wants it (its documentation names files and variables)" if package else ""
    return "" if isinstance(error, FINAL) else f"it was tried {ATTEMPTS} times: is the network there?"


def _entry(said: dict[str, Any]) -> Entry:
    """An entry of a listing; its version is a digest of all that the store says of the file."""
    version = hashlib.sha256(repr(sorted((key, repr(value)) for key, value in said.items())).encode()).hexdigest()
    return Entry(said["type"] == "directory", State(int(said.get("size") or 0), version))
