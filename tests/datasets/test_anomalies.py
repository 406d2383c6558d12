"""Data sets whose targets mark anomalies, each in its official layout."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from segbench.datasets.base import read_photograph
from segbench.datasets.fishyscapes import fishyscapes_lost_and_found, fishyscapes_static
from segbench.datasets.opening import open_dataset
from segbench.datasets.segment_me_if_you_can import road_anomaly21, road_obstacle21
from segbench.datasets.streethazards import streethazards
from segbench.errors import DataError, LabelError
from segbench.images.files import write_labels
from segbench.labels.space import ANOMALY, KNOWN, LEFT_OUT, LabelClass, LabelSpace
from tests.datasets.contract import broken

MASK = np.array([[0, 0, 1, 255], [0, 1, 1, 0]], np.uint8)
IMAGE = np.full((2, 4, 3), 90, np.uint8)


def photograph(path: Path) -> None:
    from PIL import Image

    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(IMAGE).save(path)


def lost_and_found(root: Path) -> None:
    for number, (part, frame) in enumerate((("train", "04_Maurener_Weg_8_000000_000030"), ("test", "01_Hanns_Klemm_Str_45_000000_000200"))):
        write_labels(root / f"fishyscapes_lostandfound/{number:04}_{frame}_labels.png", MASK)
        photograph(root / f"leftImg8bit/{part}/{frame[:-14]}/{frame}_leftImg8bit.png")
    photograph(root / "leftImg8bit/train/04_Maurener_Weg_8/04_Maurener_Weg_8_000000_000040_leftImg8bit.png")  # of which there is no mask


def test_fishyscapes_masks_find_their_photographs_among_all_of_lost_and_found(tmp_path: Path) -> None:
    lost_and_found(tmp_path)
    dataset = fishyscapes_lost_and_found(tmp_path)
    assert [sample.id for sample in dataset.samples] == ["01_Hanns_Klemm_Str_45_000000_000200", "04_Maurener_Weg_8_000000_000030"]
    assert not broken(dataset)
    roles = dataset.labels.role_of_id[dataset.read_target(dataset.samples[0])]
    assert roles.tolist() == [[KNOWN, KNOWN, ANOMALY, LEFT_OUT], [KNOWN, ANOMALY, ANOMALY, KNOWN]]
    assert len(dataset.labels.classes) == 19
    (tmp_path / "leftImg8bit/test/01_Hanns_Klemm_Str_45/01_Hanns_Klemm_Str_45_000000_000200_leftImg8bit.png").unlink()
    with pytest.raises(DataError, match=r"0001_01_Hanns_Klemm_Str_45_000000_000200_labels\.png: its image is missing"):
        fishyscapes_lost_and_found(tmp_path)


@pytest.mark.parametrize("factory", [fishyscapes_lost_and_found, fishyscapes_static])
def test_fishyscapes_in_the_layout_in_which_it_is_shared(tmp_path: Path, factory: object) -> None:
    folder = tmp_path / ("Static" if factory is fishyscapes_static else "LostAndFound")
    for name in ("0", "1"):
        photograph(folder / f"original/{name}.png")
        write_labels(folder / f"labels/{name}.png", MASK)
    assert not broken(factory(tmp_path))  # type: ignore[operator]


def test_fishyscapes_static_needs_finished_photographs(tmp_path: Path) -> None:
    write_labels(tmp_path / "0003_frankfurt_000001_034047_labels.png", MASK)
    (tmp_path / "0003_frankfurt_000001_034047_rgb.npz").write_bytes(b"")
    with pytest.raises(DataError, match="what is to be added"):
        fishyscapes_static(tmp_path)
    photograph(tmp_path / "0003_frankfurt_000001_034047_rgb.jpg")
    dataset = fishyscapes_static(tmp_path)
    assert [sample.id for sample in dataset.samples] == ["0003_frankfurt_000001_034047"]
    assert not broken(dataset)


def test_segment_me_if_you_can_has_masks_of_val_alone_and_photographs_of_several_formats(tmp_path: Path) -> None:
    for name in ("validation0000", "validation0001", "airplane0000"):
        photograph(tmp_path / f"dataset_AnomalyTrack/images/{name}.jpg")
    for name in ("validation0000", "validation0001"):
        write_labels(tmp_path / f"dataset_AnomalyTrack/labels_masks/{name}_labels_semantic.png", MASK)
        photograph(tmp_path / f"dataset_AnomalyTrack/labels_masks/{name}_labels_semantic_color.png")
    dataset = road_anomaly21(tmp_path)
    assert [sample.id for sample in dataset.samples] == ["validation0000", "validation0001"]
    assert not broken(dataset)

    for name in ("validation_1", "validation_19", "validation_20", "validation_21", "snowstorm1_00_0"):
        photograph(tmp_path / f"dataset_ObstacleTrack/images/{name}.webp")
    for name in ("validation_1", "validation_19", "validation_20"):
        write_labels(tmp_path / f"dataset_ObstacleTrack/labels_masks/{name}_labels_semantic.png", MASK)
    dataset = road_obstacle21(tmp_path / "dataset_ObstacleTrack")
    assert [sample.id for sample in dataset.samples] == ["validation_1", "validation_20"]
    assert read_photograph(dataset.samples[0]).shape == IMAGE.shape


def test_streethazards_reads_its_lists_and_its_bytes_are_one_more_than_the_authors_numbers(tmp_path: Path) -> None:
    for folder, part, towns in (("train", "training", ("t1", "t2")), ("train", "validation", ("t4",)), ("test", "test", ("t5", "t6"))):
        entries = []
        for town in towns:
            image, target = f"images/{part}/{town}/300.png", f"annotations/{part}/{town}/300.png"
            photograph(tmp_path / folder / image)
            write_labels(tmp_path / folder / target, np.arange(16, dtype=np.uint8)[None].clip(max=14))
            entries.append({"dbName": "StreetHazards", "width": 1280, "height": 720, "fpath_img": image, "fpath_segm": target})
        name = {"training": "train"}.get(part, part)
        (tmp_path / folder / f"{name}.odgt").write_text(json.dumps(entries))
    assert [sample.id for sample in streethazards(tmp_path, "train").samples] == ["t1/300", "t2/300"]
    assert [sample.id for sample in streethazards(tmp_path, "val").samples] == ["t4/300"]
    dataset = streethazards(tmp_path)
    assert [sample.id for sample in dataset.samples] == ["t5/300", "t6/300"]
    target = dataset.read_target(dataset.samples[0])
    roles = dataset.labels.role_of_id[target][0].tolist()
    assert roles == [LEFT_OUT, *[KNOWN] * 13, ANOMALY, ANOMALY]
    assert dataset.labels.class_names[0] == "unlabelled"
    assert dataset.labels.index_of_id[target][0].tolist() == [13, *range(13), 13, 13]
    (tmp_path / "test" / "test.odgt").write_text("{}")
    with pytest.raises(DataError, match="it lists 0 pairs"):
        streethazards(tmp_path)
    (tmp_path / "test" / "test.odgt").write_text('[{"fpath": 1}]')
    with pytest.raises(DataError, match="not a JSON list of fpath_img"):
        streethazards(tmp_path)


def test_ones_own_data_mark_anomalies_beside_their_classes_or_beside_those_of_a_builtin_dataset(tmp_path: Path) -> None:
    photograph(tmp_path / "images/a.png")
    write_labels(tmp_path / "masks/a.png", MASK)
    patterns = "images: images/*.png\ntargets: masks/*.png\n"
    for name, text in (
        ("own", "classes: [{name: road, ids: [0]}]\nignore: [255]\nanomaly: 1\n"),
        ("void", "classes: [{name: road, ids: [0]}]\nvoid: [{name: thing, ids: [1], role: anomaly}]\nignore: [255]\n"),
        ("builtin", "labels: bdd100k\nanomaly: [254]\n"),
    ):
        (tmp_path / f"{name}.yaml").write_text(patterns + text)
        assert open_dataset(str(tmp_path / f"{name}.yaml")).labels.marks_anomalies, name
    (tmp_path / "binary.yaml").write_text(patterns + "labels: cityscapes\nanomaly: [1]\nknown: [0]\n")
    labels = open_dataset(str(tmp_path / "binary.yaml")).labels
    assert (labels.role_of_id[0], labels.role_of_id[1], labels.role_of_id[2]) == (KNOWN, ANOMALY, LEFT_OUT)
    (tmp_path / "wrong.yaml").write_text(patterns + "classes: [{name: road, ids: [0]}]\nanomaly: [0]\n")
    with pytest.raises(DataError, match=r"ids \[0\] belong to classes"):
        open_dataset(str(tmp_path / "wrong.yaml"))


def test_roles_are_told_and_read_back_and_belong_to_void() -> None:
    road = LabelClass("road", (3,), (0, 0, 0))
    space = LabelSpace("own", (road,), (LabelClass("left out", (255, 4), (0, 0, 0)),)).marking(anomaly=[4], known=[5])
    again = LabelSpace.from_dict(space.to_dict())
    assert again.role_of_id[[3, 4, 5, 255, 9]].tolist() == [KNOWN, ANOMALY, KNOWN, LEFT_OUT, LEFT_OUT]
    assert again.void_ids == (255, 4, 5)
    with pytest.raises(LabelError, match="the role of a label of void"):
        LabelSpace("own", (LabelClass("road", (3,), (0, 0, 0), role="anomaly"),))
    with pytest.raises(LabelError, match="the role of a label of void"):
        LabelSpace("own", (road,), (LabelClass("x", (4,), (0, 0, 0), role="stranger"),))
