"""Maps that are too large to be held whole: read in windows, and counted as the whole maps are."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from segbench.datasets.target_folder import target_folder
from segbench.errors import DataError
from segbench.images import tall
from segbench.images.tall import open_tall
from segbench.kernels.counting import count_pairs
from segbench.labels.space import LabelClass, LabelSpace
from segbench.records.run_record import read_run
from segbench.scoring.folder import score_folder
from tests.images.large_tiffs import DEFLATE, LZW, write_tiled
from tests.scoring.peak_memory import score_alone
from tests.tiffs import tiff

LABELS = LabelSpace("few", tuple(LabelClass(f"c{i}", (i,), (0, 0, 0)) for i in range(6)), (LabelClass("void", (255,), (0, 0, 0)),))
WIDE = LabelSpace("many", tuple(LabelClass(f"c{i}", (i,), (0, 0, 0)) for i in range(400)), (LabelClass("void", (65535,), (0, 0, 0)),))


@pytest.fixture(autouse=True)
def small_is_tall(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.node.get_closest_marker("large") is None:
        monkeypatch.setattr(tall, "TALL", 1000)
        monkeypatch.setattr(tall, "SMALL", 1)
        monkeypatch.setattr(tall, "AT_ONCE", 1 << 12)


def drawn(seed: int, size: tuple[int, int], labels: LabelSpace) -> NDArray[np.generic]:
    rng = np.random.default_rng(seed)
    values = np.kron(rng.integers(0, len(labels.classes), (-(-size[0] // 5), -(-size[1] // 7))), np.ones((5, 7), int))[: size[0], : size[1]]
    values[:4] = labels.void_ids[0]
    return values.astype(np.uint16 if labels.wide else np.uint8)


def write(path: Path, values: NDArray[np.generic], kind: str) -> Path:
    path.parent.mkdir(exist_ok=True)
    path = path.with_suffix(".png" if kind == "png" else ".tif")
    if kind == "png":
        Image.fromarray(values).save(path)
    elif kind == "strips":
        Image.fromarray(values).save(path, compression="tiff_lzw", strip_size=999)
    elif kind == "plain":
        path.write_bytes(tiff(values))
    else:
        rows, columns = {"tiles": (16, 32), "others": (48, 16)}[kind]
        across, down = -(-values.shape[1] // columns), -(-values.shape[0] // rows)
        padded = np.zeros((down * rows, across * columns), values.dtype)
        padded[: values.shape[0], : values.shape[1]] = values
        tiles = [np.ascontiguousarray(row) for band in padded.reshape(down, rows, across, columns).swapaxes(1, 2) for row in band]
        write_tiled(path, tiles, np.arange(len(tiles)).reshape(down, across), values.shape, DEFLATE)
    return path


@pytest.mark.parametrize("labels", [LABELS, WIDE], ids=["bytes", "16 bits"])
@pytest.mark.parametrize(
    ("target_kind", "pred_kind"),
    [("png", "png"), ("tiles", "tiles"), ("tiles", "others"), ("strips", "tiles"), ("plain", "strips"), ("png", "others")],
)
def test_windows_give_what_the_whole_maps_give(
    target_kind: str, pred_kind: str, labels: LabelSpace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    size = 133, 205
    target, pred = drawn(0, size, labels), drawn(1, size, labels)
    files = write(tmp_path / "gts" / "a", target, target_kind), write(tmp_path / "preds" / "a", pred, pred_kind)
    opened = [open_tall(file) for file in files]
    assert None not in opened
    for each in opened:
        each.close()  # type: ignore[union-attr]
    windows = score_folder(tmp_path / "preds", target_folder(tmp_path / "gts", labels))
    monkeypatch.setattr(tall, "TALL", 1 << 26)
    monkeypatch.setattr(tall, "SMALL", 1 << 30)
    if not labels.wide:
        assert np.array_equal(windows.byte_pairs, count_pairs(target, pred))  # type: ignore[arg-type]
    inside = target != labels.void_ids[0]
    expected = np.zeros_like(windows.confusion.counts)
    np.add.at(expected, (target[inside].astype(int), np.minimum(pred[inside].astype(int), len(labels.classes))), 1)
    assert np.array_equal(windows.confusion.counts, expected)


def test_maps_of_16_bits_in_a_label_space_of_bytes_have_their_void(tmp_path: Path) -> None:
    labels = LabelSpace("own", LABELS.classes, (LabelClass("void", (255, 65535), (0, 0, 0)),))
    target, pred = drawn(0, (90, 90), LABELS).astype(np.uint16), drawn(1, (90, 90), LABELS)
    target[target == 255] = 65535
    write(tmp_path / "gts" / "a", target, "png")
    write(tmp_path / "preds" / "a", pred, "tiles")
    counted = score_folder(tmp_path / "preds", target_folder(tmp_path / "gts", labels))
    assert counted.confusion.counts.sum() == (target != 65535).sum()
    target[50, 50] = 7000
    write(tmp_path / "gts" / "a", target, "png")
    with pytest.raises(DataError, match="the value 7000 does not fit a label map of bytes"):
        score_folder(tmp_path / "preds", target_folder(tmp_path / "gts", labels))


@pytest.mark.parametrize("kind", ["png", "tiles", "strips"])
def test_a_file_that_is_cut_short_or_damaged_is_named(kind: str, tmp_path: Path) -> None:
    write(tmp_path / "gts" / "a", drawn(0, (133, 205), LABELS), "png")
    file = write(tmp_path / "preds" / "a", drawn(1, (133, 205), LABELS), kind)
    whole = file.read_bytes()
    for bad in (whole[: len(whole) // 2], whole[:300] + bytes(40) + whole[340:]):
        file.write_bytes(bad)
        with pytest.raises(DataError, match=r"damaged|cannot be read"):
            score_folder(tmp_path / "preds", target_folder(tmp_path / "gts", LABELS))


def test_sizes_that_differ_are_said_before_anything_is_read(tmp_path: Path) -> None:
    write(tmp_path / "gts" / "a", drawn(0, (133, 205), LABELS), "tiles")
    for size in ((133, 204), (20, 20)):
        write(tmp_path / "preds" / "a", drawn(1, size, LABELS), "png")
        with pytest.raises(DataError, match=f"size {size[1]}x{size[0]}, its target is 205x133"):
            score_folder(tmp_path / "preds", target_folder(tmp_path / "gts", LABELS))


def test_tiles_that_are_left_out_are_empty(tmp_path: Path) -> None:
    tiles, places = [np.full((16, 16), 3, np.uint8)], np.full((5, 5), -1)
    places[2, 3] = 0
    for folder in ("gts", "preds"):
        (tmp_path / folder).mkdir()
        write_tiled(tmp_path / folder / "a.tif", tiles, places, (80, 80), LZW)
    counted = score_folder(tmp_path / "preds", target_folder(tmp_path / "gts", LABELS))
    assert counted.confusion.counts[3, 3] == 256
    assert counted.confusion.counts[0, 0] == 6400 - 256


def peak_of_large(root: Path, side: int, tile: int, compression: int) -> int:
    """Score a pair of so many pixels a side in a process of its own. Returns its peak in bytes; the record is the sum of the tiles."""
    rng, across = np.random.default_rng(0), -(-side // tile)
    counts = np.zeros((256, 256), np.int64)
    kinds = [np.kron(rng.integers(0, 6, (tile // 64, tile // 64)), np.ones((64, 64), int)).astype(np.uint8) for _ in range(8)]
    kinds += [np.where(rng.random((tile, tile)) < 0.001, rng.integers(0, 6, (tile, tile)), each).astype(np.uint8) for each in kinds]
    places = rng.integers(0, 16, (2, across, across))
    for name, here in zip(("gts", "preds"), places, strict=True):
        (root / name).mkdir()
        write_tiled(root / name / "a.tif", kinds, here, (side, side), compression)
    edge = side - (across - 1) * tile
    for part, rows, columns in (
        (np.s_[:-1, :-1], tile, tile),
        (np.s_[-1:, :-1], edge, tile),
        (np.s_[:-1, -1:], tile, edge),
        (np.s_[-1:, -1:], edge, edge),
    ):
        pairs, numbers = np.unique(places[(slice(None), *part)].reshape(2, -1), axis=1, return_counts=True)
        for (target, pred), number in zip(pairs.T, numbers, strict=True):
            cut = (np.ascontiguousarray(kinds[index][:rows, :columns]) for index in (target, pred))
            counts += number * count_pairs(*cut)
    (root / "labels.yaml").write_text("name: few\nclasses: [c0, c1, c2, c3, c4, c5]\n")
    _, peak = score_alone(root, "--encoding", "ids", "--json", "r.json")
    assert np.array_equal(read_run(root / "r.json").confusion.counts[:, :6], counts[:6, :6])
    return peak


@pytest.mark.large
@pytest.mark.slow
@pytest.mark.parametrize("compression", [LZW, DEFLATE], ids=["lzw", "deflate"])
def test_a_pair_of_100_000_by_100_000_pixels_is_scored_in_300_mb(compression: int, tmp_path: Path) -> None:
    assert peak_of_large(tmp_path, 100_000, 1024, compression) < 300e6


@pytest.mark.large
def test_a_pair_of_12_000_by_12_000_pixels_is_scored_in_300_mb(tmp_path: Path) -> None:
    assert peak_of_large(tmp_path, 12_000, 512, DEFLATE) < 300e6


@pytest.mark.large
@pytest.mark.slow
def test_a_map_of_16_000_by_16_000_pixels_is_not_damaged(tmp_path: Path) -> None:
    values = np.zeros((16_000, 16_000), np.uint8)
    values[7:9, 5:15_000], values[-1, -1] = 3, 5
    for folder in ("gts", "preds"):
        (tmp_path / folder).mkdir()
        Image.fromarray(values).save(tmp_path / folder / "a.png", compress_level=1)
    counted = score_folder(tmp_path / "preds", target_folder(tmp_path / "gts", LABELS), encoding="ids")
    assert counted.confusion.counts.diagonal()[[0, 3, 5]].tolist() == [16_000**2 - 29_991, 29_990, 1]
