from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from segbench.datasets.cityscapes import LABELS as CITYSCAPES
from segbench.errors import WeightsError
from segbench.models.adapters.description import Description, describe, read_description, sidecar
from segbench.models.segmenter import InputRule, Normalize
from tests.tiny import LABELS, tiny

COMPLETE = "labels: [left, right]\nnormalize: {mean: [1, 2, 3], std: [4, 5, 6], order: BGR}\n"


def read(folder: Path, text: str, embedded: str | None = None) -> Description:
    file = folder / "net.onnx"
    sidecar(file).write_text(text)
    return read_description(file, embedded)


def test_what_is_written_into_a_file_is_read_back(tmp_path: Path) -> None:
    written = describe(replace(tiny(LABELS), grid="asymmetric"), (64, 96))
    found = read_description(tmp_path / "net.onnx", written.to_json())
    assert found == written
    assert found.grid == "asymmetric"
    assert found.trained_on == {"network": "tests/tiny.py:tiny", "weights_sha256": None}


def test_yaml_beside_the_file_may_say_little_or_all(tmp_path: Path) -> None:
    assert sidecar(tmp_path / "net.onnx").name == "net.onnx.yaml"
    little = read(tmp_path, COMPLETE)
    assert little.labels.class_names == ("left", "right")
    assert (little.normalize, little.input_rule, little.size) == (Normalize((1, 2, 3), (4, 5, 6), "BGR"), InputRule(), None)
    much = read(
        tmp_path,
        COMPLETE.replace("[left, right]", "cityscapes") + "input_rule: {divisor: 32}\nsize: [64, 96]\nname: enet\ngrid: align_corners\n",
    )
    assert much.labels == CITYSCAPES
    assert (much.input_rule, much.size, much.name, much.grid) == (InputRule(32), (64, 96), "enet", "align_corners")
    assert little.grid == "half_pixel"


def test_yaml_beside_the_file_overrides_what_is_in_it(tmp_path: Path) -> None:
    assert read(tmp_path, COMPLETE, describe(tiny(LABELS), (8, 8)).to_json()).labels.class_names == ("left", "right")


def test_a_silent_file_is_refused_with_what_to_write(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"(?s)nothing says which classes.*write .*net\.onnx\.yaml.*normalize: \{mean"):
        read_description(tmp_path / "net.onnx", None)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("- 1\n", "description must be a mapping of labels, normalize"),
        ("labels: [a]\n", "normalize is missing"),
        ("normalize: {mean: [1, 2, 3], std: [4, 5, 6], order: RGB}\n", "labels is missing"),
        (COMPLETE + "sizes: [1, 2]\n", "no key 'sizes'; did you mean 'size'"),
        (COMPLETE + "schema: segbench.exported/9\n", "schema: 'segbench.exported/9'; this segbench reads"),
        (COMPLETE.replace(", order: BGR", ""), "normalize has no order"),
        (COMPLETE.replace("BGR", "GBR"), "order: 'GBR' is none of RGB, BGR"),
        (COMPLETE.replace("[4, 5, 6]", "[4, 5]"), "three finite numbers each"),
        (COMPLETE.replace("[4, 5, 6]", "[4, 5, 0]"), "std positive"),
        ("labels: [a]\nnormalize: {mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225], order: RGB}\n", "0..1; write them in bytes"),
        (COMPLETE.replace("[left, right]", "cityscaeps"), "did you mean 'cityscapes'"),
        (COMPLETE.replace("[left, right]", "[left, left]"), "left more than once"),
        (COMPLETE + "input_rule: {divisor: many}\n", "divisor: 'many' is not a whole number"),
        (COMPLETE + "input_rule: {divisors: 8}\n", "did you mean 'divisor'"),
        (COMPLETE + "grid: corners\n", "grid: 'corners' is none of half_pixel, align_corners, asymmetric"),
        (COMPLETE + "size: [8]\n", r"size: \[8\] is not \[height, width\]"),
        ("labels: [\n", "net.onnx.yaml"),
    ],
)
def test_a_description_that_leaves_a_doubt_is_refused(tmp_path: Path, text: str, problem: str) -> None:
    with pytest.raises(WeightsError, match=problem):
        read(tmp_path, text)
