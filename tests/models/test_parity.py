"""Imported networks give their references' scores, the enlarging included: golden files, made as tests/golden/parity/README.md says."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from segbench.datasets.cityscapes import LABELS
from segbench.models.public_weights import COUNTER, SOURCES, adopt, identify, sources_of
from segbench.models.segmenter import Segmenter, logits_at
from segbench.models.sources.torchvision import VOC
from segbench.models.weights import build
from tests.models import standins
from tests.models.references import DeepLabV3
from tests.models.standins import Shapes, filled, image

FOLDER = Path(__file__).parents[1] / "golden" / "parity"
GOLDEN = {file.stem: json.loads(file.read_text(encoding="utf-8")) for file in sorted(FOLDER.glob("*.json"))}
TOLERANCE = 1e-5
OLD = "torch04"
TORCHVISION = {"torchvision_deeplabv3_resnet50": 50, "torchvision_deeplabv3_resnet101": 101}


def shapes_of(keys: str) -> Shapes:
    if keys not in TORCHVISION:
        return standins.shapes(keys)
    with torch.device("meta"):
        return {key: tuple(value.shape) for key, value in DeepLabV3(TORCHVISION[keys]).state_dict().items()}


def state_of(name: str) -> dict[str, Tensor]:
    """The weights with which the reference was run."""
    state = filled(shapes_of(GOLDEN[name]["keys"]))
    if not name.endswith(OLD):
        return state
    for key, value in state.items():
        if value.ndim == 1 and key.endswith(".weight"):
            value[1::2] *= -1
    return {key: value for key, value in state.items() if not key.endswith(COUNTER)}


def imported(name: str) -> Segmenter:
    golden = GOLDEN[name]
    state = state_of(name)
    source = identify(golden["model"], state, "file", golden.get("settings"))
    assert source.name == golden["source"]
    labels = VOC if golden["keys"] in TORCHVISION else LABELS
    segmenter = adopt(golden["model"], source, state, labels, file="file").segmenter
    segmenter.network.double()
    return segmenter


def distance(name: str, segmenter: Segmenter) -> float:
    """The largest difference of a score from the reference's, in their spread."""
    golden = GOLDEN[name]
    with torch.inference_mode():
        logits = segmenter.network(segmenter.input_rule.pad(image(*golden["size"]).double()))
        scores = logits_at(logits, segmenter.input_rule, tuple(golden["size"]), segmenter.grid)[0]
    found = torch.stack([scores[:, row, column] for row, column in (map(int, place.split(",")) for place in golden["scores"])])
    expected = torch.tensor(list(golden["scores"].values()), dtype=torch.float64)
    return float((found - expected).abs().max()) / golden["spread"]


@pytest.mark.parametrize("name", GOLDEN)
def test_an_imported_network_gives_its_references_scores(name: str) -> None:
    assert distance(name, imported(name)) < TOLERANCE


def test_every_source_of_a_whole_network_has_its_references_scores_but_enets() -> None:
    whole = {(model, source.name) for model in SOURCES.table for source in sources_of(model) if not source.trunk and not source.differs}
    assert {(golden["model"], golden["source"]) for golden in GOLDEN.values()} == {pair for pair in whole if pair[0] != "enet"}


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("hrnet_w48", {"align_corners": True}),
        ("hrnet_w48_ocr", {"align_corners": False}),
        ("pidnet_s", {"grid": "half_pixel"}),
        ("fast_scnn", {"grid": "half_pixel"}),
        ("torchseg_r18_speed", {"grid": "half_pixel"}),
        ("torchseg_r18_full", {"grid": "asymmetric"}),
        ("torchseg_dfn", {"grid": "half_pixel"}),
        ("semseg_pspnet50", {"grid": "half_pixel"}),
        ("hub_segformer_b0", {"norm_eps": 1e-6}),
        ("nvlabs_segformer_b0", {"norm_eps": 1e-5}),
    ],
)
def test_the_scores_tell_what_was_once_taken_for_the_same(name: str, change: dict[str, Any]) -> None:
    """Another grid, aligned corners inside, another epsilon: each leaves the tolerance."""
    segmenter = imported(name)
    if "grid" in change:
        other = replace(segmenter, **change)
    else:
        other = build(segmenter.name, segmenter.labels, **(dict(segmenter.arguments) | change))
        other.network.double().load_state_dict(segmenter.network.state_dict())
    assert distance(name, other) > TOLERANCE


def test_old_scales_are_absolute_and_a_little_more() -> None:
    state = state_of(f"hrnet_w48_{OLD}")
    source = identify("hrnet_w48", state, "file")
    prepared = source.prepare(state)
    assert bool((state["bn1.weight"] < 0).any())
    assert torch.equal(prepared["bn1.weight"], state["bn1.weight"].abs() + 1e-5)
    assert torch.equal(prepared["conv1.weight"], state["conv1.weight"])
