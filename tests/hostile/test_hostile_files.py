"""Records, boards and weights of strangers: one clear error or harmless text, in bounded time and memory; nothing runs."""

from __future__ import annotations

import copy
import html.parser
import json
import re
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file

from segbench.cli.main import main
from segbench.errors import ImageError, SegbenchError, WeightsError
from segbench.files.foreign import LONGEST_TEXT, visible, web_address
from segbench.files.names import file_stem
from segbench.images.files import read_image, read_labels
from segbench.models.weights import SCHEMA, load
from segbench.records.per_image import read_per_image
from segbench.records.profile import read_profile
from segbench.records.run_record import read_run
from tests.tiffs import tiff

BOARDS = Path(__file__).parents[2] / "leaderboards"
RECORD = json.loads((BOARDS / "minicity-val" / "records" / "unet.json").read_text())
PROFILE = json.loads((BOARDS / "minicity-val" / "records" / "bisenet_r18.profile.json").read_text())

NASTY_TEXT = st.sampled_from(
    [
        "",
        "\x1b[31mred\x1b[0m",
        "\u202egnp.exe",
        "a\nb\r\n\tc",
        "<script>alert(1)</script>",
        "](javascript:alert(1))",
        "=cmd|' /C calc'!A0",
        "../../../etc/passwd",
        "``` \n# x",
        "|||",
        "x" * (LONGEST_TEXT + 1),
        "NaN",
        "\ud800",
        "{{ 7 * 7 }}",
        "%s%n{0}",
    ]
)
NUMBERS = (st.integers(), st.integers(2**62, 2**70), st.floats(), st.just("1e999"))
NASTY = st.recursive(
    st.one_of(st.none(), st.booleans(), *NUMBERS, NASTY_TEXT, st.just([]), st.just({})),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(NASTY_TEXT, inner, max_size=3)),
    max_leaves=4,
)


def paths_in(data: Any, prefix: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Where something can be replaced: every key, and a few places of every list."""
    if isinstance(data, dict):
        return [*((*prefix, key) for key in data), *(path for key, value in data.items() for path in paths_in(value, (*prefix, key)))]
    if isinstance(data, list) and data:
        return [(*prefix, 0), *paths_in(data[0], (*prefix, 0))]
    return []


def replaced(data: Any, path: tuple[Any, ...], value: Any) -> Any:
    result = copy.deepcopy(data)
    place = result
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    return result


def written(folder: Path, data: Any) -> Path:
    file = folder / "x.json"
    file.write_text(json.dumps(data), encoding="utf-8", errors="surrogatepass")
    return file


def read_or_refused(read: Callable[[Path], Any], file: Path) -> Any:
    """What is read; ``None`` if it is refused with the file's name."""
    try:
        return read(file)
    except SegbenchError as error:
        if str(file) not in str(error):
            raise
        return None


@settings(max_examples=300)
@given(st.sampled_from(paths_in(RECORD)), NASTY)
def test_a_record_with_anything_in_any_place_is_read_or_refused(tmp_path_factory: Any, path: tuple[Any, ...], value: Any) -> None:
    file = written(tmp_path_factory.mktemp("record"), replaced(RECORD, path, value))
    record = read_or_refused(read_run, file)
    if record is None:
        return
    assert 0 <= record.scores.acc <= 1 or np.isnan(record.scores.acc)
    assert not any(ord(character) < 32 for character in record.name + record.signature + record.command)


@settings(max_examples=150)
@given(st.sampled_from(paths_in(PROFILE)), NASTY)
def test_a_profile_with_anything_in_any_place_is_read_or_refused(tmp_path_factory: Any, path: tuple[Any, ...], value: Any) -> None:
    file = written(tmp_path_factory.mktemp("profile"), replaced(PROFILE, path, value))
    read_or_refused(read_profile, file)


class Links(html.parser.HTMLParser):
    """Collects what a browser would run or follow: elements of scripts, handlers, addresses."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name.startswith("on") or (name in ("href", "src") and re.match(r"\s*javascript:", value or "", re.I)):
                self.found.append(f"<{tag} {name}={value}>")


@settings(max_examples=25)
@given(
    st.lists(
        st.tuples(st.sampled_from(paths_in({k: v for k, v in RECORD.items() if k in ("model", "command", "environment")})), NASTY),
        max_size=4,
    )
)
def test_the_pages_of_a_board_run_nothing_that_a_record_says(tmp_path_factory: Any, edits: list[tuple[tuple[Any, ...], Any]]) -> None:
    root = tmp_path_factory.mktemp("boards")
    data = RECORD
    for path, value in edits:
        try:
            data = replaced(data, path, value)
        except (KeyError, IndexError, TypeError):
            continue
    (root / "b" / "records").mkdir(parents=True)
    written(root / "b" / "records", data)
    done = CliRunner().invoke(main, ["leaderboard", str(root)])
    assert done.exception is None or isinstance(done.exception, SystemExit), done.output
    assert done.exit_code in (0, 2)
    if done.exit_code == 0:
        assert_harmless(root)


def assert_harmless(root: Path) -> None:
    page = (root / "index.html").read_text()
    links = Links()
    links.feed(page)
    assert not links.found
    clean = BOARDS / "index.html"
    assert page.count("<script") == clean.read_text().count("<script")
    for file in [*root.rglob("*.md"), *root.rglob("leaderboard.csv"), root / "index.html"]:
        text = file.read_text()
        assert "\x1b" not in text
        assert "\u202e" not in text
        if file.suffix == ".md":
            outside = re.sub(r"^(`{3,})sh\n.*?^\1$", "", text, flags=re.MULTILINE | re.DOTALL)
            assert "<script" not in outside
            assert not re.search(r"(?<!\\)\]\(javascript:", outside)
        if file.suffix == ".csv":
            assert not re.search(r'(^|,)"?=', text, re.MULTILINE)


def test_what_a_stranger_writes_into_a_board_is_shown_as_text(tmp_path: Path) -> None:
    data = copy.deepcopy(RECORD)
    data["model"]["name"] = "=1+1 <img src=x onerror=alert(1)>\x1b[31m"
    data["model"]["paper"] = {"title": "<script>alert(2)</script>", "authors": "a", "year": 2020, "url": "javascript:alert(3)"}
    data["model"]["trained_on"] = {"dataset": "](javascript:alert(4))", "split": "<b>", "images": 3}
    data["command"] = "``` <script>alert(5)</script>"
    (tmp_path / "b" / "records").mkdir(parents=True)
    written(tmp_path / "b" / "records", data)
    (tmp_path / "b" / "board.yaml").write_text('title: "<script>alert(6)</script>"\nabout: "<img src=x onerror=alert(7)>"\n')
    columns = "model,registered,variant,backbone,miou,scales,input,data,by,year,source,url"
    line = '"=HYPERLINK(1)",,,r50,50.0,single,whole,fine,paper,2020,<script>alert(8)</script>,"https://x.org/""><script>"'
    (tmp_path / "b" / "reported.csv").write_text(f"{columns}\n{line}\n")
    done = CliRunner().invoke(main, ["leaderboard", str(tmp_path)], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    assert_harmless(tmp_path)
    assert '"https://x.org/%22%3E%3Cscript%3E"' in (tmp_path / "index.html").read_text()


@pytest.mark.parametrize("url", ["javascript:alert(1)", "data:text/html,x", "file:///etc/passwd", "//x.org", "http://", "https://[", ""])
def test_only_addresses_of_the_web_are_linked(url: str) -> None:
    assert web_address(url) is None


def test_an_address_cannot_end_its_link() -> None:
    assert web_address('https://x.org/a b"<>)`|') == "https://x.org/a%20b%22%3C%3E%29%60%7C"
    assert web_address("https://arxiv.org/abs/1505.04597") == "https://arxiv.org/abs/1505.04597"


@given(st.text(max_size=60))
def test_visible_text_keeps_letters_of_every_script_and_nothing_that_steers(text: str) -> None:
    seen = visible(text)
    assert len(seen) == len(text)
    assert not re.search(r"[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", seen)
    for before, after in zip(text, seen, strict=True):
        assert after in (before, "\N{REPLACEMENT CHARACTER}")
        if before.isalnum():
            assert after == before


@pytest.mark.parametrize("name", ["../../x", "..", ".", "/etc/passwd", ".hidden", "", "a/../../b", "x" * 5000, "\x00"])
def test_a_name_makes_a_file_of_its_folder(name: str, tmp_path: Path) -> None:
    file = (tmp_path / file_stem(name)).resolve()
    assert file.parent == tmp_path
    assert not file.name.startswith(".")
    file.with_suffix(".json").write_text("")


def test_matrices_that_unfold_to_gigabytes_are_refused_before_they_do(tmp_path: Path) -> None:
    file = tmp_path / "x.npz"
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("counts.npy", "w", force_zip64=True) as entry:
        entry.write(b"\x93NUMPY")
        for _ in range(9):
            for _ in range(64):
                entry.write(bytes(1 << 24))
    with pytest.raises(SegbenchError, match="it unfolds to 9663676422 bytes"):
        read_per_image(file)


DEEP = "[" * 100_000 + "]" * 100_000


@pytest.mark.parametrize("text", [DEEP, '{"schema": ' + DEEP + "}", "[1e999]", "null", "3", '"x"', "{", "\ufeff{}"], ids=range(8))
def test_json_that_is_no_record_is_one_error(tmp_path: Path, text: str) -> None:
    file = tmp_path / "x.json"
    file.write_text(text)
    for read in (read_run, read_profile):
        with pytest.raises(SegbenchError, match=re.escape(str(file))):
            read(file)


DESCRIBED = {
    "schema": SCHEMA,
    "model": "enet",
    "arguments": {"width": 0.125},
    "labels": {"name": "two", "classes": ["a", "b"]},
    "normalize": {"mean": [0, 0, 0], "std": [1, 1, 1], "order": "RGB"},
    "trained_on": {},
    "recipe": {},
}


def weights(folder: Path, description: Any) -> Path:
    file = folder / "w.safetensors"
    text = description if isinstance(description, str) else json.dumps(description)
    save_file({"x": torch.zeros(1)}, file, metadata={"segbench": text})
    return file


@settings(max_examples=100)
@given(st.sampled_from(paths_in(DESCRIBED)), NASTY)
def test_weights_with_any_description_are_refused_and_fill_no_memory(tmp_path_factory: Any, path: tuple[Any, ...], value: Any) -> None:
    file = weights(tmp_path_factory.mktemp("weights"), replaced(DESCRIBED, path, value))
    with pytest.raises(SegbenchError):
        load(file)


@pytest.mark.parametrize("width", [1e9, 1e5, -1, float("nan"), float("inf"), 0])
def test_weights_of_an_impossible_width_are_refused_before_anything_is_made(tmp_path: Path, width: float) -> None:
    with pytest.raises(WeightsError):
        load(weights(tmp_path, DESCRIBED | {"arguments": {"width": width}}))


def test_a_weights_file_runs_no_code_that_it_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "evil.py").write_text("from pathlib import Path\nPath('ran').touch()\ndef net(labels): ...\n")
    monkeypatch.chdir(tmp_path)
    for name in ("evil.py:net", f"{tmp_path}/evil.py:net", "os:system", "torchscript:evil.pt"):
        with pytest.raises(WeightsError, match="if you trust it, name it yourself"):
            load(weights(tmp_path, DESCRIBED | {"model": name}))
    assert not (tmp_path / "ran").exists()


def test_matrices_in_a_compression_of_nobody_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "x.npz"
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("ids.npy", b"")
    content = bytearray(file.read_bytes())
    for signature, place in ((b"PK\x03\x04", 8), (b"PK\x01\x02", 10)):
        start = content.index(signature) + place
        content[start : start + 2] = b"\x63\x00"
    file.write_bytes(content)
    with pytest.raises(SegbenchError, match=r"x\.npz: not the matrices"):
        read_per_image(file)


def test_a_tiff_whose_numbers_have_no_bits_is_damaged(tmp_path: Path) -> None:
    content = bytearray(tiff(np.zeros((2, 2), np.uint8)))
    entry = content.index(b"\x02\x01\x03\x00")  # BitsPerSample
    content[entry + 4 : entry + 8] = bytes(4)
    (tmp_path / "x.tif").write_bytes(content)
    for read in (read_labels, read_image):
        with pytest.raises(SegbenchError, match=r"x\.tif: the file is damaged"):
            read(tmp_path / "x.tif")


def _with_height(height: int) -> bytes:
    """A TIFF of 17 x 12 pixels that says that it is as high as this."""
    values = np.zeros((12, 17), np.uint8)
    pixels, entries = tiff.page(values)
    entries[257] = (4, [height])
    return (
        tiff(values, also=[(pixels, entries)])
        if height == 0
        else tiff(values).replace(struct.pack("<HHII", 257, 4, 1, 12), struct.pack("<HHII", 257, 4, 1, height))
    )


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (_with_height(0), "its directory of pages cannot be read"),
        (b"II+\0\x08\0\0\0" + b"\xe0" * 60, "its directory of pages cannot be read"),  # a directory beyond every file
        (_with_height(1 << 28), r"\d+ bytes cannot hold 17x268435456 pixels"),
    ],
    ids=["no height", "nowhere", "more than it can hold"],
)
def test_a_tiff_that_announces_what_cannot_be_is_refused_before_memory_is_taken(tmp_path: Path, content: bytes, said: str) -> None:
    (tmp_path / "x.tif").write_bytes(content)
    with pytest.raises(ImageError, match=f"the file is damaged .{said}"):
        read_labels(tmp_path / "x.tif")
