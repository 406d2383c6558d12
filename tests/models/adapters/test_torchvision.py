"""torchvision cannot be imported beside the torch of these tests; a module that answers as it does stands in for it."""

from __future__ import annotations

import sys
from enum import Enum
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from segbench.errors import UnknownNameError, WeightsError
from segbench.models.adapters.base import feeds, sha256_of_files
from segbench.models.segmenter import Normalize, predict
from segbench.models.size import count_params
from segbench.models.weights import build
from tests.tiny import LABELS

URL = "https://download.pytorch.org/models/{}-0123abcd.pth"


class Weights(Enum):
    """As torchvision's WeightsEnum: url, transforms and meta of each entry."""

    COCO_V1 = "coco"
    COCO_V2 = "better"

    @property
    def url(self) -> str:
        return URL.format(self.value)

    @property
    def meta(self) -> dict[str, Any]:
        return {"categories": ["__background__", "aeroplane", "bicycle"]}

    def transforms(self) -> Any:
        return SimpleNamespace(mean=[0.485, 0.456, 0.406], std=[0.229, 0.224, 0.225], resize_size=[520])


Weights.DEFAULT = Weights.COCO_V2  # type: ignore[attr-defined]


class Network(nn.Module):
    """It answers with a dictionary, as torchvision's do."""

    def __init__(self) -> None:
        super().__init__()
        self.classifier, self.aux_classifier = nn.Conv2d(3, 3, 1), nn.Conv2d(3, 3, 1)

    def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
        return {"out": self.classifier(x), "aux": self.aux_classifier(x)}


@pytest.fixture
def checkpoints(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where torch.hub puts what it downloads; the stand-in module "downloads" to it."""
    folder = tmp_path / "checkpoints"
    folder.mkdir()

    def get_model(name: str, *, weights: Weights) -> nn.Module:
        (folder / Path(weights.url).name).write_bytes(weights.value.encode())
        torch.manual_seed(0)
        return Network()

    def get_model_weights(name: str) -> Any:
        return Weights if name == "deeplabv3_resnet50" else Enum("None", {})

    segmentation = SimpleNamespace()
    models = SimpleNamespace(
        segmentation=segmentation,
        list_models=lambda module: ["deeplabv3_resnet50", "fcn_without"] if module is segmentation else [],
        get_model_weights=get_model_weights,
        get_model=get_model,
    )
    monkeypatch.setitem(sys.modules, "torchvision", SimpleNamespace(models=models))  # type: ignore[arg-type]
    monkeypatch.setattr("torch.hub.get_dir", lambda: str(tmp_path))
    return folder


def test_a_torchvision_network_brings_its_weights_classes_and_normalisation(checkpoints: Path) -> None:
    segmenter = build("torchvision:deeplabv3_resnet50", LABELS)
    assert segmenter.name == "torchvision:deeplabv3_resnet50"
    assert segmenter.labels.class_names == ("__background__", "aeroplane", "bicycle")
    assert segmenter.normalize == Normalize()
    assert segmenter.weights_sha256 == sha256_of_files([checkpoints / "better-0123abcd.pth"])
    assert segmenter.trained_on is not None
    assert segmenter.trained_on["url"] == URL.format("better")
    assert "--input-size 520" in feeds(segmenter)


def test_only_the_main_head_is_used_and_counted_for_inference(checkpoints: Path) -> None:
    segmenter = build("torchvision:deeplabv3_resnet50", LABELS)
    images = np.random.default_rng(0).integers(0, 256, (1, 5, 7, 3), dtype=np.uint8)
    own = segmenter.network.network.classifier(segmenter.normalize(torch.from_numpy(images)))  # type: ignore[union-attr, operator]
    np.testing.assert_array_equal(predict(segmenter, images), own.argmax(1))
    counted = count_params(segmenter)
    assert (counted.total, counted.infer) == (24, 12)


def test_other_weights_are_chosen_by_name(checkpoints: Path) -> None:
    assert build("torchvision:deeplabv3_resnet50@COCO_V1", LABELS).weights_sha256 == sha256_of_files([checkpoints / "coco-0123abcd.pth"])
    with pytest.raises(UnknownNameError, match=r"@COCO_V3: its weights are COCO_V1, COCO_V2"):
        build("torchvision:deeplabv3_resnet50@COCO_V3", LABELS)


def test_unknown_networks_and_networks_without_weights_are_refused(checkpoints: Path) -> None:
    with pytest.raises(UnknownNameError, match="its segmentation networks are deeplabv3_resnet50, fcn_without"):
        build("torchvision:resnet50", LABELS)
    with pytest.raises(WeightsError, match="torchvision publishes no weights for it"):
        build("torchvision:fcn_without", LABELS)


def test_a_failed_download_is_one_sentence(checkpoints: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def offline(name: str, *, weights: Weights) -> nn.Module:
        raise OSError("no route")

    monkeypatch.setattr(sys.modules["torchvision"].models, "get_model", offline)
    with pytest.raises(WeightsError, match=r"its weights cannot be downloaded \(no route\)"):
        build("torchvision:deeplabv3_resnet50", LABELS)
