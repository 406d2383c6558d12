"""Stores behind URLs, which fsspec reads: what is listed and read there, patiently, and what goes wrong in words.

fsspec comes with torch, and is loaded when the first URL is met; what speaks to a store (s3fs, gcsfs, huggingface_hub) is a package of its
own. A folder is listed once. What fails for a moment is tried again, a few times and ever more slowly; a file that is not there, or that
nobody may read, is not. Nothing is ever written to a store.
"""

from __future__ import annotations

import errno
import hashlib
import io
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple, TypeVar

from segbench.errors import DataError, MissingPackageError, nearest

Value = TypeVar("Value")

_SCHEME = re.compile(r"(?:^|(?<=::))[A-Za-z][A-Za-z0-9+.-]+(?=://|::)")
ATTEMPTS, FIRST_PAUSE = 5, 0.2  # seconds; each pause is twice the one before
FETCHERS = 16  # threads that read ahead: they wait for the network, and take no core
HELD = 8 * FETCHERS  # files that may lie in memory, read ahead
MOST_HELD = 1 << 25  # bytes of a file that lies in memory: larger ones are read where they are wanted, and in parts if they can be
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
_PART = 1 << 20  # bytes that are asked for at once
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

    def hold_once(self, key: str) -> bytes:
        """What a file holds, which stays in memory until :meth:`read` asks for it; see there for errors."""
        with self._lock:
            held = self._held.get(key)
        if held is None:
            self.hold(key)
            return self.hold_once(key)
        if isinstance(held, OSError):
            raise held
        return held

    def open(self, key: str) -> io.BufferedReader:
        """A file that is read in parts, each of them patiently; reading says why it cannot be, as :meth:`read` does."""
        return io.BufferedReader(_Parts(self, key), _PART)

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


class _Parts(io.RawIOBase):
    """A file of a store, opened anew after every failure."""

    def __init__(self, store: Store, key: str) -> None:
        self._store, self._path, self._at = store, store.path_of(key), 0
        self._file: Any = None

    def readable(self) -> bool:
        """Yes."""
        return True

    def seekable(self) -> bool:
        """Yes; where the store's files are not, reading says so."""
        return True

    def tell(self) -> int:
        """Where the next bytes are."""
        return self._at

    def seek(self, offset: int, whence: int = 0) -> int:
        """Go to a place; it is counted from the beginning, or from where the next bytes are.

        :raises ValueError: it is counted from the end.
        """
        if whence > 1:
            raise ValueError("places are not counted from the end")
        self._at = offset + whence * self._at
        return self._at

    def readinto(self, buffer: Any) -> int:
        """The next bytes.

        :raises OSError: the store does not give them.
        """
        with _as_os_error():
            data = _patiently(lambda: self._next(len(buffer)))
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)

    def close(self) -> None:
        """Let go of the file."""
        self._let_go()
        super().close()

    def _next(self, size: int) -> bytes:
        try:
            if self._file is None:
                self._file = self._store.system.open(self._path, "rb")
            if self._file.tell() != self._at:
                self._file.seek(self._at)
            return bytes(self._file.read(size))
        except Exception:
            self._let_go()
            raise

    def _let_go(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            file.close()


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
