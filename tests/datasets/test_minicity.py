"""minicity: the same bytes everywhere, the official layout, all classes, and never half a split."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest

from segbench.datasets import minicity as module
from segbench.datasets.base import Dataset
from segbench.datasets.cityscapes import LABELS, read_layout
from segbench.datasets.minicity import draw_scene, draw_split, minicity
from segbench.errors import DataError
from segbench.images.files import read_image, read_labels, read_uint16

KNOWN_IDS = {i for one in (*LABELS.classes, *LABELS.void) for i in one.ids if i >= 0}
INSTANCE_IDS = [i for one in (*LABELS.classes, *LABELS.void) if one.has_instances for i in one.ids]
GOLDEN = {
    ("train", 7): ("42cb5aef3a3826da", "2d7a5a465e5e27c4", "e92b67ed504a5fd3", "2067a6f9923ad952"),
    ("val", 21): ("3e2aa141098a6037", "3da322626a450cd2", "8836ebba2a782bf4", "6a3a6ea3012e56f4"),
}


@pytest.fixture(scope="module")
def val(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return minicity(tmp_path_factory.mktemp("minicity"), "val")


def digest(array: np.ndarray) -> str:
    return sha256(array.tobytes()).hexdigest()[:16]


@pytest.mark.parametrize(("split", "index"), GOLDEN)
def test_a_scene_is_the_same_to_the_bit_on_every_machine(split: str, index: int) -> None:
    scene = draw_scene(split, index)
    assert (digest(scene.image), digest(scene.labels), digest(scene.instances), digest(scene.disparity)) == GOLDEN[split, index]


def test_a_scene_does_not_depend_on_what_was_drawn_before() -> None:
    first = draw_scene("val", 3)
    draw_scene("train", 1)
    again = draw_scene("val", 3)
    assert np.array_equal(first.image, again.image)
    assert np.array_equal(first.labels, again.labels)


def test_splits_and_indices_differ() -> None:
    images = [draw_scene(split, index).image for split in ("train", "val") for index in (0, 1)]
    assert len({digest(image) for image in images}) == 4


def test_a_scene_has_the_documented_shapes_and_types() -> None:
    scene = draw_scene("train", 5)
    assert scene.image.shape == (256, 512, 3)
    assert scene.image.dtype == np.uint8
    for array, dtype in ((scene.labels, np.uint8), (scene.instances, np.uint16), (scene.disparity, np.uint16)):
        assert array.shape == (256, 512)
        assert array.dtype == dtype


def test_val_has_sixty_scenes_in_the_official_layout(val: Dataset) -> None:
    assert len(val) == 60
    assert val.builtin
    assert val.title == "minicity-val"
    assert val.samples == read_layout("minicity", val.root, "val").samples
    assert all(sample.image.exists() and set(sample.extras) == {"instances", "depth"} for sample in val.samples)
    assert {path.name for path in val.root.iterdir()} == {"leftImg8bit", "gtFine", "disparity"}


def test_files_hold_what_was_drawn(val: Dataset) -> None:
    sample, scene = val.samples[0], draw_scene("val", 0)
    assert np.array_equal(read_image(sample.image), scene.image)
    assert np.array_equal(val.read_target(sample), scene.labels)
    assert np.array_equal(read_uint16(sample.extras["instances"]), scene.instances)
    assert np.array_equal(read_uint16(sample.extras["depth"]), scene.disparity)


def test_every_class_is_in_a_quarter_of_val_and_every_id_is_known(val: Dataset) -> None:
    images = np.zeros(256, int)
    for sample in val.samples:
        images[np.unique(read_labels(sample.target))] += 1
    assert set(np.flatnonzero(images)) <= KNOWN_IDS
    rare = {one.name: int(images[list(one.ids)].sum()) for one in LABELS.classes if images[list(one.ids)].sum() < len(val) / 4}
    assert not rare


def test_twenty_training_scenes_show_every_class() -> None:
    seen: set[int] = set()
    for index in range(20):
        seen |= set(np.unique(draw_scene("train", index * 20).labels).tolist())
    assert {i for one in LABELS.classes for i in one.ids} <= seen <= KNOWN_IDS


def test_instance_ids_agree_with_labels(val: Dataset) -> None:
    for sample in val.samples[::6]:
        labels, instances = read_labels(sample.target), read_uint16(sample.extras["instances"])
        counted = np.isin(labels, INSTANCE_IDS)
        assert np.array_equal(instances[counted] // 1000, labels[counted])
        assert np.array_equal(instances[~counted], labels[~counted])


def test_disparity_is_that_of_the_ground_plane_and_absent_in_sky_and_frame() -> None:
    scene = draw_scene("val", 2)
    assert not scene.disparity[np.isin(scene.labels, (1, 2, 3, 23))].any()
    road = scene.labels[:, 256] == 7
    column = (scene.disparity[:, 256].astype(int) - 1)[road]
    rows = np.flatnonzero(road)
    # On flat ground disparity grows by baseline / camera height (22 / 140) px a row, whatever the focal length.
    slope = (column[-1] - column[0]) / 256 / (rows[-1] - rows[0])
    assert slope == pytest.approx(22 / 140, rel=0.05)


def test_a_second_call_writes_nothing(val: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "draw_scene", lambda split, index: pytest.fail("drawn again"))
    before = {path: path.stat().st_mtime_ns for path in val.root.rglob("*")}
    assert minicity(val.root, "val").samples == val.samples
    assert before == {path: path.stat().st_mtime_ns for path in val.root.rglob("*")}


def test_an_interrupted_generation_is_not_taken_for_complete(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(split: str, index: int) -> module.Scene:
        if index == 2:
            raise KeyboardInterrupt
        return draw_scene(split, index)

    monkeypatch.setitem(module.SPLITS, "val", 4)
    with monkeypatch.context() as patch:
        patch.setattr(module, "draw_scene", interrupted)
        with pytest.raises(KeyboardInterrupt):
            minicity(tmp_path, "val")
    assert not module.is_complete(tmp_path, "val")
    assert not list(tmp_path.iterdir())
    # Moving was cut short after the images: what lies there is replaced.
    (tmp_path / "leftImg8bit" / "val" / "elsewhere").mkdir(parents=True)
    assert len(minicity(tmp_path, "val")) == 4
    assert not (tmp_path / "leftImg8bit" / "val" / "elsewhere").exists()


def test_scenes_are_counted_while_they_are_drawn_and_a_split_that_is_there_is_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(module.SPLITS, "val", 2)
    assert list(draw_split(tmp_path, "val")) == [1, 2]
    assert list(draw_split(tmp_path, "val")) == []


def test_an_unknown_split_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no split 'test'"):
        minicity(tmp_path, "test")
