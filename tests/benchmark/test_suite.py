from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest

from segbench.benchmark.suite import Suite, preset_names, read_suite
from segbench.datasets import DATASETS
from segbench.errors import DataError
from segbench.evaluation.protocol import Protocol
from segbench.files.settings import settings_of

WHOLE = """
models: [enet, segnet]
weights: {enet: w/enet.safetensors}
dataset: cityscapes
data: set
split: val
protocol:
  precision: bf16
  crop: 512x1024
  stride: [256, 512]
  scales: [0.5, 1.0]
  flip: true
limit: 3
repeats: 0
out: runs/two
per_class: true
save_predictions: true
gallery: true
groups: city
"""


def written(folder: Path, text: str) -> str:
    path = folder / "suite.yaml"
    path.write_text(text)
    return str(path)


def test_a_suite_names_everything_that_a_run_needs(tmp_path: Path) -> None:
    suite = read_suite(written(tmp_path, WHOLE))
    assert suite.models == ("enet", "segnet")
    assert suite.weights == {"enet": tmp_path / "w/enet.safetensors"}
    assert (suite.dataset, suite.data, suite.split, suite.out) == ("cityscapes", tmp_path / "set", "val", Path("runs/two"))
    assert Protocol(**suite.protocol) == Protocol("bf16", crop=(512, 1024), stride=(256, 512), scales=(0.5, 1.0), flip=True)
    assert (suite.limit, suite.repeats, suite.per_class, suite.save_predictions, suite.gallery) == (3, 0, True, True, True)
    assert suite.groups == "city"


def test_every_field_can_be_written() -> None:
    assert list(settings_of(Suite)) == [each.name for each in fields(Suite)]
    assert list(settings_of(Protocol)) == [each.name for each in fields(Protocol)]


def test_flags_override_the_file_and_leave_the_rest(tmp_path: Path) -> None:
    flags = {"models": ("unet",), "limit": None, "protocol": {"flip": False, "precision": "fp32"}, "weights": {}, "repeats": 0}
    suite = read_suite(written(tmp_path, WHOLE)).overridden(flags)
    assert suite.models == ("unet",)
    assert suite.limit == 3
    assert suite.repeats == 0
    assert Protocol(**suite.protocol) == Protocol(crop=(512, 1024), stride=(256, 512), scales=(0.5, 1.0))
    assert suite.weights == {"enet": tmp_path / "w/enet.safetensors"}


def test_every_problem_is_named_with_its_line_and_the_nearest_key(tmp_path: Path) -> None:
    path = written(tmp_path, "modles: [enet]\nlimit: many\nprotocol:\n  scalse: [1]\n  crop: 12\nlimit: 3\nzzz: 1\n")
    with pytest.raises(DataError) as error:
        read_suite(path)
    lines = str(error.value).splitlines()[1:]
    assert len(lines) == 6
    for line, expected in zip(
        lines,
        (
            ":1: suite has no key 'modles'; did you mean 'models'?",
            ":2: limit: 'many' is not a whole number",
            ":4: protocol has no key 'scalse'; did you mean 'scales'?",
            ":5: crop: 12 is not HxW",
            ":6: 'limit' is given twice",
            ":7: suite has no key 'zzz'; its keys are models, weights",
        ),
        strict=True,
    ):
        assert f"suite.yaml{expected}" in line


def test_a_contradiction_in_the_protocol_names_its_line(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"suite.yaml:2: protocol: crop and stride go together"):
        read_suite(written(tmp_path, "models: [enet]\nprotocol: {crop: 4x4}\n"))


@pytest.mark.parametrize("text", ["", "- enet\n", "models: [enet\n"])
def test_what_is_no_mapping_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(DataError, match=r"suite\.yaml"):
        read_suite(written(tmp_path, text))


def test_an_unknown_suite_lists_the_presets() -> None:
    with pytest.raises(DataError, match=r"(?s)nowhere.*camvid-test, cityscapes-val"):
        read_suite("nowhere")


@pytest.mark.parametrize("name", preset_names())
def test_presets_name_a_builtin_dataset_and_leave_the_models_open(name: str) -> None:
    suite = read_suite(name)
    assert suite.models == ()
    assert name == f"{suite.dataset}-{suite.split}"
    assert suite.dataset in DATASETS.table
    Protocol(**suite.protocol)
