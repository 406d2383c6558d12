"""HRNet and OCR: counts, sizes, aligned corners, exchange, object context."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from segbench.models.segmenter import Segmenter, TrainingOutput
from segbench.models.zoo.hrnet import ExchangeModule, HRNet, HRNetOCR, gather, hrnet_w18, hrnet_w48, hrnet_w48_ocr
from tests.models.checks import toy

FACTORIES = (hrnet_w18, hrnet_w48, hrnet_w48_ocr)
Factory = Callable[..., Segmenter]


def small(kind: type[HRNet] | type[HRNetOCR], align_corners: bool = True) -> HRNet | HRNetOCR:
    torch.manual_seed(0)
    return kind(3, 48, width=1 / 8, align_corners=align_corners)


# the reference counts have 19 classes; a class costs the concatenated channels and a bias, and in OCR 512 and a bias more.
COUNTS = [(hrnet_w18, 9_641_119, 271), (hrnet_w48, 65_859_379, 721), (hrnet_w48_ocr, 70_372_678, 721 + 513)]


@pytest.mark.parametrize("classes", [11, 19, 21])
@pytest.mark.parametrize(("factory", "count", "per_class"), COUNTS)
def test_parameter_count(factory: Factory, count: int, per_class: int, classes: int) -> None:
    with torch.device("meta"):
        network = factory(toy(classes)).network
    assert sum(p.numel() for p in network.parameters() if p.requires_grad) == count + (classes - 19) * per_class
    assert not getattr(network, "training_only", ()), "OCR's auxiliary scores are needed at inference"


@pytest.mark.slow
@pytest.mark.parametrize(("factory", "gmacs"), [(hrnet_w48, 747.5), (hrnet_w48_ocr, 1297.9)])
def test_multiply_accumulates_are_the_published(factory: Factory, gmacs: float) -> None:
    with torch.device("meta"):
        network = factory(toy(19)).network.eval()
    with FlopCounterMode(display=False) as flops, torch.inference_mode():
        network(torch.empty(1, 3, 1024, 2048, device="meta"))
    assert flops.get_total_flops() / 2e9 == pytest.approx(gmacs, abs=0.06)


@pytest.mark.parametrize("size", [(64, 128), (4, 4), (37, 51), (90, 33)], ids=str)
@pytest.mark.parametrize("kind", [HRNet, HRNetOCR])
def test_logits_are_at_stride_4_of_any_image(kind: type[HRNet], size: tuple[int, int]) -> None:
    with torch.inference_mode():
        logits = small(kind).eval()(torch.zeros(2, 3, *size))
    assert isinstance(logits, torch.Tensor)
    assert logits.shape == (2, 3, *(-(-side // 4) for side in size))


@pytest.mark.parametrize("kind", [HRNet, HRNetOCR])
def test_gradients_reach_every_parameter(kind: type[HRNet]) -> None:
    """A bias in front of batch normalisation gets one too, of rounding errors."""
    network = small(kind).train()
    output = network(torch.randn(2, 3, 64, 64))
    if isinstance(output, TrainingOutput):
        assert [(tuple(head.logits.shape), head.weight) for head in output.aux] == [((2, 3, 16, 16), 0.4)]
        output = output.logits
    output.square().mean().backward()
    assert all(p.grad is not None for p in network.parameters()), "without the auxiliary loss too"
    assert all(p.grad.any() for p in network.parameters() if p.ndim > 1 and p.grad is not None)


def test_corners_are_aligned_with_ocr_alone_unless_asked_for() -> None:
    x = torch.randn(1, 3, 64, 64)
    with torch.inference_mode():
        aligned, other = (small(HRNet, align_corners).eval()(x) for align_corners in (True, False))
    assert [f(toy(3), width=1 / 16).arguments["align_corners"] for f in (hrnet_w18, hrnet_w48, hrnet_w48_ocr)] == [False, False, True]
    assert not torch.allclose(aligned, other)


def test_every_branch_reaches_every_other() -> None:
    torch.manual_seed(0)
    module = ExchangeModule([4, 6, 8], align_corners=True).eval()
    for source in range(3):
        branches = [torch.randn(1, c, 16 >> level, 16 >> level, requires_grad=True) for level, c in enumerate((4, 6, 8))]
        for fused in module(list(branches)):
            gradient = torch.autograd.grad(fused.square().sum(), branches[source], retain_graph=True)[0]
            assert gradient.any()


def test_branches_keep_four_resolutions_to_the_end() -> None:
    network = small(HRNet).eval()
    seen: list[list[torch.Size]] = []
    for stage in (network.stage2, network.stage3, network.stage4):
        stage[-1].register_forward_hook(lambda module, inputs, output: seen.append([x.shape[1:] for x in output]))  # type: ignore[union-attr]
    with torch.inference_mode():
        network(torch.randn(1, 3, 64, 64))
    whole = [(6, 16, 16), (12, 8, 8), (24, 4, 4), (48, 2, 2)]
    assert [[tuple(shape) for shape in shapes] for shapes in seen] == [whole[:2], whole[:3], whole]


def test_an_object_is_the_mean_of_the_pixels_that_score_for_it() -> None:
    pixels = torch.randn(1, 5, 4, 6)
    scores = torch.zeros(1, 2, 4, 6)
    scores[0, 1, 2, 3] = 100
    objects = gather(pixels, scores)
    assert objects.shape == (1, 5, 2, 1)
    torch.testing.assert_close(objects[0, :, 0, 0], pixels.mean((0, 2, 3)))
    torch.testing.assert_close(objects[0, :, 1, 0], pixels[0, :, 2, 3])


def test_a_pixels_context_is_a_mixture_of_the_objects_values() -> None:
    torch.manual_seed(0)
    network = small(HRNetOCR).eval()
    assert isinstance(network, HRNetOCR)
    attention = network.ocr_distri_head.object_context_block
    pixels, objects = torch.randn(1, 64, 3, 4), torch.randn(1, 64, 3, 1)
    with torch.inference_mode():
        query, key = attention.f_pixel(pixels)[0].flatten(1), attention.f_object(objects)[0, :, :, 0]
        value = attention.f_down(objects)[0, :, :, 0]
        share = F.softmax(query.T @ key / key.shape[0] ** 0.5, 1)
        torch.testing.assert_close(attention(pixels, objects), attention.f_up((value @ share.T).view(1, -1, 3, 4)))


def test_stem_halves_twice_and_nothing_pools() -> None:
    network = small(HRNet)
    assert network.conv1.stride == network.conv2.stride == (2, 2)
    assert not any("Pool" in type(m).__name__ for m in network.modules())
    assert sum(isinstance(m, nn.Dropout2d) for m in small(HRNetOCR).modules()) == 1


@pytest.mark.parametrize("factory", FACTORIES)
def test_arguments_rebuild_the_network(factory: Factory) -> None:
    first = factory(toy(3), width=1 / 16, align_corners=False)
    assert first.arguments == {"width": 1 / 16, "align_corners": False}
    again = factory(toy(3), **first.arguments)
    assert again.name == factory.__name__
    again.network.load_state_dict(first.network.state_dict())
