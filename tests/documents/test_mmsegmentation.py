"""The file for models of MMSegmentation that is printed in the documents gives their class maps, with a stand-in for the package."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from segbench.datasets.cityscapes import LABELS
from segbench.models.segmenter import predict
from segbench.models.weights import build
from tests.documents.pages import DOCS, block


class Mmseg(nn.Module):
    """A stand-in for a model of MMSegmentation 1.x: these names, and what its source does under them."""

    def __init__(self, *, bgr_to_rgb: bool) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.data_preprocessor = nn.Module()
        self.data_preprocessor.channel_conversion = bgr_to_rgb  # type: ignore[assignment]
        self.data_preprocessor.register_buffer("mean", torch.tensor([100.0, 110.0, 120.0]).view(-1, 1, 1), persistent=False)
        self.data_preprocessor.register_buffer("std", torch.tensor([50.0, 60.0, 70.0]).view(-1, 1, 1), persistent=False)
        self.dataset_meta = {"classes": LABELS.class_names, "palette": [list(label.color) for label in LABELS.classes]}
        self.head = nn.Conv2d(3, len(LABELS.classes), 3, stride=2, padding=1)

    def encode_decode(self, inputs: Tensor, batch_img_metas: list[dict[str, torch.Size]]) -> Tensor:
        assert len(batch_img_metas) == len(inputs)
        size = batch_img_metas[0]["pad_shape"]
        return nn.functional.interpolate(self.head(inputs), size=size, mode="bilinear", align_corners=False)

    def of_file(self, bgr: Tensor) -> Tensor:
        """Class map of one image as mmcv reads it: uint8[3, H, W], blue first."""
        fed = self.data_preprocessor
        inputs = bgr[[2, 1, 0]] if fed.channel_conversion else bgr
        inputs = ((inputs.float() - fed.mean) / fed.std)[None]
        return self.encode_decode(inputs, [{"pad_shape": inputs.shape[2:]}])[0].argmax(0)


@pytest.mark.parametrize("bgr_to_rgb", [True, False])
def test_the_file_for_mmsegmentation_gives_its_class_maps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bgr_to_rgb: bool) -> None:
    made = Mmseg(bgr_to_rgb=bgr_to_rgb)
    asked = []

    def init_model(config: str, checkpoint: str | None = None, device: str = "cuda:0", cfg_options: object = None) -> nn.Module:
        asked.append((config, checkpoint, device))
        return made.to(device).eval()

    package, apis = ModuleType("mmseg"), ModuleType("mmseg.apis")
    apis.init_model = init_model  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "mmseg", package)
    monkeypatch.setitem(sys.modules, "mmseg.apis", apis)
    monkeypatch.chdir(tmp_path)
    Path("mmseg_net.py").write_text(block(DOCS / "how-to" / "my-model.md", "mmseg_net.py"))
    Path("checkpoint.pth").write_bytes(b"weights")
    segmenter = build("mmseg_net.py:net", LABELS)
    assert asked == [("config.py", "checkpoint.pth", "cpu")]
    assert segmenter.labels.class_names == LABELS.class_names
    assert segmenter.weights_sha256 is not None
    image = np.random.default_rng(0).integers(0, 256, (33, 47, 3), dtype=np.uint8)
    with torch.inference_mode():
        own = made.of_file(torch.from_numpy(image[..., ::-1].copy()).permute(2, 0, 1))
    np.testing.assert_array_equal(predict(segmenter, image[None])[0], own)
