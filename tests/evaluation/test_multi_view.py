from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from segbench.evaluation import multi_view
from segbench.evaluation.multi_view import BandedScores, Scores, protocol_scores
from segbench.evaluation.protocol import Protocol
from segbench.kernels.bilinear import GRIDS, Grid
from segbench.kernels.upsampling import enlarged_logits
from segbench.models.segmenter import InputRule, Paper, Segmenter, class_map
from tests.tiny import LABELS, tiny


def protocol_class_map(segmenter: Segmenter, images: Tensor, depth: Tensor | None, protocol: Protocol) -> Tensor:
    return protocol_scores(segmenter, images, depth, protocol).class_map()


@pytest.fixture(autouse=True)
def _without_gradients() -> Iterator[None]:
    with torch.inference_mode():
        yield


@pytest.fixture
def segmenter() -> Segmenter:
    torch.manual_seed(0)
    made = tiny(LABELS)
    made.network.eval()
    return made


@pytest.fixture
def images() -> Tensor:
    return torch.randint(0, 256, (2, 23, 31, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


def full_logits(segmenter: Segmenter, planes: Tensor) -> Tensor:
    """Logits float[N, C, h, w] of float[N, 3, h, w] planes of 0..255, at their size."""
    logits = segmenter.network(segmenter.normalize(planes.permute(0, 2, 3, 1)))
    return F.interpolate(logits, size=planes.shape[-2:], mode="bilinear", align_corners=False)


def planes_of(images: Tensor) -> Tensor:
    return images.permute(0, 3, 1, 2).float()


def test_one_window_that_covers_the_image_equals_the_whole_image(segmenter: Segmenter, images: Tensor) -> None:
    for crop in ((23, 31), (500, 500)):
        got = protocol_class_map(segmenter, images, None, Protocol(crop=crop, stride=crop))
        assert torch.equal(got, class_map(segmenter, images))


@pytest.mark.parametrize("grid", GRIDS)
def test_a_networks_grid_brings_its_logits_to_what_it_saw_and_half_pixels_bring_views_to_the_image(
    grid: Grid, segmenter: Segmenter, images: Tensor
) -> None:
    segmenter = replace(segmenter, grid=grid)

    def own_logits(view: Tensor) -> Tensor:
        size = (view.shape[2], view.shape[3])
        return enlarged_logits(segmenter.network(segmenter.normalize(view.permute(0, 2, 3, 1))), size, size, grid)

    planes = planes_of(images)
    assert torch.equal(protocol_class_map(segmenter, images, None, Protocol()).long(), own_logits(planes).argmax(1))
    whole = protocol_class_map(segmenter, images, None, Protocol(crop=(23, 31), stride=(23, 31)))
    assert torch.equal(whole.long(), own_logits(planes).argmax(1))
    view = F.interpolate(planes, size=(16, 40), mode="bilinear", align_corners=False, antialias=True)
    at_image = F.interpolate(own_logits(view), size=(23, 31), mode="bilinear", align_corners=False)
    assert torch.equal(protocol_class_map(segmenter, images, None, Protocol(input_size=(16, 40))).long(), at_image.argmax(1))


def test_what_is_counted_is_the_class_map_of_the_networks_grid(segmenter: Segmenter, images: Tensor) -> None:
    for grid in GRIDS:
        scores = protocol_scores(replace(segmenter, grid=grid), images, None, Protocol())
        classes, _, _ = scores.counts(torch.zeros(2, 23, 31, dtype=torch.uint8))
        assert torch.equal(classes, scores.class_map())


def test_sliding_windows_average_the_logits_where_they_overlap(segmenter: Segmenter, images: Tensor) -> None:
    got = protocol_class_map(segmenter, images, None, Protocol(crop=(10, 12), stride=(7, 5)))
    planes = planes_of(images)
    total, times = torch.zeros(2, 3, 23, 31), torch.zeros(23, 31)
    for top in (0, 7, 13):
        for left in (0, 5, 10, 15, 19):
            total[..., top : top + 10, left : left + 12] += full_logits(segmenter, planes[..., top : top + 10, left : left + 12])
            times[top : top + 10, left : left + 12] += 1
    assert torch.equal(got.long(), (total / times).argmax(1))


def test_scales_and_flips_average_the_softmax(segmenter: Segmenter, images: Tensor) -> None:
    got = protocol_class_map(segmenter, images, None, Protocol(scales=(0.5, 1.0, 1.7), flip=True))
    planes, scores = planes_of(images), torch.zeros(2, 3, 23, 31)
    for size in ((12, 16), (23, 31), (39, 53)):
        view = planes if size == (23, 31) else F.interpolate(planes, size=size, mode="bilinear", align_corners=False, antialias=True)
        for mirrored in (False, True):
            logits = full_logits(segmenter, view.flip(3) if mirrored else view)
            logits = logits.flip(3) if mirrored else logits
            scores += F.interpolate(logits, size=(23, 31), mode="bilinear", align_corners=False).softmax(1)
    assert (got.long() == scores.argmax(1)).float().mean() > 0.999  # the mean's rounding may turn a tie


def test_resized_input_gives_a_class_map_at_the_images_size(segmenter: Segmenter, images: Tensor) -> None:
    got = protocol_class_map(segmenter, images, None, Protocol(input_size=(16, 40)))
    view = F.interpolate(planes_of(images), size=(16, 40), mode="bilinear", align_corners=False, antialias=True)
    logits = F.interpolate(full_logits(segmenter, view), size=(23, 31), mode="bilinear", align_corners=False)
    assert got.dtype == torch.uint8
    assert torch.equal(got.long(), logits.argmax(1))


def test_a_mirrored_image_gives_the_mirrored_map_under_flip(segmenter: Segmenter, images: Tensor) -> None:
    protocol = Protocol(flip=True)
    straight = protocol_class_map(segmenter, images, None, protocol)
    mirrored = protocol_class_map(segmenter, images.flip(2), None, protocol)
    assert (straight == mirrored.flip(2)).float().mean() > 0.999


def test_windows_of_a_network_with_context_and_divisor_are_padded_like_images() -> None:
    class Same(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.scale = nn.Parameter(torch.ones(()))

        def forward(self, x: Tensor) -> Tensor:
            assert (x.shape[2] - 4) % 8 == 0
            return x[..., 2:-2, 2:-2] * self.scale

    segmenter = Segmenter("same", Same(), LABELS, Paper("", "", 2026, ""), input_rule=InputRule(divisor=8, remainder=4, context=2))
    images = torch.randint(0, 256, (1, 30, 40, 3), dtype=torch.uint8)
    got = protocol_class_map(segmenter, images, None, Protocol(crop=(13, 9), stride=(6, 4)))
    assert torch.equal(got, class_map(segmenter, images))


def test_depth_is_shown_the_same_way_as_the_photograph() -> None:
    class Near(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.limit = nn.Parameter(torch.full((1,), 0.5))

        def forward(self, rgb: Tensor, depth: Tensor) -> Tensor:
            assert rgb.shape[2:] == depth.shape[2:]
            return torch.cat([self.limit.expand_as(depth), depth, torch.zeros_like(depth)], 1)

    segmenter = Segmenter("near", Near(), LABELS, Paper("", "", 2026, ""), inputs=("rgb", "depth"))
    images, depth = torch.zeros(1, 40, 48, 3, dtype=torch.uint8), torch.rand(1, 40, 48)
    protocol = Protocol(crop=(32, 32), stride=(16, 16), scales=(1.0, 2.0), flip=True)
    assert torch.equal(protocol_class_map(segmenter, images, depth, protocol), (depth > 0.5).to(torch.uint8))


def test_the_crf_smooths_what_the_network_says() -> None:
    brightest = nn.Conv2d(3, 3, 1, bias=False)
    brightest.weight.copy_(torch.eye(3)[..., None, None])
    segmenter = Segmenter("brightest", brightest, LABELS, Paper("", "", 2026, ""))
    images = torch.randint(90, 130, (1, 40, 48, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    images[:, :, :24, 0] += 20
    images[:, :, 24:, 2] += 20
    plain, refined = class_map(segmenter, images), protocol_class_map(segmenter, images, None, Protocol(post="dense-crf"))

    def changes(classes: Tensor) -> int:
        return int((classes[:, :, 1:] != classes[:, :, :-1]).sum())

    assert changes(refined) < 0.85 * changes(plain)


@pytest.mark.parametrize(
    ("crop", "stride"), [((8, 10), (8, 10)), ((8, 10), (3, 4)), ((9, 31), (5, 31)), ((23, 12), (23, 6)), ((40, 40), (20, 20))]
)
def test_large_images_are_counted_band_by_band_as_they_are_at_once(
    crop: tuple[int, int], stride: tuple[int, int], segmenter: Segmenter, images: Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    protocol, targets = Protocol(crop=crop, stride=stride), images[..., 0] % 5
    whole = protocol_scores(segmenter, images, None, protocol)
    assert isinstance(whole, Scores)
    monkeypatch.setattr(multi_view, "LARGE", 1)
    bands = protocol_scores(segmenter, images, None, protocol)
    assert isinstance(bands, BandedScores)
    assert torch.equal(bands.class_map(), whole.class_map())
    for one, other in zip(bands.counts(targets), whole.counts(targets), strict=True):
        assert torch.equal(one, other)
    held = [band.shape[2] for band, _ in bands._bands()]
    assert sum(held) == 23
    assert max(held) <= crop[0]


@pytest.mark.parametrize(
    "protocol", [Protocol(crop=(8, 8), stride=(8, 8), flip=True), Protocol(crop=(8, 8), stride=(8, 8), scales=(0.5,)), Protocol()]
)
def test_several_views_and_whole_images_are_not_counted_in_bands(
    protocol: Protocol, segmenter: Segmenter, images: Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(multi_view, "LARGE", 1)
    assert isinstance(protocol_scores(segmenter, images, None, protocol), Scores)
