"""segmentation_models_pytorch cannot be imported beside the torch of these tests; a module that answers as it does stands in for it."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from torch import nn

from segbench.errors import UnknownNameError
from segbench.models.segmenter import InputRule, Normalize
from segbench.models.weights import build, load, save
from tests.tiny import LABELS

UNIT = {"input_space": "RGB", "input_range": [0, 1], "mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}
CAFFE = {"input_space": "BGR", "input_range": [0, 255], "mean": [104, 117, 123], "std": [1, 1, 1]}
HALF = {"input_space": "RGB", "input_range": [0, 1], "mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5]}
PARAMS = {"resnet34": UNIT, "vgg-caffe": CAFFE, "inception": HALF}


@pytest.fixture(autouse=True)
def package(monkeypatch: pytest.MonkeyPatch) -> None:
    def create_model(arch: str, *, encoder_name: str, encoder_weights: str | None, classes: int) -> nn.Module:
        if arch != "unet":
            raise KeyError(f"Wrong architecture type `{arch}`")
        assert encoder_weights is None
        return nn.Conv2d(3, classes, 1)

    def get_preprocessing_params(encoder: str) -> dict[str, Any]:
        if encoder not in PARAMS:
            raise ValueError(f"no encoder {encoder}")
        return PARAMS[encoder]

    smp = SimpleNamespace(create_model=create_model, encoders=SimpleNamespace(get_preprocessing_params=get_preprocessing_params))
    monkeypatch.setitem(sys.modules, "segmentation_models_pytorch", smp)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("encoder", "normalize"),
    [
        ("resnet34", Normalize()),
        ("vgg-caffe", Normalize((104, 117, 123), (1, 1, 1), "BGR")),
        ("inception", Normalize((127.5,) * 3, (127.5,) * 3)),
    ],
)
def test_a_network_is_built_for_the_classes_at_hand_and_fed_as_its_encoder_wants(encoder: str, normalize: Normalize) -> None:
    segmenter = build(f"smp:unet/{encoder}", LABELS)
    assert segmenter.labels == LABELS
    assert (segmenter.name, segmenter.normalize, segmenter.input_rule) == (f"smp:unet/{encoder}", normalize, InputRule(32))
    assert segmenter.weights_sha256 is None


def test_what_segbench_trained_is_loaded_by_the_same_name(tmp_path: Path) -> None:
    segmenter = build("smp:unet/resnet34", LABELS)
    save(tmp_path / "w.safetensors", segmenter, trained_on={"dataset": "tiny"}, recipe={})
    again = load(tmp_path / "w.safetensors", expected_model="smp:unet/resnet34")
    assert again.trained_on is not None
    assert again.trained_on["dataset"] == "tiny"


@pytest.mark.parametrize("name", ["unet", "unet/", "/resnet34"])
def test_both_names_are_needed(name: str) -> None:
    with pytest.raises(UnknownNameError, match=r"write smp:ARCH/ENCODER, e\.g\. smp:unet/resnet34"):
        build(f"smp:{name}", LABELS)


@pytest.mark.parametrize(("name", "problem"), [("wnet/resnet34", "Wrong architecture"), ("unet/resnet3", "no encoder resnet3")])
def test_names_that_the_package_does_not_know_are_refused(name: str, problem: str) -> None:
    with pytest.raises(UnknownNameError, match=problem):
        build(f"smp:{name}", LABELS)
