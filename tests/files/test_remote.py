"""Files behind URLs: the same scores and records as of a local folder, patience with what fails for a moment, errors that name the URL."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
import threading
import time
import zipfile
from collections import Counter
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any, ClassVar

import fsspec
import pytest
from click.testing import CliRunner, Result
from fsspec.implementations.memory import MemoryFileSystem

import segbench
from segbench.benchmark import run_suite
from segbench.cli.main import main
from segbench.datasets.cityscapes import LABELS as CITY
from segbench.errors import DataError, ImageError, MissingPackageError, SegbenchError
from segbench.files import stores as module
from segbench.files.remote import RemotePath, locate, read_ahead
from segbench.images.files import read_labels
from segbench.images.folders import files_below
from segbench.models.weights import build, save


class Shaky(MemoryFileSystem):
    """A store in memory with latency, of which the first ``failures`` attempts to read each file fail in one way or another."""

    protocol = "shaky"
    store: ClassVar[dict[str, Any]] = {}
    pseudo_dirs: ClassVar[list[str]] = [""]
    failures, latency = 0, 0.0
    reads, lists = Counter[str](), Counter[str]()
    at_once, most = 0, 0
    lock = threading.Lock()

    @classmethod
    def _strip_protocol(cls, path: str) -> str:
        return str(super()._strip_protocol(path.replace("shaky://", "memory://")))

    def cat_file(self, path: str, start: Any = None, end: Any = None, **more: Any) -> bytes:
        path = self._strip_protocol(path)
        with self.lock:
            self.reads[path] += 1
            Shaky.at_once += 1
            Shaky.most = max(self.most, self.at_once)
        time.sleep(self.latency)
        with self.lock:
            Shaky.at_once -= 1
        attempt = self.reads[path]
        content: bytes = super().cat_file(path, start, end, **more)
        if attempt <= self.failures:
            if attempt % 3 == 0:
                return content[:-1]
            raise (TimeoutError("the read timed out") if attempt % 3 == 1 else ConnectionResetError("connection reset by peer"))
        return content

    def ls(self, path: str, detail: bool = True, **more: Any) -> Any:
        self.lists[self._strip_protocol(path)] += 1
        return super().ls(path, detail, **more)


@pytest.fixture(autouse=True)
def stores(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(module, "FIRST_PAUSE", 0.001)
    for store in (MemoryFileSystem, Shaky):
        monkeypatch.setattr(store, "store", {})
        monkeypatch.setattr(store, "pseudo_dirs", [""])
    monkeypatch.setattr(Shaky, "reads", Counter())
    monkeypatch.setattr(Shaky, "lists", Counter())
    fsspec.register_implementation("shaky", Shaky, clobber=True)
    monkeypatch.setattr(Shaky, "most", 0)
    yield
    MemoryFileSystem.clear_instance_cache()


def upload(folder: Path, kind: str = "memory") -> str:
    """The files of a folder, at the top of a store; what its URLs begin with."""
    store = fsspec.filesystem(kind)
    for file in folder.rglob("*"):
        if file.is_file():
            store.pipe_file(f"/{file.relative_to(folder).as_posix()}", file.read_bytes())
    return f"{kind}://"


def zipped(folder: Path, archive: Path) -> Path:
    with zipfile.ZipFile(archive, "w") as file:
        for path in sorted(folder.rglob("*")):
            file.write(path, path.relative_to(folder))
    return archive


def type_in(*words: Any) -> Result:
    return CliRunner().invoke(main, [str(word) for word in words], catch_exceptions=False)


@pytest.mark.parametrize("kind", ["memory", "zip", "shaky"])
def test_label_maps_behind_urls_give_the_record_of_a_folder(
    cityscapes_set: Path, tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = type_in("score", cityscapes_set / "results", "--data", cityscapes_set, "--dataset", "cityscapes", "--json", tmp_path / "a.json")
    assert whole.exit_code == 0, whole.output
    if kind == "zip":
        archive = zipped(cityscapes_set, tmp_path / "all.zip")
        preds, data = f"zip://results::{archive}", f"zip://::{archive}"
    else:
        monkeypatch.setattr(Shaky, "failures", module.ATTEMPTS - 1)
        preds, data = upload(cityscapes_set, kind) + "results", f"{kind}://"
    there = type_in("score", preds, "--data", data, "--dataset", "cityscapes", "--json", tmp_path / "b.json")
    assert there.exit_code == 0, there.output
    assert there.stdout == whole.stdout
    assert (tmp_path / "b.json").read_bytes() == (tmp_path / "a.json").read_bytes()
    assert (tmp_path / "b.npz").read_bytes() == (tmp_path / "a.npz").read_bytes()


def test_targets_behind_a_url_and_one_file_of_each(cityscapes_set: Path) -> None:
    top = upload(cityscapes_set)
    whole = type_in("score", cityscapes_set / "results", cityscapes_set / "gtFine" / "val")
    assert type_in("score", cityscapes_set / "results", f"{top}gtFine/val").stdout == whole.stdout
    assert type_in("score", f"{top}results", cityscapes_set / "gtFine" / "val").stdout == whole.stdout
    pred, target = sorted((cityscapes_set / "results").rglob("*.png"))[0], sorted(cityscapes_set.rglob("*_labelIds.png"))[0]
    urls = [f"{top}{path.relative_to(cityscapes_set)}" for path in (pred, target)]
    alone = type_in("score", pred, target)
    assert alone.exit_code == 0, alone.output
    assert type_in("score", *urls).stdout == alone.stdout


@pytest.mark.parametrize("kind", ["memory", "zip"])
def test_networks_on_data_behind_a_url_give_the_record_of_a_folder(
    small_minicity: Path, tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_suite, "write_board", lambda *_: None)
    save(tmp_path / "enet.safetensors", build("enet", CITY, width=0.125), trained_on={"dataset": "none"}, recipe={})
    words = ["run", "--models", "enet", "--weights", f"enet={tmp_path}/enet.safetensors", "--dataset", "cityscapes", "--repeats", 0]
    url = f"zip://::{zipped(small_minicity, tmp_path / 'data.zip')}" if kind == "zip" else upload(small_minicity)
    records = []
    for data, out in ((small_minicity, tmp_path / "here"), (url, tmp_path / "there")):
        done = type_in(*words, "--data", data, "--out", out)
        assert done.exit_code == 0, done.output
        record = json.loads((out / "records" / "enet.json").read_text())
        records.append(({**record, "environment": {}}, (out / "records" / "enet.npz").read_bytes()))
    assert records[0] == records[1]


def test_shards_are_counted_and_continued_behind_a_url(cityscapes_set: Path, tmp_path: Path) -> None:
    top = upload(cityscapes_set)
    words = ["score", f"{top}results", f"{top}gtFine/val", "--out", tmp_path / "parts", "--shard"]
    for shard in ("1/2", "2/2"):
        assert type_in(*words, shard).exit_code == 0
    assert "continuing after 2 of 2 images" in type_in(*words, "1/2").stderr
    merged = type_in("merge", tmp_path / "parts", "--json", tmp_path / "all.json")
    assert merged.exit_code == 0, merged.output
    assert merged.stdout == type_in("score", cityscapes_set / "results", cityscapes_set / "gtFine" / "val").stdout


def test_a_described_dataset_may_lie_behind_a_url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.documents.test_pages_run import label_maps

    label_maps(tmp_path)
    upload(tmp_path)
    (tmp_path / "there.yaml").write_text("root: 'memory://'\nlabels: camvid\ntargets: gts/*.png\n")
    (tmp_path / "here.yaml").write_text("root: .\nlabels: camvid\ntargets: gts/*.png\n")
    there, here = (segbench.open_dataset(str(tmp_path / name)) for name in ("there.yaml", "here.yaml"))
    assert [sample.id for sample in there.samples] == [sample.id for sample in here.samples]
    assert segbench.score_folder("memory://preds", there).scores.miou == segbench.score_folder(tmp_path / "preds", here).scores.miou


def test_a_folder_is_listed_once_and_read_ahead(cityscapes_set: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    top = upload(cityscapes_set, "shaky")
    monkeypatch.setattr(Shaky, "latency", 0.02)
    done = type_in("score", f"{top}results", f"{top}gtFine/val", "--workers", 1)
    assert done.exit_code == 0, done.output
    assert set(Shaky.reads.values()) == {1}
    assert Shaky.most > 2  # with one worker
    # Two stores are opened, one for each argument, and neither lists a folder twice.
    assert max(Shaky.lists.values()) <= 2, Shaky.lists


def test_what_fails_for_good_is_named_by_its_url(cityscapes_set: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    top = upload(cityscapes_set, "shaky")
    monkeypatch.setattr(Shaky, "failures", module.ATTEMPTS)
    done = type_in("score", f"{top}results", f"{top}gtFine/val")
    assert done.exit_code == 2
    assert "3 of 3 pairs cannot be scored" in done.stderr
    assert "shaky://results/" in done.stderr
    assert "the file cannot be read (connection reset by peer)" in done.stderr
    assert set(Shaky.reads.values()) == {module.ATTEMPTS}


def test_what_is_missing_or_forbidden_is_not_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = fsspec.filesystem("shaky")
    store.pipe_file("/a/x.png", b"1")
    asked = list[str]()

    def refuse(self: Any, path: str, *more: Any, **others: Any) -> bytes:
        asked.append(path)
        raise (FileNotFoundError(path) if path.endswith("gone.png") else PermissionError("Access Denied"))

    monkeypatch.setattr(Shaky, "cat_file", refuse)
    with pytest.raises(ImageError, match=r"shaky://a/gone.png: the file is missing"):
        read_labels(locate("shaky://a/gone.png"))
    with pytest.raises(ImageError, match=r"shaky://a/x.png: the file cannot be read \(Access Denied\)"):
        read_labels(locate("shaky://a/x.png"))
    assert len(asked) == 2
    monkeypatch.setattr(Shaky, "ls", refuse)
    with pytest.raises(DataError, match=r"shaky://b: this cannot be listed \(Access Denied\)"):
        locate("shaky://b").is_dir()
    assert len(asked) == 3


@pytest.mark.parametrize(
    ("url", "kind", "said"),
    [
        ("s3x://bucket/preds", DataError, "nothing is known of s3x://\ndid you mean 's3'"),
        ("memory://nothing", DataError, "memory://nothing: there is no such folder"),
        ("zip://preds::nowhere.zip", SegbenchError, "zip://preds::nowhere.zip: this cannot be opened"),
    ],
)
def test_urls_that_lead_nowhere_are_refused(url: str, kind: type[SegbenchError], said: str, cityscapes_set: Path) -> None:
    dataset = segbench.open_dataset("cityscapes", cityscapes_set)
    with pytest.raises(kind) as refusal:
        segbench.score_folder(url, dataset)
    assert said in str(refusal.value)


MISSING = [("s3://b/x", "s3fs"), ("gs://b/x", "gcsfs"), ("hf://datasets/a/b", "huggingface_hub"), ("zip://x::s3://b/a.zip", "s3fs")]


@pytest.mark.parametrize(("url", "package"), MISSING)
def test_a_store_whose_package_is_missing_says_what_to_install(url: str, package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    if package == "huggingface_hub":
        monkeypatch.delitem(sys.modules, "huggingface_hub.hf_file_system", raising=False)
    for scheme in ("s3", "gs", "hf"):  # or it is there already
        monkeypatch.delitem(import_module("fsspec.registry")._registry, scheme, raising=False)
    with pytest.raises(MissingPackageError, match=f"install it with: pip install {package}"):
        locate(url).exists()


def test_nothing_is_written_to_a_url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cityscapes_set: Path) -> None:
    monkeypatch.chdir(tmp_path)
    for words in (
        ["run", "--models", "enet", "--out", "s3://bucket/out"],
        ["score", "preds", "gts", "--json", "s3://bucket/record.json"],
    ):
        done = type_in(*words)
        assert done.exit_code == 2
        assert "is a URL: this is a local path" in done.stderr
    with pytest.raises(DataError, match=r"memory://here: nothing is written to a URL"):
        segbench.open_dataset("minicity", "memory://here")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["set"]


def test_a_path_behind_a_url_does_as_a_path_does(tmp_path: Path) -> None:
    for name in ("b/2.png", "b/1.PNG", "a/c/3.tar.gz", ".hidden/4.png", "b/.5.png", "top.png"):
        file = tmp_path / "data" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(name.encode())
    upload(tmp_path)
    here, there = tmp_path / "data", locate("memory://data")
    assert [path.relative_to(there) for path in files_below(there)] == [path.relative_to(here) for path in files_below(here)]
    for mine, theirs in ((there / "a/c/3.tar.gz", here / "a/c/3.tar.gz"), (there / "b", here / "b"), (there / "no", here / "no")):
        for name in ("name", "stem", "suffix"):
            assert getattr(mine, name) == getattr(theirs, name)
        for name in ("exists", "is_dir", "is_file", "is_symlink"):
            assert getattr(mine, name)() == getattr(theirs, name)()
        assert mine.parent.relative_to(there) == theirs.parent.relative_to(here)
        assert mine.with_name("x.png").name == theirs.with_name("x.png").name
        assert mine.with_suffix(".x").relative_to(there) == theirs.with_suffix(".x").relative_to(here)
    assert (there / "top.png").read_bytes() == (there / "b" / ".." / "top.png").open("rb").read() == b"top.png"
    assert sorted(there.glob("*.png")) == [there / "top.png"]
    assert there / "/elsewhere" == Path("/elsewhere")
    assert here / there == there
    assert not isinstance(there, Path)
    with pytest.raises(TypeError):
        os.stat(there)
    again = pickle.loads(pickle.dumps(there / "top.png"))
    assert isinstance(again, RemotePath)
    assert again == there / "top.png"
    assert again.read_bytes() == b"top.png"


def test_reading_ahead_keeps_failures_for_where_they_belong() -> None:
    fsspec.filesystem("memory").pipe_file("/a/x.png", b"1")
    there, gone = locate("memory://a/x.png"), locate("memory://a/gone.png")
    ahead = read_ahead([there, gone], lambda path: (path,))
    assert ahead is not None
    assert list(ahead) == [there, gone]
    assert read_ahead([Path("a"), Path("b")], lambda path: (path,)) is None
    assert there.read_bytes() == b"1"
    with pytest.raises(FileNotFoundError):
        gone.read_bytes()


def test_local_folders_are_scored_without_fsspec(cityscapes_set: Path) -> None:
    code = (
        "import sys\nfrom segbench.cli.main import main\n"
        f"main(['score', {str(cityscapes_set / 'results')!r}, {str(cityscapes_set / 'gtFine' / 'val')!r}], standalone_mode=False)\n"
        "assert 'fsspec' not in sys.modules and 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


def test_an_archive_alone_is_all_that_lies_in_it(small_minicity: Path, tmp_path: Path) -> None:
    archive = zipped(small_minicity, tmp_path / "data.zip")
    alone, chained = locate(f"zip://{archive}"), locate(f"zip://::{archive}")
    assert sorted(map(str, alone.iterdir())) == sorted(map(str, chained.iterdir()))
    assert any(alone.iterdir())
