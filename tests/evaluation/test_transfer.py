from __future__ import annotations

import numpy as np
import pytest
import torch

from segbench.evaluation.transfer import download, upload

DEVICES = ["cpu", pytest.param("cuda", marks=pytest.mark.gpu)]


@pytest.mark.parametrize("device", DEVICES)
def test_what_goes_up_comes_down_unchanged(device: str) -> None:
    rng = np.random.default_rng(0)
    images = [rng.integers(0, 256, (200, 300, 3), np.uint8) for _ in range(8)]
    started = [upload((image, None), torch.device(device)) for image in images]
    for image, take in zip(images, started, strict=True):
        tensor, nothing = take()
        assert tensor is not None
        assert nothing is None
        assert tensor.device.type == device
        np.testing.assert_array_equal(download(tensor)()[0], image)
