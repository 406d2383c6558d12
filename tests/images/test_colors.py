from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from segbench.datasets import camvid, cityscapes
from segbench.errors import ImageError
from segbench.images.colors import color_image, color_table, read_colored
from segbench.images.files import write_image, write_labels
from segbench.labels.space import LabelClass, LabelSpace

CITY = cityscapes.LABELS
UNAMBIGUOUS = np.array([label.ids[0] for label in CITY.classes if label.name not in {"pole", "car"}], np.uint8)


def drawn(path: Path, *names: str) -> Path:
    color = {label.name: label.color for label in CITY.labels}
    write_image(path, np.array([[color[name] for name in names]], np.uint8))
    return path


def test_each_unambiguous_colour_is_its_label(tmp_path: Path) -> None:
    write_image(tmp_path / "c.png", color_image(CITY.index_of_id[UNAMBIGUOUS][None], CITY))
    assert read_colored(tmp_path / "c.png", CITY).tolist() == [UNAMBIGUOUS.tolist()]


def test_colours_of_void_labels_are_void_ids(tmp_path: Path) -> None:
    assert read_colored(drawn(tmp_path / "c.png", "parking", "trailer", "road"), CITY).tolist() == [[9, 30, 7]]


def test_a_colour_that_void_labels_share_is_void(tmp_path: Path) -> None:
    (read,) = read_colored(drawn(tmp_path / "c.png", "road", "static", "ego vehicle"), CITY).tolist()
    assert read[0] == 7
    assert {int(CITY.index_of_id[i]) for i in read[1:]} == {len(CITY.classes)}


def test_a_colour_that_a_class_shares_with_void_is_the_class_in_predictions(tmp_path: Path) -> None:
    assert read_colored(drawn(tmp_path / "c.png", "car", "pole", "static"), CITY, predicted=True).tolist() == [[26, 17, 0]]


@pytest.mark.parametrize("predicted", [False, True])
def test_colours_of_other_tools_are_those_of_the_label(tmp_path: Path, predicted: bool) -> None:
    write_image(tmp_path / "c.png", np.uint8([[[0, 130, 180], [70, 130, 180], [128, 64, 128]]]))
    assert read_colored(tmp_path / "c.png", CITY, predicted=predicted).tolist() == [[23, 23, 7]]


def test_two_kinds_of_void_in_one_byte_are_read_by_either_colour(tmp_path: Path) -> None:
    void = (LabelClass("nodata", (-1,), (1, 1, 1)), LabelClass("other", (255,), (2, 2, 2)))
    labels = LabelSpace("toy", (LabelClass("a", (0,), (9, 9, 9)),), void)
    write_image(tmp_path / "c.png", np.uint8([[[1, 1, 1], [2, 2, 2], [9, 9, 9]]]))
    assert read_colored(tmp_path / "c.png", labels).tolist() == [[255, 255, 0]]


def test_an_unknown_colour_is_told_the_nearest(tmp_path: Path) -> None:
    write_image(tmp_path / "c.png", np.uint8([[[71, 131, 180]]]))
    with pytest.raises(ImageError, match=r"\(71, 131, 180\) belong to no label .*nearest are \(71, 131, 180\) to sky \(70, 130, 180\)"):
        read_colored(tmp_path / "c.png", CITY)


def test_a_colour_of_two_classes_is_refused_in_predictions_too(tmp_path: Path) -> None:
    labels = LabelSpace("two", (LabelClass("a", (1,), (9, 9, 9)), LabelClass("b", (2,), (9, 9, 9))))
    write_image(tmp_path / "c.png", np.uint8([[[9, 9, 9]]]))
    with pytest.raises(ImageError, match=r"\(9, 9, 9\) is a or b"):
        read_colored(tmp_path / "c.png", labels, predicted=True)


@pytest.mark.parametrize(("drawn_as", "others"), [("pole", ["pole", "polegroup"]), ("car", ["car", "license plate"])])
def test_a_colour_of_a_class_and_of_void_is_refused_in_targets_naming_them_all(tmp_path: Path, drawn_as: str, others: list[str]) -> None:
    with pytest.raises(ImageError, match="more than one label") as caught:
        read_colored(drawn(tmp_path / "c.png", "road", drawn_as), CITY)
    assert all(name in caught.value.reason for name in others)
    assert "road" not in caught.value.reason


def test_unknown_colours_are_named(tmp_path: Path) -> None:
    write_image(tmp_path / "c.png", np.uint8([[[128, 64, 128], [128, 64, 127], [1, 2, 3]]]))
    with pytest.raises(ImageError, match=r"\(1, 2, 3\), \(128, 64, 127\) belong to no label of 'cityscapes-19'"):
        read_colored(tmp_path / "c.png", CITY)


def test_an_unknown_colour_is_told_the_nearest_one(tmp_path: Path) -> None:
    write_image(tmp_path / "c.png", np.uint8([[[128, 64, 128], [128, 64, 127], [240, 36, 230]]]))
    with pytest.raises(ImageError) as caught:
        read_colored(tmp_path / "c.png", CITY)
    assert caught.value.reason.endswith("nearest are (128, 64, 127) to road (128, 64, 128), (240, 36, 230) to sidewalk (244, 35, 232)")


def test_of_many_unknown_colours_a_few_are_named_and_the_rest_counted(tmp_path: Path) -> None:
    write_image(tmp_path / "c.png", np.array([[[1, 1, i] for i in range(20)]], np.uint8))
    with pytest.raises(ImageError, match=r"\(1, 1, 7\) and 12 more belong to no label of 'cityscapes-19'; nearest are \(1, 1, 0\) to"):
        read_colored(tmp_path / "c.png", CITY)


def test_palette_and_rgba_images_are_read_by_their_colours(tmp_path: Path) -> None:
    index = np.arange(11, dtype=np.uint8)[None]
    write_labels(tmp_path / "p.png", index[:, ::-1], color_table(camvid.LABELS)[10::-1])
    Image.fromarray(color_image(index, camvid.LABELS)).convert("RGBA").save(tmp_path / "a.png")
    reversed_palette = read_colored(tmp_path / "p.png", camvid.LABELS)
    assert reversed_palette.tolist() == [[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]], "the colours count, not the indices"
    assert np.array_equal(read_colored(tmp_path / "a.png", camvid.LABELS), index)


def test_a_label_map_in_grey_is_not_mistaken_for_colours(tmp_path: Path) -> None:
    write_labels(tmp_path / "ids.png", np.uint8([[7, 8, 11]]))
    with pytest.raises(ImageError, match=r"\(7, 7, 7\)"):
        read_colored(tmp_path / "ids.png", CITY)


@pytest.mark.parametrize(("ids", "expected"), [((-1, 5), [[5]]), ((-1,), None)], ids=["its other id", "refused"])
def test_a_label_outside_the_bytes_is_read_as_its_other_id_or_refused(
    tmp_path: Path, ids: tuple[int, ...], expected: list[list[int]] | None
) -> None:
    labels = LabelSpace("odd", (LabelClass("a", (1,), (1, 1, 1)),), (LabelClass("plate", ids, (9, 9, 9)),))
    write_image(tmp_path / "c.png", np.uint8([[[9, 9, 9]]]))
    if expected is None:
        with pytest.raises(ImageError, match="plate"):
            read_colored(tmp_path / "c.png", labels)
    else:
        assert read_colored(tmp_path / "c.png", labels).tolist() == expected


def test_what_is_no_class_is_drawn_black() -> None:
    drawing: NDArray[np.uint8] = color_image(np.uint8([[0, 10, 11, 255]]), camvid.LABELS)
    assert drawing.tolist() == [[[128, 128, 128], [0, 128, 192], [0, 0, 0], [0, 0, 0]]]
