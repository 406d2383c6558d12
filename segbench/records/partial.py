"""What was counted in a part of a data set: the journal of a run, which goes on where it was killed, and the partial of a shard.

Both are one format, a JSON object in each line:

    {"schema": "segbench.partial/1", "facts": {...}, "images": [...], "here": "...", "machine": [...], "shard": [1, 3], "crc32": "..."}
    {"id": "a", "counts": [{...}, {...}], "crc32": "..."}             an image; ``null`` where a model failed before it
    {"models": [{...}, {...}], "failed": {"enet": "..."}, "crc32": "..."}    the end: what records say of models, and why some failed

``counts`` are :meth:`~segbench.metrics.image_counts.ImageCounts.to_dict`, one for each model. ``facts`` are what must be the same for
counts to belong together, and what a record is made of; ``here`` is a digest of what is so on one machine only (paths and times of files),
so that a journal is not continued where a file has changed. A line that is damaged costs its image alone.
"""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

from segbench.errors import RecordError
from segbench.files.atomic import replacing
from segbench.metrics.image_counts import ImageCounts
from segbench.records.shard import WHOLE, Shard

SCHEMA = "segbench.partial/1"
TOLD = ("command", "groups", "replicates", "explain")
"""Facts of a task on which its counts do not depend."""
Row = list[ImageCounts | None]
"""Of one image what was counted for each model; ``None`` for a model that failed."""


@dataclass(frozen=True, eq=False)
class Task:
    """What is counted: ``images`` are the ids of all samples in the data set's order.

    ``facts`` must be equal for counts to go together; ``machine``, for each model how and on what it runs, need not.
    """

    facts: Mapping[str, Any]
    images: tuple[str, ...]
    here: str = ""
    machine: Sequence[Mapping[str, Any]] = ()

    @cached_property
    def digest(self) -> str:
        """Sixteen hexadecimal digits: equal where a journal may be continued. How records tell it does not matter."""
        counted = {name: fact for name, fact in self.plain_facts.items() if name not in TOLD}
        return _sha256(counted, self.images, self.here)[:16]

    @cached_property
    def plain_facts(self) -> dict[str, Any]:
        """The facts as they are read back."""
        plain: dict[str, Any] = json.loads(json.dumps(self.facts, default=str))
        return plain

    @property
    def classes(self) -> list[int]:
        """How many classes are compared, for each model."""
        return [len(each["counting"]["decoding"]["labels"]["classes"]) for each in self.facts["models"]]

    def header(self, shard: Shard) -> bytes:
        """The first line of a file."""
        more = {"images": self.images, "here": self.here, "machine": self.machine, "shard": [shard.index + 1, shard.of]}
        return to_line({"schema": SCHEMA, "facts": self.plain_facts, **more})


@dataclass(frozen=True)
class End:
    """What is known when all images of a part were counted: what records say of each model, and by name why a model failed.

    ``models`` is empty before, and ``None`` stands there for a model that failed.
    """

    models: Sequence[Mapping[str, Any] | None] = ()
    failed: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Partial:
    """What one file holds: the counts of images by id, and ``twice`` the ids that it holds more than once."""

    path: Path
    task: Task
    shard: Shard
    rows: dict[str, Row]
    twice: tuple[str, ...]
    damaged: int
    end: End


def to_line(data: Mapping[str, Any]) -> bytes:
    """A line of JSON that ends with its own checksum."""
    body = json.dumps(data, default=str)[:-1].encode()
    return body + b', "crc32": "%08x"}\n' % zlib.crc32(body)


def from_line(line: bytes) -> dict[str, Any] | None:
    """What a line holds; ``None`` if it is damaged."""
    body, _, check = line.rpartition(b', "crc32": ')
    if check != b'"%08x"}\n' % zlib.crc32(body):
        return None
    data: dict[str, Any] = json.loads(body + b"}")
    return data


def image_line(sample_id: str, counts: Row) -> bytes:
    """The line of an image."""
    return to_line({"id": sample_id, "counts": [each and each.to_dict() for each in counts]})


def read_partial(path: Path, task: Task | None = None) -> Partial:
    """Read a file.

    :param task: what its name says that it belongs to; a damaged header does no harm then.
    :raises RecordError: it is missing, or its header is no partial's.
    """
    with _opened(path) as file:
        header = from_line(file.readline())
        try:
            if header is not None and header.get("schema") == SCHEMA:
                task = Task(header["facts"], tuple(header["images"]), header["here"], header["machine"])
                shard = Shard(header["shard"][0] - 1, header["shard"][1])
            elif task is None:
                raise RecordError(f"{path}: not a partial of segbench, or its first line is damaged; count this part again")
            else:
                header, shard = None, WHOLE
            rows, twice, damaged, end = _read_rows(file, task.classes)
        except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
            raise RecordError(f"{path}: this partial does not fit together ({type(error).__name__}: {error})") from error
    return Partial(path, task, shard, rows, twice, damaged + (header is None), end)


def _read_rows(file: BinaryIO, classes: Sequence[int]) -> tuple[dict[str, Row], tuple[str, ...], int, End]:
    """The counts of images, the ids that are there twice, how many lines are damaged, and the end."""
    rows: dict[str, Row] = {}
    twice, damaged, end = list[str](), 0, End()
    for line in file:
        data = from_line(line)
        if data is None:
            damaged += 1
        elif "models" in data:
            end = End(data["models"], data["failed"])
        else:
            twice += [data["id"]] if data["id"] in rows else []
            each_model = zip(data["counts"], classes, strict=True)
            rows.setdefault(data["id"], [counts and ImageCounts.from_dict(counts, number) for counts, number in each_model])
    return rows, tuple(twice), damaged, end


def _opened(path: Path) -> BinaryIO:
    try:
        return path.open("rb")
    except FileNotFoundError:
        raise RecordError(f"{path}: there is no such partial") from None
    except IsADirectoryError:
        raise RecordError(f"{path}: this is a folder, not a partial") from None


class Journal:
    """Appends the counts of images to a file; each line is there as soon as it was written.

    What the file holds already is in ``done``: images that every model has counted without a problem. The others are counted again.

    :param path: ``None`` keeps nothing.
    """

    def __init__(self, path: Path | None, task: Task | None, shard: Shard = WHOLE) -> None:
        self.path, self.done = path, dict[str, Row]()
        self._file: BinaryIO | None = None
        if path is None or task is None:
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        found = read_partial(path, task) if path.is_file() else None
        if found is not None:
            known = set(task.images)
            self.done = {name: row for name, row in found.rows.items() if name in known and is_complete(row)}
        if found is None or found.damaged or found.twice or found.end.models or len(self.done) < len(found.rows):
            with replacing(path) as partial, partial.open("wb") as file:
                file.write(task.header(shard))
                file.writelines(image_line(name, row) for name, row in self.done.items())
        self._file = path.open("ab")

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._file is not None:
            self._file.close()

    def add(self, sample_id: str, counts: Row) -> None:
        """Keep an image."""
        self._write(image_line, sample_id, counts)

    def add_end(self, end: End) -> None:
        """Keep what is known when all images were counted."""
        self._write(lambda: to_line({"models": end.models, "failed": end.failed}))

    def _write(self, line: Callable[..., bytes], *data: Any) -> None:
        if self._file is not None:
            self._file.write(line(*data))
            self._file.flush()


def is_complete(row: Row) -> bool:
    """Whether every model has counted an image, and nothing was wrong with it."""
    return all(each is not None and each.problem is None for each in row)


def differences(some: Any, others: Any, name: str = "") -> Iterator[tuple[str, Any, Any]]:
    """In which facts two tasks differ: the path of each, and both values."""
    if isinstance(some, Mapping) and isinstance(others, Mapping):
        for key in dict.fromkeys((*some, *others)):
            yield from differences(some.get(key), others.get(key), f"{name}.{key}".lstrip("."))
    elif isinstance(some, list) and isinstance(others, list) and len(some) == len(others):
        for at, (one, other) in enumerate(zip(some, others, strict=True), 1):
            yield from differences(one, other, f"{name} {at}")
    elif some != others and not (some != some and others != others):  # what is no number is no difference
        yield name, some, others


def digest_of(values: Any) -> str:
    """SHA-256 of plain data."""
    return _sha256(values)


def _sha256(*values: Any) -> str:
    return hashlib.sha256(json.dumps(values, sort_keys=True, default=str).encode()).hexdigest()
