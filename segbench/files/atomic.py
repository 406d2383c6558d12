"""What is written: files that are whole or absent, folders that one process at a time writes to, and that are tried before hours of work.

A file that is being written is hidden, ``.NAME.HOST-PID.partial.json``: no reader lists it, and the next process that writes into its
folder removes it if whoever wrote it was killed.
"""

from __future__ import annotations

import errno
import os
import platform
import re
import tempfile
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import ModuleType

from segbench.errors import DataError

PATIENCE = 600.0  # seconds: a page of many boards takes a minute

# Why the system refuses to write, and what helps. These are the machine's or the command's fault; other OSErrors may be ours.
WAYS_OUT = {
    errno.ENOSPC: "free some space and repeat the command; what was written before is whole",
    errno.EDQUOT: "free some space and repeat the command; what was written before is whole",
    errno.EFBIG: "raise the limit of file sizes (ulimit -f) and repeat the command",
    errno.EROFS: "write to another folder",
    errno.EACCES: "write to a folder that is yours, or change its permissions",
    errno.EPERM: "write to a folder that is yours, or change its permissions",
    errno.ENOTDIR: "a part of this path is a file: write to another folder",
    errno.EEXIST: "a part of this path is a file: write to another folder",
    errno.EISDIR: "there is a folder of this name: write to another file",
    errno.ENOENT: "check the path",
    errno.ENAMETOOLONG: "choose a shorter name",
}


def refusal(error: OSError) -> DataError | None:
    """A clear error for what the system refused, mostly to write; ``None`` if it is nothing that the user can mend."""
    if error.errno not in WAYS_OUT:
        return None
    return DataError(f"{error.filename or 'a file that was written'}: {error.strerror}", way_out=WAYS_OUT[error.errno])


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A file to write to, which takes the place of ``path`` when the block ends well and is gone when it does not.

    A reader sees the old file or the new one, never half of it. Folders are made. What exists and is no plain file, ``/dev/stdout`` for
    instance, is written to directly. What writers that were killed left in the folder is removed.
    """
    if path.exists() and not path.is_file():
        yield path
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    sweep(path.parent)
    partial = path.with_name(f".{path.stem}.{_machine()}-{os.getpid()}.partial{path.suffix}")
    try:
        yield partial
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


PARTIAL = re.compile(r"\..*\.(?:([0-9a-f]{8})-)?(\d+)\.partial(?:\.\w+)?")
"""What half-written files are called: the machine and the process that write them."""
OLD = 24 * 3600  # seconds after which nobody writes any more, on whichever machine
_swept: set[Path] = set()


def sweep(folder: Path) -> None:
    """Remove half-written files whose writers are dead; once for each folder in a process. Files of living writers stay."""
    if folder in _swept:
        return
    _swept.add(folder)
    with os.scandir(folder) as entries:
        named = [(Path(entry.path), found) for entry in entries if (found := PARTIAL.fullmatch(entry.name))]
    for path, found in named:
        with suppress(OSError):
            here = found[1] in (None, _machine())
            if (here and not _lives(int(found[2]))) or time.time() - path.stat().st_mtime > OLD:
                path.unlink()


def _machine() -> str:
    """Eight hexadecimal digits that tell machines apart which share a folder."""
    return f"{zlib.crc32(platform.node().encode()):08x}"


def _lives(process: int) -> bool:
    if os.name == "nt":
        return True  # there signal 0 would end it
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


@contextmanager
def alone_in(folder: Path, seconds: float = PATIENCE) -> Iterator[None]:
    """What stands in the block is done by one process at a time for a folder, which is made; the others wait for their turn.

    The system's own lock of the folder: nothing lies there, and a process that is killed holds none. Where a file system has no locks,
    there is no waiting.

    :raises DataError: it was not this process's turn within so many seconds.
    """
    folder.mkdir(parents=True, exist_ok=True)
    try:
        import fcntl
    except ImportError:  # Windows
        yield
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        _lock(fcntl, handle, folder, time.monotonic() + seconds)
        yield
    finally:
        os.close(handle)


def _lock(fcntl: ModuleType, handle: int, folder: Path, until: float) -> None:
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() > until:
                raise DataError(f"{folder}: another process writes here", way_out="repeat the command when that has ended") from None
            time.sleep(0.05)
        except OSError:  # no locks on this file system
            return


def require_writable(folder: Path) -> None:
    """Make a folder, and check that a file can be written there: better before hours of work than after.

    :raises DataError: it cannot; the system's reason is given.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(b"x")
    except OSError as error:
        raise DataError(f"{folder} cannot be written to: {error.strerror}", way_out=WAYS_OUT.get(error.errno or 0, "")) from error
