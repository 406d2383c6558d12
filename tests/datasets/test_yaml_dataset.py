from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from segbench.cli.main import main
from segbench.datasets import cityscapes
from segbench.datasets.opening import is_dataset, open_dataset
from segbench.datasets.yaml_dataset import read_own
from segbench.errors import DataError, ImageError
from segbench.images.files import write_image, write_labels
from segbench.images.label_maps import LabelMaps
from segbench.records.run_record import read_run
from tests.tiny import LABELS, tiny_dataset

PAIRS = "images: images/*.png\ntargets: targets/*.png\n"
CLASSES = """classes:
  - {name: left, ids: [5], color: [255, 0, 0]}
  - {name: right, id: 7, color: [0, 255, 0]}
  - {name: spot, ids: [9], color: [0, 0, 255]}
"""
Write = Callable[[str], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes mydata.yaml beside the folders images and targets of six samples."""
    tiny_dataset(tmp_path)

    def written(text: str) -> Path:
        (tmp_path / "mydata.yaml").write_text(text)
        return tmp_path / "mydata.yaml"

    return written


def segbench(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments], catch_exceptions=False)


def test_a_file_describes_images_targets_and_classes(write: Write) -> None:
    path = write(PAIRS + CLASSES + "ignore: 0\n")
    dataset = open_dataset(str(path))
    assert (dataset.title, len(dataset), dataset.reference) == ("mydata-val", 6, str(path))
    assert [sample.id for sample in dataset.samples] == [f"s{i}" for i in range(6)]
    assert dataset.labels.classes == LABELS.classes
    assert [label.ids for label in dataset.labels.void] == [(0,)]
    assert np.unique(dataset.read_target(dataset.samples[0])).tolist() == [0, 5, 7, 9]
    assert open_dataset(f"folder:{path}").samples == dataset.samples


def test_splits_are_named_and_val_is_the_one_to_evaluate_on(write: Write) -> None:
    splits = 'splits:\n  train: {images: "images/s?.png", targets: "targets/s?.png"}\n  val: {targets: targets/*.png}\n'
    path = write("name: yard\n" + splits + CLASSES + "void: [{name: frame, ids: [0]}]\n")
    assert open_dataset(str(path)).title == "yard-val"
    assert open_dataset(str(path)).samples[0].image is None
    assert [sample.id for sample in open_dataset(str(path), split="train").samples] == list("012345")
    with pytest.raises(DataError, match=r"no split 'test'(.|\n)*its splits are train, val"):
        open_dataset(str(path), split="test")


def test_patterns_start_at_root_or_at_the_folder_that_is_given(write: Write, tmp_path: Path) -> None:
    path = write("root: elsewhere\n" + PAIRS + CLASSES + "ignore: [0]\n")
    with pytest.raises(DataError, match=r"no file fits the pattern of targets, .*elsewhere"):
        open_dataset(str(path))
    assert len(open_dataset(str(path), tmp_path)) == 6


def test_the_classes_of_a_builtin_dataset_need_not_be_written(write: Write) -> None:
    assert open_dataset(str(write(PAIRS + "labels: cityscapes\n"))).labels is cityscapes.LABELS


def test_names_alone_are_classes_in_the_order_of_their_bytes_in_colours_of_their_own(write: Write) -> None:
    labels = open_dataset(str(write(PAIRS + "classes: [a, b, c]\n"))).labels
    assert [(label.name, label.ids, label.color) for label in labels.classes] == [
        ("a", (0,), (128, 0, 0)),
        ("b", (1,), (0, 128, 0)),
        ("c", (2,), (128, 128, 0)),
    ]


def test_a_palette_gives_the_colours_of_classes_that_are_names(write: Write) -> None:
    labels = open_dataset(str(write(PAIRS + "classes: [a, b]\npalette: [[1, 2, 3], [4, 5, 6]]\n"))).labels
    assert [label.color for label in labels.classes] == [(1, 2, 3), (4, 5, 6)]


def test_targets_of_train_ids_and_of_colours_are_read_as_label_ids(write: Write, tmp_path: Path) -> None:
    expected = np.uint8([[5, 7], [9, 0]])
    write_labels(tmp_path / "train" / "x.png", np.uint8([[0, 1], [2, 255]]))
    write_image(tmp_path / "color" / "x.png", np.uint8([[[255, 0, 0], [0, 255, 0]], [[0, 0, 255], [0, 0, 0]]]))
    for folder, encoding in (("train", "train-ids"), ("color", "color")):
        dataset = open_dataset(str(write(f"targets: {folder}/*.png\nencoding: {encoding}\nignore: 0\n" + CLASSES)))
        assert np.array_equal(dataset.read_target(dataset.samples[0]), expected), encoding


@pytest.mark.parametrize("encoding", ["ids", "train-ids"])
def test_a_byte_without_a_meaning_is_refused_with_its_file(write: Write, encoding: str) -> None:
    dataset = open_dataset(str(write(PAIRS + CLASSES + f"encoding: {encoding}\n")))
    with pytest.raises(
        ImageError, match=rf"s0\.png: the bytes \[.*0?.*\] stand for no label of 'mydata' \(encoding {encoding}\); name them"
    ):
        dataset.read_target(dataset.samples[0])


def test_images_and_targets_without_a_partner_are_all_named(write: Write, tmp_path: Path) -> None:
    (tmp_path / "images" / "s1.png").unlink()
    (tmp_path / "targets" / "s4.png").unlink()
    with pytest.raises(DataError) as error:
        open_dataset(str(write(PAIRS + CLASSES)))
    for part in ("2 files have no partner among 5 images and 5 targets", "s1.png: a target without", "s4.png: an image without"):
        assert part in str(error.value)


def test_every_problem_is_named_with_its_line_and_the_nearest_key(write: Write) -> None:
    path = write("imges: a/*\ntargets: t/*.png\nclasses:\n  - {name: a, colour: [1, 2, 3]}\n  - {ids: [70000]}\nencoding: rgb\nignore: x\n")
    with pytest.raises(DataError) as error:
        open_dataset(str(path))
    lines = str(error.value).splitlines()[1:]
    expected = (
        ":1: dataset has no key 'imges'; did you mean 'images'?",
        ":4: label has no key 'colour'; did you mean 'color'?",
        ":5: ids: [70000] is not a list of ids 0..65535",
        ":6: encoding: 'rgb' is none of ids, train-ids, color",
        ":7: ignore: 'x' is not a list of whole numbers",
    )
    assert len(lines) == len(expected)
    assert all(f"mydata.yaml{problem}" in line for line, problem in zip(lines, expected, strict=True))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (PAIRS + "splits: {val: {targets: t/*}}\n" + CLASSES, "1: give either splits, or images and targets"),
        (CLASSES, "1: give either splits, or images and targets"),
        (PAIRS, "1: give either classes, or labels"),
        (PAIRS + CLASSES + "labels: camvid\n", "1: give either classes, or labels"),
        (PAIRS + "labels: camvid\nignore: 3\n", "1: ignore belong to classes, not to labels"),
        (PAIRS + "labels: camvd\n", r"3: labels: label space 'camvd' is not registered; did you mean 'camvid"),
        ("images: a/*/*.png\ntargets: b/*.png\n" + CLASSES, "1: images .* need the same wildcards"),
        ("splits:\n  val: {targets: b.png}\n" + CLASSES, "2: val: images None and targets 'b.png' need the same wildcards, at least one"),
        ("splits:\n  val: {images: b/*}\n" + CLASSES, "2: val: targets are missing"),
        (PAIRS + "classes: [a, a]\n", "3: classes: label space 'classes' names a more than once"),
        (PAIRS + "classes: [a, b]\nignore: 1\n", r"1: label space .* gives the ids \[1\] to more than one label"),
        (PAIRS + "classes: [a, b]\nencoding: color\n", "1: encoding: color needs a color for a, b"),
        (PAIRS + "classes: [a, b]\npalette: [[1, 2, 3]]\n", "1: palette has 1 colours for 2 classes"),
        (PAIRS + "classes: {a: 1}\n", "3: classes: this must be a list"),
        (PAIRS + "classes: [{ids: [3]}]\n", "3: .* has no name"),
        ("", "the file is empty"),
        ("- a\n", "1: dataset must be a mapping of name, root"),
        ("targets: *.png\n", r":1: expected alpha.*\n.*begins with \* or holds .* needs quotes"),
    ],
)
def test_what_makes_no_dataset_is_refused(write: Write, text: str, message: str) -> None:
    with pytest.raises(DataError, match=rf"mydata\.yaml(:.*\n.*)?.*{message}"):
        open_dataset(str(write(text)))


def test_a_missing_file_says_what_a_name_may_be(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"there is no such file(.|\n)*a registered name, or a YAML file"):
        open_dataset(str(tmp_path / "none.yaml"))


def test_names_of_datasets_are_told_from_those_of_functions() -> None:
    assert all(map(is_dataset, ("minicity", "folder:x", "x.yaml", "dir/x.yml")))
    assert not any(map(is_dataset, ("enet", "x.py:f", "pkg.mod:f")))


def test_targets_beside_the_file_are_not_given_again(write: Write, tmp_path: Path) -> None:
    result = segbench("score", tmp_path / "targets", tmp_path / "targets", "--dataset", write(PAIRS + CLASSES))
    assert result.exit_code == 2
    assert "leave GTS out" in result.stderr


def test_every_command_takes_the_file(write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    splits = "splits:\n  train: {images: images/*.png, targets: targets/*.png}\n  val: {images: images/*.png, targets: targets/*.png}\n"
    write(splits + CLASSES + "ignore: 0\n")
    assert "all 9 properties hold" in segbench("check", "mydata.yaml").output
    assert "wrote mydata-train.png" in segbench("data", "show", "mydata.yaml", "--split", "train", "--samples", 1).output
    train = ("train", "segnet_basic", "--set", "width=0.0625", "--steps", 1, "--batch-size", 2, "--crop", "16x16", "--out", "w.safetensors")
    trained = segbench(*train, "--dataset", "mydata.yaml", "--device", "cpu")
    assert "--dataset mydata.yaml --weights segnet_basic=w.safetensors" in trained.stderr
    names = ("--models", "segnet_basic", "--weights", "segnet_basic=w.safetensors")
    run = segbench("run", *names, "--dataset", tmp_path / "mydata.yaml", "--repeats", 0, "--device", "cpu", "--save-predictions")
    assert run.exit_code == 0, run.output
    record = read_run(tmp_path / "runs" / "mydata-val" / "records" / "segnet_basic.json")
    assert "--dataset mydata.yaml --split val --data DIR" in record.command
    scored = segbench("score", "runs/mydata-val/predictions/segnet_basic", "--dataset", "mydata.yaml", "--json", "scored.json")
    assert scored.exit_code == 0, scored.output
    assert np.array_equal(read_run(tmp_path / "scored.json").confusion.counts, record.confusion.counts)


def test_values_beyond_a_byte_are_void_where_the_file_says_so(write: Write) -> None:
    path = write(PAIRS + "classes: [a, b]\nvoid: [{name: nodata, ids: [-1]}]\nignore: [65535, -9999]\n")
    labels = read_own(path).labels
    target = path.parent / "t" / "1.png"
    target.parent.mkdir(exist_ok=True)
    Image.fromarray(np.int32([[0, 1, -1, 65535, -9999]])).save(target.with_suffix(".tif"))
    Image.fromarray(np.int32([[0, 1, 300, 7, -2]])).save(target.with_name("2.tif"))
    maps = LabelMaps(labels)
    assert labels.index_of_id[maps.read(target.with_suffix(".tif"))].tolist() == [[0, 1, 2, 2, 2]]
    dataset = open_dataset(str(write("targets: t/2*.tif\nclasses: [a, b]\n")))
    with pytest.raises(ImageError, match=r"values -2, 300 do not fit .*\n.*add \[-2, 300\] to `ignore` in .*mydata\.yaml"):
        dataset.read_target(dataset.samples[0])
    with pytest.raises(ImageError, match=r"values -2, 300 do not fit .*\n.*void: \[\{name: nodata, ids: \[-2, 300\]\}\]"):
        maps.read(target.with_name("2.tif"))


def test_a_class_needs_16_bits(write: Write) -> None:
    with pytest.raises(DataError, match=r"ids: \[65536\] is not a list of ids 0..65535"):
        read_own(write(PAIRS + "classes: [{name: a, ids: [65536]}]\n"))
    assert read_own(write(PAIRS + "classes: [{name: a, ids: [300]}]\n")).labels.wide


def test_a_palette_in_another_order_is_refused_until_the_file_says_what_is_meant(write: Write) -> None:
    colors = [[10, 20, 30], [200, 0, 0], [0, 200, 0]]
    classes = "targets: t/*.png\nclasses:\n" + "".join(f"  - {{name: c{i}, color: {color}}}\n" for i, color in enumerate(colors))
    path = write(classes)
    write_labels(path.parent / "t" / "1.png", np.uint8([[0, 1, 2]]), np.uint8([colors[1], colors[2], colors[0]]))

    def target() -> list[list[int]]:
        dataset = open_dataset(str(path))
        return dataset.read_target(dataset.samples[0]).tolist()  # type: ignore[no-any-return]

    with pytest.raises(
        ImageError, match=r"index 0 \(c0\) is drawn in \(200, 0, 0\), the colour of c1.*\n.*`encoding: color` in .*`encoding: ids` in"
    ):
        target()
    write(classes + "encoding: color\n")
    assert target() == [[1, 2, 0]]
    write(classes + "encoding: ids\n")
    assert target() == [[0, 1, 2]]


def test_labels_may_be_a_file_beside_it(write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "labels.yaml").write_text("name: yard\n" + CLASSES + "void: [{name: frame, ids: [0]}]\n")
    path = write(PAIRS + "labels: labels.yaml\n")
    monkeypatch.chdir(tmp_path.parent)  # the path starts at the file, not where one happens to stand
    assert open_dataset(str(path)).labels.class_names == ("left", "right", "spot")
    with pytest.raises(DataError, match=r"mydata.yaml(.|\n)*other.yaml"):
        open_dataset(str(write(PAIRS + "labels: other.yaml\n")))
