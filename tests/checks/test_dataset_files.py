"""A download is checked file by file: for each defect a set that has it, and every bad file is named."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from segbench.checks.dataset_contract import has_known_labels, has_target_and_image_of_one_size, has_unique_ids, reads
from segbench.checks.dataset_files import NO_LEAKS, NO_STRAYS, NO_TWINS, OFFICIAL_NUMBER, Census, check_files
from segbench.checks.findings import title
from segbench.cli.main import main
from segbench.datasets.base import Dataset
from segbench.datasets.camvid import camvid
from segbench.datasets.cityscapes import cityscapes
from segbench.images.files import write_labels
from segbench.labels.space import LabelClass, LabelSpace
from tests.pictures import write_photograph
from tests.tiny import tiny_dataset

REAL = Path(__file__).parents[3] / "shared" / "camvid"
Change = Callable[[Dataset], Dataset]


def _problems(dataset: Dataset) -> dict[str, list[str]]:
    problems: dict[str, list[str]] = {}
    for finding in check_files(dataset, workers=2).findings:
        problems.setdefault(finding.claim, []).extend([] if finding.problem is None else [finding.problem])
    return {claim: found for claim, found in problems.items() if found}


def _smaller(dataset: Dataset) -> Dataset:
    for sample in dataset.samples[:4]:
        write_labels(sample.target, np.full((2, 3), 5, np.uint8))
    return dataset


def _strange(dataset: Dataset) -> Dataset:
    for sample in dataset.samples[:4]:
        target = dataset.read_target(sample).copy()
        target[0, :2] = (77, 78)
        write_labels(sample.target, target)
    return dataset


def _damaged(dataset: Dataset) -> Dataset:
    dataset.samples[1].target.write_bytes(dataset.samples[1].target.read_bytes()[:60])
    assert dataset.samples[2].image is not None
    dataset.samples[2].image.unlink()
    return dataset


def _twins(dataset: Dataset) -> Dataset:
    first, *others = dataset.samples
    for twin in others[:2]:
        assert first.image is not None
        assert twin.image is not None
        shutil.copy(first.image, twin.image)
        shutil.copy(first.target, twin.target)
    return dataset


def _stray(dataset: Dataset) -> Dataset:
    write_photograph(dataset.root.parent / "images" / "stray.PNG")
    (dataset.root.parent / "images" / "notes.txt").touch()
    return dataset


DEFECTS: list[tuple[Change, str, list[str]]] = [
    (_smaller, title(has_target_and_image_of_one_size), [f"s{i}: image {20 + i}x{31 - i}, target 2x3" for i in range(4)]),
    (_strange, title(has_known_labels), [f"s{i}: ids [77, 78] are not in label space 'tiny-3'" for i in range(4)]),
    (_damaged, title(reads), ["s1.png: the file is damaged", "s2.png: the file is missing"]),
    (_twins, NO_TWINS, ["s0 = s1 = s2"]),
    (_stray, NO_STRAYS, ["images/stray.PNG"]),
    (lambda d: replace(d, official_images=7), OFFICIAL_NUMBER, ["6 instead of 7"]),
    (lambda d: replace(d, samples=(d.samples[0], *d.samples), shared_folders=True), title(has_unique_ids), ["more than once: s0"]),
]


@pytest.mark.parametrize("official", [None, 6])
def test_a_set_without_defects_has_no_problems(tmp_path: Path, official: int | None) -> None:
    dataset = replace(tiny_dataset(tmp_path), official_images=official)
    seen: list[None] = []
    findings, *_ = check_files(dataset, on_sample=lambda: seen.append(None))
    assert _problems(dataset) == {}
    assert len(seen) == len(dataset)
    assert (OFFICIAL_NUMBER in {finding.claim for finding in findings}) is (official is not None)


@pytest.mark.parametrize(("change", "claim", "expected"), DEFECTS, ids=[claim for _, claim, _ in DEFECTS])
def test_every_bad_file_is_named(tmp_path: Path, change: Change, claim: str, expected: list[str]) -> None:
    problems = _problems(change(tiny_dataset(tmp_path)))
    assert len(problems[claim]) == len(expected)
    assert all(part in problem for part, problem in zip(expected, problems[claim], strict=True))
    assert set(problems) == {claim} | ({NO_TWINS} if claim == title(has_unique_ids) else set())


def test_images_of_other_splits_in_the_same_folder_are_no_strays(tmp_path: Path) -> None:
    assert _problems(replace(_stray(tiny_dataset(tmp_path)), shared_folders=True)) == {}


def test_a_target_without_an_image_can_be_checked(tmp_path: Path) -> None:
    dataset = tiny_dataset(tmp_path)
    assert _problems(replace(dataset, samples=tuple(replace(sample, image=None) for sample in dataset.samples))) == {}


def test_frequencies_count_pixels_and_images_of_labels_and_of_ids_that_nobody_owns() -> None:
    labels = LabelSpace(
        "three",
        (LabelClass("both", (1, 2), (0, 0, 0)), LabelClass("never", (3,), (1, 1, 1))),
        (LabelClass("void", (0,), (2, 2, 2)), LabelClass("license plate", (-1,), (3, 3, 3))),
    )
    pixels = np.zeros((2, 256), np.int64)
    pixels[0, [0, 1, 2, 9]] = (5, 3, 4, 1)
    pixels[1, 2] = 10
    census = Census(labels)
    for target in pixels:
        census.add(target)
    found = [(label.name, label.ids, label.pixels, label.images) for label in census.frequencies()]
    assert found == [("both", (1, 2), 17, 2), ("never", (3,), 0, 0), ("void", (0,), 5, 1), ("unknown", (9,), 1, 1)]


def test_frequencies_are_those_of_the_targets(tmp_path: Path) -> None:
    dataset = tiny_dataset(tmp_path)
    targets = [dataset.read_target(sample) for sample in dataset.samples]
    for label in check_files(dataset).frequencies:
        assert label.pixels == sum(int((target == label.ids[0]).sum()) for target in targets)
        assert label.images == 6


def _split(root: Path, split: str, pictures: dict[str, int]) -> None:
    """Images of noise by their seeds, and targets, in ``root/split`` and ``root/split-masks``."""
    for name, seed in pictures.items():
        noise = np.random.default_rng(seed).integers(0, 256, (6, 8, 3)).astype(np.uint8)
        (root / split).mkdir(exist_ok=True)
        Image.fromarray(noise).save(root / split / f"{name}.png", compress_level=1 + len(split))
        write_labels(root / f"{split}-masks" / f"{name}.png", np.zeros((6, 8), np.uint8))


SPLITS = "splits:\n" + "".join(f"  {s}: {{images: {s}/*.png, targets: {s}-masks/*.png}}\n" for s in ("train", "val", "fold"))


def test_an_image_of_another_split_is_named_however_it_is_compressed(tmp_path: Path) -> None:
    _split(tmp_path, "train", {"t0": 0, "t1": 1})
    _split(tmp_path, "val", {"v0": 2, "v1": 1})
    _split(tmp_path, "fold", {"f0": 2})
    (tmp_path / "d.yaml").write_text(SPLITS + "classes: [a, b]\n")
    for split, leaks in (
        ("val", ["v1 of val = t1 of train", "v0 of val = f0 of fold"]),
        ("train", ["t1 of train = v1 of val"]),
        ("fold", ["f0 of fold = v0 of val"]),
    ):
        result = _check(tmp_path / "d.yaml", "--split", split)
        assert result.exit_code == 1
        assert all(leak in result.stdout for leak in leaks)
        assert result.stdout.count(f" of {split} = ") == len(leaks)


def test_a_split_that_is_a_part_of_another_by_its_files_is_no_mistake(tmp_path: Path) -> None:
    _split(tmp_path, "val", {"v0": 0, "v1": 1})
    every = "splits:\n  all: {images: 'v*/*.png', targets: 'v*-masks/*.png'}\n".replace("v*", "val")
    part = "  val: {images: val/*0.png, targets: val-masks/*0.png}\n"
    (tmp_path / "d.yaml").write_text(every + part + "classes: [a, b]\n")
    result = _check(tmp_path / "d.yaml")
    assert result.exit_code == 0
    assert NO_LEAKS not in result.output


def test_splits_of_a_registered_dataset_are_held_against_each_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for split in ("train", "val", "test"):
        write_photograph(tmp_path / split / f"{split}.png", (6, 8))
        write_labels(tmp_path / f"{split}annot" / f"{split}.png", np.zeros((6, 8), np.uint8))
        (tmp_path / f"{split}.txt").write_text(f"/SegNet/CamVid/{split}/{split}.png /SegNet/CamVid/{split}annot/{split}.png\n")
    shutil.copy(tmp_path / "train" / "train.png", tmp_path / "test" / "test.png")
    assert "test of test = train of train" in _check("camvid", "--data", tmp_path).stdout
    (tmp_path / "train.txt").unlink()
    assert " = " not in _check("camvid", "--data", tmp_path).stdout


def test_photographs_that_exif_turns_are_told_and_fit_what_viewers_show(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    for name, orientation, target in (("a", 1, (6, 8)), ("b", 6, (8, 6)), ("c", 8, (6, 8))):
        exif = Image.Exif()
        exif[274] = orientation
        noise = np.random.default_rng(orientation).integers(0, 256, (6, 8, 3)).astype(np.uint8)
        Image.fromarray(noise).save(tmp_path / "images" / f"{name}.jpg", exif=exif)
        write_labels(tmp_path / "masks" / f"{name}.png", np.zeros(target, np.uint8))
    (tmp_path / "d.yaml").write_text("images: images/*.jpg\ntargets: masks/*.png\nclasses: [a]\n")
    said = _check(tmp_path / "d.yaml").stdout
    assert "note  2 photographs are turned as EXIF says, as viewers show them: b (6), c (8)" in said
    assert "c: image 8x6, target 6x8; EXIF turns the image (8), its target is drawn on what is stored" in said
    assert "a: image" not in said
    assert "b: image" not in said


def test_images_in_a_folder_without_any_sample_are_strays(cityscapes_set: Path) -> None:
    targets = sorted((cityscapes_set / "gtFine" / "val").glob("*/*_labelIds.png"))
    for city in ("ulm", "bonn"):
        for number, target in enumerate(targets):
            name = f"{city}_000000_{number:06}"
            write_photograph(cityscapes_set / "leftImg8bit" / "val" / city / f"{name}_leftImg8bit.png", (32, 48))
            for kind in ("labelIds", "instanceIds"):
                copy = cityscapes_set / "gtFine" / "val" / city / f"{name}_gtFine_{kind}.png"
                copy.parent.mkdir(exist_ok=True)
                shutil.copy(target.with_name(target.name.replace("labelIds", kind)), copy)
    for target in targets:
        city, name = target.parent.name, target.name.replace("gtFine_labelIds", "leftImg8bit")
        write_photograph(cityscapes_set / "leftImg8bit" / "val" / city / name, (32, 48))
    assert NO_STRAYS not in _problems(cityscapes(cityscapes_set))
    write_photograph(cityscapes_set / "leftImg8bit" / "val" / "chur" / "chur_000000_000000_leftImg8bit.png", (32, 48))
    (problem,) = _problems(cityscapes(cityscapes_set))[NO_STRAYS]
    assert problem.endswith("chur_000000_000000_leftImg8bit.png")


@pytest.mark.parametrize(("order", "says"), [(["sky", "road", "car"], False), (["road", "sky", "car"], True), (["car", "road"], False)])
def test_classes_that_lie_where_others_should_are_told(tmp_path: Path, order: list[str], says: bool) -> None:
    target = np.zeros((40, 20), np.uint8)
    target[20:] = 1
    write_labels(tmp_path / "masks" / "a.png", target)
    (tmp_path / "d.yaml").write_text(f"targets: masks/*.png\nclasses: [{', '.join(order)}]\n")
    result = _check(tmp_path / "d.yaml")
    assert ("sky lies below road in most images: are the classes in another order?" in result.stdout) is says
    assert (result.exit_code == 1) is says


def test_targets_in_train_ids_of_labels_that_have_others_are_told(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for name in "ab":
        write_labels(tmp_path / "masks" / f"{name}.png", np.kron(rng.integers(0, 11, (4, 6)), np.ones((4, 4))).astype(np.uint8))
    (tmp_path / "d.yaml").write_text("targets: masks/*.png\nlabels: cityscapes\n")
    assert "they look like train ids" in _check(tmp_path / "d.yaml").stdout


@pytest.mark.data
@pytest.mark.skipif(not REAL.is_dir(), reason=f"the real CamVid is not in {REAL}")
def test_the_real_camvid_is_as_it_was_handed_out() -> None:
    findings, found, _ = check_files(camvid(REAL, "val"), workers=2)
    assert [finding for finding in findings if not finding.holds] == []
    void = next(label for label in found if label.name == "unlabelled")
    assert void.pixels / sum(label.pixels for label in found) == pytest.approx(0.017, abs=5e-5)


def _voc(root: Path, names: tuple[str, ...]) -> Path:
    for name in names:
        write_photograph(root / "JPEGImages" / f"{name}.jpg", (2, 3))
        write_labels(root / "SegmentationClass" / f"{name}.png", np.uint8([[0, 255, 1], [0, 0, 1]]))
    lists = root / "ImageSets" / "Segmentation"
    lists.mkdir(parents=True)
    (lists / "val.txt").write_text("\n".join(names))
    return root


def _check(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["data", "check", *map(str, arguments)])


def test_the_command_prints_every_bad_file_and_the_frequencies_and_fails(tmp_path: Path) -> None:
    root = _voc(tmp_path, ("a", "b", "c", "d", "e"))
    for name in "abcde":
        write_labels(root / "SegmentationClass" / f"{name}.png", np.uint8([[0, 99]]))
    result = _check("pascal_voc2012", "--data", root)
    assert result.exit_code == 1, result.output
    assert result.output.startswith(f"pascal_voc2012-val: 5 images in {root}\n")
    assert "  FAIL  There are as many images as were handed out\n          5 instead of 1449\n" in result.output
    for name in "abcde":
        assert f"          {name}: image 2x3, target 1x2\n" in result.output
        assert f"          {name}: ids [99] are not in label space 'pascal-voc-21'\n" in result.output
    assert "11 problems\n" in result.output
    rows = [line.split("│")[1:-1] for line in result.output.splitlines() if line.startswith("│")]
    cells = {row[0].strip(): [cell.strip() for cell in row[1:]] for row in rows}
    assert cells["background"] == ["0", "5", "50 %", "5"]
    assert cells["(void)"] == ["255", "0", "0 %", "0"]
    assert cells["(unknown)"] == ["99", "5", "50 %", "5"]


def test_the_command_succeeds_where_nothing_is_wrong(tmp_path: Path) -> None:
    plugin = tmp_path / "plugin.py"
    plugin.write_text("from tests.tiny import tiny_dataset\n\n\ndef plain(data, split='val'):\n    return tiny_dataset(data)\n")
    result = _check(f"{plugin}:plain", "--data", tmp_path / "set", "--workers", 1)
    assert result.exit_code == 0, result.output
    assert "FAIL" not in result.output
    assert "the files are as they should be\n" in result.output


def test_files_without_a_partner_end_the_command_before_it_begins(tmp_path: Path) -> None:
    root = _voc(tmp_path, ("a", "b"))
    (root / "JPEGImages" / "a.jpg").unlink()
    (root / "SegmentationClass" / "b.png").unlink()
    result = _check("pascal_voc2012", "--data", root)
    assert result.exit_code == 2
    assert "image of a" in result.output
    assert "target of b" in result.output
