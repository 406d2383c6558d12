"""Large maps behind URLs: read in windows from a file that can seek, patiently, and refused with what helps where it cannot."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFile, MemoryFileSystem

from segbench.datasets.target_folder import target_folder
from segbench.errors import DataError
from segbench.files import remote, stores
from segbench.images import tall
from segbench.scoring.folder import score_folder
from tests.scoring.test_tall import LABELS, drawn, write


class Seekable(MemoryFile):  # type: ignore[misc]
    """A file that says what was read of it, fails now and then, and may be unable to seek."""

    def seek(self, *place: int) -> int:
        if self.tell() and not Parts.seeks:
            raise ValueError("Cannot seek streaming HTTP file")
        return int(super().seek(*place))

    def read(self, size: int = -1) -> bytes:
        Parts.reads.append(size)
        if len(Parts.reads) % 5 == 0 and Parts.fails:
            raise ConnectionResetError("connection reset by peer")
        return bytes(super().read(size))


class Parts(MemoryFileSystem):  # type: ignore[misc]
    """A store in memory that does not give whole files."""

    protocol = "parts"
    store: ClassVar[dict[str, Any]] = {}
    pseudo_dirs: ClassVar[list[str]] = [""]
    reads: ClassVar[list[int]] = []
    fails = seeks = True

    @classmethod
    def _strip_protocol(cls, path: str) -> str:
        return str(super()._strip_protocol(path.replace("parts://", "memory://")))

    def cat_file(self, path: str, *place: Any, **more: Any) -> bytes:
        raise AssertionError(f"{path} was read whole")

    def open(self, path: str, mode: str = "rb", **more: Any) -> Any:
        if mode != "rb":
            return super().open(path, mode, **more)
        return Seekable(self, path, self.store[self._strip_protocol(path)].getvalue())


@pytest.fixture(autouse=True)
def parts(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(tall, "TALL", 1000)
    monkeypatch.setattr(tall, "SMALL", 1)
    monkeypatch.setattr(remote, "MOST_HELD", 1)
    monkeypatch.setattr(stores, "_PART", 300)
    monkeypatch.setattr(stores, "FIRST_PAUSE", 0.001)
    monkeypatch.setattr(Parts, "store", {})
    monkeypatch.setattr(Parts, "pseudo_dirs", [""])
    monkeypatch.setattr(Parts, "reads", [])
    fsspec.register_implementation("parts", Parts, clobber=True)
    yield
    Parts.clear_instance_cache()


@pytest.fixture(params=["tiles", "strips", "plain", "png"])
def folder(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    for seed, name in enumerate(("gts", "preds")):
        for image in ("a", "b"):
            write(tmp_path / name / image, drawn(2 * seed + ord(image), (133, 205), LABELS), request.param)
    store = fsspec.filesystem("parts")
    for file in tmp_path.glob("*/*"):
        store.pipe_file(f"/{file.relative_to(tmp_path).as_posix()}", file.read_bytes())
    return tmp_path


def test_windows_of_a_store_give_what_the_whole_maps_give(folder: Path) -> None:
    there = score_folder("parts://preds", target_folder("parts://gts", LABELS))
    here = score_folder(folder / "preds", target_folder(folder / "gts", LABELS))
    assert there.confusion.cells.equals(here.confusion.cells)
    assert len(Parts.reads) > 10


def test_small_maps_are_asked_for_once_and_read_in_windows_from_memory(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "MOST_HELD", 1 << 20)
    asked: list[str] = []

    def cat_file(self: Parts, path: str, *place: Any, **more: Any) -> bytes:
        asked.append(path)
        return bytes(self.store[self._strip_protocol(path)].getvalue())

    monkeypatch.setattr(Parts, "cat_file", cat_file)
    there = score_folder("parts://preds", target_folder("parts://gts", LABELS))
    assert there.confusion.cells.equals(score_folder(folder / "preds", target_folder(folder / "gts", LABELS)).confusion.cells)
    assert (len(asked), len(set(asked)), Parts.reads) == (4, 4, [])


def test_a_store_that_cannot_seek_is_said_with_what_helps(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Parts, "seeks", False)
    if list(folder.glob("*/*.png")):  # which is read from its beginning to its end
        assert len(score_folder("parts://preds", target_folder("parts://gts", LABELS))) == 2
        return
    with pytest.raises(DataError) as raised:
        score_folder("parts://preds", target_folder("parts://gts", LABELS))
    said = str(raised.value)
    assert "cannot be read in parts (Cannot seek streaming HTTP file)" in said
    assert "copy it to a local folder, and name that" in said


def test_a_store_that_stops_giving_is_said(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def read(self: Seekable, size: int = -1) -> bytes:
        Parts.reads.append(size)
        if len(Parts.reads) > 4:
            raise ConnectionResetError("connection reset by peer")
        return bytes(MemoryFile.read(self, size))

    monkeypatch.setattr(Seekable, "read", read)
    with pytest.raises(DataError, match="connection reset by peer"):
        score_folder("parts://preds", target_folder("parts://gts", LABELS))
