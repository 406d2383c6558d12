from __future__ import annotations

import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from segbench.datasets.cityscapes import LABELS as CITYSCAPES
from segbench.datasets.synthia import LABELS, synthia
from segbench.errors import DataError, ImageError
from segbench.images.files import write_image, write_labels
from tests.datasets.contract import broken
from tests.pngs import RGB, SIGNATURE, chunk, filtered, header


def write_wide(path: Path, values: np.ndarray) -> None:
    """uint16[H, W, 3] as a PNG of 16 bits a channel, a row for each filter."""
    height, width, _ = values.shape
    # A filter looks three numbers back: each channel's rows are filtered alone, then dealt together.
    parts = [
        np.frombuffer(filtered(values[..., c], [y % 5 for y in range(height)]), np.uint8).reshape(height, 1 + 2 * width) for c in range(3)
    ]
    pixels = np.stack([part[:, 1:].reshape(height, width, 2) for part in parts], axis=2).reshape(height, 6 * width)
    raw = np.concatenate([parts[0][:, :1], pixels], axis=1).tobytes()
    path.parent.mkdir(parents=True, exist_ok=True)
    data = header(width, height, 16, RGB) + chunk(b"IDAT", zlib.compress(raw)) + chunk(b"IEND", b"")
    path.write_bytes(SIGNATURE + data)


@pytest.fixture
def labels() -> np.ndarray:
    """Every class number in red, instances beyond a byte in green."""
    values = np.zeros((6, 4, 3), np.uint16)
    values[..., 0] = np.arange(24).reshape(6, 4) % 23
    values[..., 1] = np.arange(24).reshape(6, 4) * 1000
    return values


@pytest.fixture
def root(tmp_path: Path, labels: np.ndarray) -> Path:
    for number in (0, 1):
        write_image(tmp_path / f"RGB/{number:07}.png", np.zeros((6, 4, 3), np.uint8))
        write_wide(tmp_path / f"GT/LABELS/{number:07}.png", labels)
    return tmp_path


def test_the_class_is_the_low_byte_of_red_which_pillow_alone_drops(root: Path, labels: np.ndarray) -> None:
    dataset = synthia(root)
    target = dataset.read_target(dataset.samples[0])
    assert target.dtype == np.uint8
    assert np.array_equal(target, labels[..., 0])
    with Image.open(dataset.samples[0].target) as image:
        assert not np.array(image)[..., 0].any()
    assert [sample.id for sample in dataset.samples] == ["0000000", "0000001"]
    assert not broken(dataset)


def test_sixteen_classes_are_called_as_in_cityscapes_and_three_of_its_are_never_drawn() -> None:
    assert [name for name in CITYSCAPES.class_names if name not in LABELS.class_names] == ["terrain", "truck", "train"]
    assert [name for name in CITYSCAPES.class_names if name in LABELS.class_names] == list(LABELS.class_names)
    assert LABELS.known_ids == set(range(23))
    assert dict(zip(LABELS.class_names, LABELS.id_of_index.tolist(), strict=True))["person"] == 10


def test_label_maps_that_were_saved_as_bytes_or_hold_larger_numbers_are_refused(root: Path, labels: np.ndarray) -> None:
    write_labels(root / "GT/LABELS/0000000.png", np.zeros((6, 4), np.uint8))
    write_image(root / "GT/LABELS/0000001.png", np.zeros((6, 4, 3), np.uint8))
    dataset = synthia(root)
    for sample in dataset.samples:
        with pytest.raises(ImageError, match="must be a PNG of RGB in 16 bits"):
            dataset.read_target(sample)
    write_wide(dataset.samples[0].target, labels + 256)
    with pytest.raises(ImageError, match="class numbers up to 278"):
        dataset.read_target(dataset.samples[0])


def test_every_file_without_a_partner_is_named(root: Path) -> None:
    (root / "RGB/0000000.png").unlink()
    (root / "GT/LABELS/0000001.png").unlink()
    with pytest.raises(DataError, match="2 files have no partner"):
        synthia(root)
    with pytest.raises(DataError, match="RGB and GT/LABELS not found"):
        synthia(root / "RGB")
