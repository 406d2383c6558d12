"""Where the scores of each network lie among the pixels: as its reference enlarges them, or as its labels were made smaller."""

from __future__ import annotations

import pytest
import torch

from segbench.kernels.bilinear import Grid
from segbench.models import MODELS
from segbench.models.segmenter import InputRule, Segmenter
from segbench.models.weights import build, bundled, load
from tests.tiny import LABELS

ALIGNED = ("deeplab_v3plus", "dfn", "fanet18", "fanet34", "fast_scnn", "hrnet_w48_ocr", "pidnet_s", "pspnet_r50", "pspnet_r101")
PUBLISHED: dict[str, Grid] = dict.fromkeys(ALIGNED, "align_corners") | {"bisenet_x39": "asymmetric", "bisenet_r18": "asymmetric"}


def on_meta(name: str, **arguments: object) -> Segmenter:
    with torch.device("meta"):
        return build(name, LABELS, **arguments)


@pytest.mark.parametrize("name", MODELS.table)
def test_scores_lie_where_the_reference_has_them(name: str) -> None:
    assert on_meta(name).grid == PUBLISHED.get(name, "half_pixel")


@pytest.mark.parametrize("name", [name for name in MODELS.table if bundled(name, "minicity")])
def test_networks_that_were_trained_on_half_pixels_stay_there(name: str) -> None:
    path = bundled(name, "minicity")
    assert path is not None
    assert load(path).grid == "half_pixel"


@pytest.mark.parametrize("name", ["deeplab_v3plus", "dfn", "fanet18", "fast_scnn", "hrnet_w48_ocr", "pspnet_r50"])
def test_a_network_that_aligns_no_corners_aligns_none_of_its_scores(name: str) -> None:
    assert on_meta(name, align_corners=False).grid == "half_pixel"


@pytest.mark.parametrize("name", ["deeplab_v3plus_r101", "hrnet_w18", "hrnet_w48"])
def test_a_network_that_aligns_corners_on_request_aligns_its_scores_too(name: str) -> None:
    assert on_meta(name).arguments["align_corners"] is False
    assert on_meta(name, align_corners=True).grid == "align_corners"


@pytest.mark.parametrize("name", ["bisenet_r18", "bisenet_x39"])
def test_the_ports_of_bisenet_enlarge_in_three_ways(name: str) -> None:
    assert [on_meta(name, port=port).grid for port in ("speed", "full", "coincheung")] == ["asymmetric", "align_corners", "half_pixel"]


def test_xception39_has_the_same_heads_at_full_size_and_resnet18_has_not() -> None:
    shapes = {
        (name, port): {key: value.shape for key, value in on_meta(name, port=port).network.state_dict().items()}
        for name in ("bisenet_x39", "bisenet_r18")
        for port in ("speed", "full")
    }
    assert shapes["bisenet_x39", "speed"] == shapes["bisenet_x39", "full"]
    assert shapes["bisenet_r18", "speed"] != shapes["bisenet_r18", "full"]


@pytest.mark.parametrize("name", ["pspnet_r50", "pspnet_r101"])
def test_pspnets_sides_are_8_k_and_1_where_corners_are_aligned(name: str) -> None:
    """So that scores lie on every eighth pixel."""
    segmenter = on_meta(name)
    assert [segmenter.input_rule.padded(side) for side in (713, 714, 1024, 2048)] == [713, 721, 1025, 2049]
    assert segmenter.network(torch.empty(1, 3, 713, 1025, device="meta")).shape[2:] == (90, 129)
    assert on_meta(name, align_corners=False).input_rule == InputRule()
