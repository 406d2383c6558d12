"""Bytes to logits to class maps: normalisation, padding, prediction; and the table of builtin models."""

from __future__ import annotations

import importlib
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from segbench.kernels.bilinear import GRIDS, Grid
from segbench.labels.space import LabelClass, LabelSpace
from segbench.models import MODELS
from segbench.models.segmenter import InputRule, Normalize, Paper, Segmenter, forward, logits_at, predict

LABELS = LabelSpace("toy", tuple(LabelClass(f"class {i}", (i,), (0, 0, 0)) for i in range(3)))
UNET = InputRule(divisor=16, remainder=12, min_size=188, context=92)


class Strided(nn.Module):
    """Logits at stride 4 that are the first three planes of the image."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(1))

    def forward(self, x: Tensor) -> Tensor:
        return self.scale * nn.functional.avg_pool2d(x, 4)


def strided(network: nn.Module | None = None) -> Segmenter:
    paper = Paper("", "", 2026, "")
    return Segmenter("strided", (network or Strided()).eval(), LABELS, paper, Normalize((0, 0, 0), (1, 1, 1)), InputRule(divisor=4))


@pytest.mark.parametrize("name", MODELS.table)
def test_builtin_names_are_those_of_their_segmenters(name: str) -> None:
    module, _, attribute = MODELS.table[name].partition(":")
    with torch.device("meta"):
        segmenter: Segmenter = getattr(importlib.import_module(module), attribute)(LABELS)
    assert segmenter.name == name
    assert segmenter.labels is LABELS
    assert segmenter.paper.url.startswith("https://")


@pytest.mark.parametrize(
    "images",
    [np.zeros((1, 8, 8, 3), np.float32), np.zeros((8, 8, 3), np.uint8), np.zeros((1, 3, 8, 8), np.uint8)],
    ids=["floats", "no batch", "planes first"],
)
def test_predict_refuses_what_is_not_a_batch_of_rgb_bytes(images: np.ndarray) -> None:
    with pytest.raises(ValueError, match=r"images must be uint8\[N, H, W, 3\], not "):
        predict(strided(), images)


def test_predict_refuses_a_network_in_training_mode() -> None:
    segmenter = strided()
    segmenter.network.train()
    with pytest.raises(ValueError, match=r"'strided' is in training mode; call .eval\(\) first"):
        predict(segmenter, np.zeros((1, 8, 8, 3), np.uint8))


def test_ties_go_to_the_lower_class() -> None:
    assert not predict(strided(), np.full((1, 9, 9, 3), 7, np.uint8)).any()


def test_predict_names_the_strongest_plane() -> None:
    images = np.zeros((1, 8, 8, 3), np.uint8)
    images[..., :4, 1] = images[..., 4:, 2] = 200
    classes = predict(strided(), images.swapaxes(1, 2))
    assert sorted(set(classes.ravel().tolist())) == [1, 2]


def test_logits_are_upsampled_to_the_padded_image_and_then_cropped() -> None:
    logits = torch.randn(1, 2, 3, 4)
    full = nn.functional.interpolate(logits, size=(12, 16), mode="bilinear", align_corners=False)
    assert torch.equal(logits_at(logits, InputRule(divisor=4), (10, 13), "half_pixel"), full[..., :10, :13])


@pytest.mark.parametrize("grid", GRIDS)
def test_a_class_map_is_made_on_the_grid_of_its_segmenter(grid: Grid) -> None:
    segmenter = replace(strided(), grid=grid)
    images = np.random.default_rng(0).integers(0, 256, (2, 90, 150, 3), np.uint8)
    with torch.inference_mode():
        logits = forward(segmenter, torch.from_numpy(images))
    expected = logits_at(logits, segmenter.input_rule, (90, 150), grid).argmax(1).numpy()
    assert np.array_equal(predict(segmenter, images), expected)
    others = [predict(replace(segmenter, grid=other), images) for other in GRIDS if other != grid]
    assert all((other != expected).mean() > 0.05 for other in others)


def test_normalize_orders_channels_then_subtracts_and_divides() -> None:
    images = torch.tensor([10, 20, 30], dtype=torch.uint8).view(1, 1, 1, 3)
    rgb = Normalize((1, 2, 3), (2, 2, 2))(images)
    bgr = Normalize((1, 2, 3), (2, 2, 2), "BGR")(images)
    assert rgb.flatten().tolist() == [4.5, 9.0, 13.5]
    assert bgr.flatten().tolist() == [14.5, 9.0, 3.5]
    assert rgb.dtype == torch.float32


def test_normalize_turns_imagenets_mean_into_zero() -> None:
    planes = Normalize()(torch.tensor([124, 116, 104], dtype=torch.uint8).expand(2, 4, 5, 3))
    assert planes.shape == (2, 3, 4, 5)
    assert planes.is_contiguous(memory_format=torch.channels_last)
    assert planes.abs().max() < 0.01


@pytest.mark.parametrize(("size", "padded"), [(1, 188), (4, 188), (5, 204), (388, 572), (389, 588), (256, 444)])
def test_padded_size_is_the_smallest_that_fits(size: int, padded: int) -> None:
    assert UNET.padded(size) == padded
    assert padded % 16 == 12


def test_padding_mirrors_without_repeating_the_edge() -> None:
    row = torch.tensor([1.0, 2.0, 3.0]).view(1, 1, 1, 3)
    padded = InputRule(divisor=8, context=2).pad(row.expand(1, 1, 3, 3))
    assert padded[0, 0, 0].tolist() == [3, 2, 1, 2, 3, 2, 1, 2]


@pytest.mark.parametrize("size", [(2, 3), (50, 70), (100, 200)], ids=str)
def test_padding_equals_numpys_reflection_even_for_images_smaller_than_the_context(size: tuple[int, int]) -> None:
    image = torch.arange(size[0] * size[1], dtype=torch.float32).view(1, 1, *size)
    after = [UNET.padded(side) - 92 - side for side in size]
    expected = np.pad(image[0, 0].numpy(), [(92, after[0]), (92, after[1])], mode="reflect")
    assert np.array_equal(UNET.pad(image)[0, 0].numpy(), expected)


def test_a_single_pixel_is_repeated() -> None:
    assert (UNET.pad(torch.full((1, 1, 1, 1), 7.0)) == 7).all()


def test_an_image_that_fits_is_not_copied() -> None:
    image = torch.randn(1, 3, 32, 64)
    assert InputRule(divisor=32).pad(image) is image
