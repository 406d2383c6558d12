"""A download is checked file by file: for each defect a set that has it, and every bad file is named."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from segbench.checks.dataset_contract import has_known_labels, has_target_and_image_of_one_size, has_unique_ids, reads
from segbench.checks.dataset_files import NO_STRAYS, NO_TWINS, OFFICIAL_NUMBER, Census, check_files
from segbench.checks.findings import title
from segbench.cli.main import main
from segbench.datasets.base import Dataset
from segbench.datasets.camvid import camvid
from segbench.images.files import write_labels
from segbench.labels.space import LabelClass, LabelSpace
from tests.pictures import write_photograph
from tests.tiny import tiny_dataset

REAL = Path(__file__).parents[3] / "shared" / "camvid"
Change = Callable[[Dataset], Dataset]


def _problems(dataset: Dataset) -> dict[str, list[str]]:
    problems: dict[str, list[str]] = {}
    for finding in check_files(dataset, workers=2)[0]:
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
    findings, _ = check_files(dataset, on_sample=lambda: seen.append(None))
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
    for label in check_files(dataset)[1]:
        assert label.pixels == sum(int((target == label.ids[0]).sum()) for target in targets)
        assert label.images == 6


@pytest.mark.data
@pytest.mark.skipif(not REAL.is_dir(), reason=f"the real CamVid is not in {REAL}")
def test_the_real_camvid_is_as_it_was_handed_out() -> None:
    findings, found = check_files(camvid(REAL, "val"), workers=2)
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
