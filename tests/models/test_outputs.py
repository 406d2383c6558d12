from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor, nn

from segbench.errors import NetworkError
from segbench.evaluation.inference import evaluate
from segbench.evaluation.protocol import Protocol
from segbench.labels.space import numbered_labels
from segbench.models.outputs import Wanted, largest_magnitude, scores_in
from segbench.models.segmenter import Segmenter, forward, predict
from tests.tiny import LABELS, tiny, tiny_dataset

IMAGES = torch.zeros(2, 3, 8, 12)
PLANES = torch.randn(2, 3, 4, 6)
OTHER = torch.randn(2, 3, 8, 12)
LOSS = torch.tensor(0.5)


@dataclass
class Output:
    """As networks of transformers return what they found."""

    loss: Tensor | None
    logits: Tensor
    hidden_states: Tensor


class Pair(NamedTuple):
    out: Tensor
    aux: Tensor


CERTAIN = [
    PLANES,
    PLANES.double(),
    [PLANES],
    (PLANES, None),
    (LOSS, PLANES),
    (PLANES, torch.randn(2, 7)),
    {"logits": PLANES, "aux": OTHER},
    {"out": PLANES, "aux": OTHER},
    {"aux": OTHER, "output": PLANES},
    Output(LOSS, PLANES, OTHER),
    Pair(PLANES, OTHER),
    {"found": (PLANES,), "loss": 0.5},
]


@pytest.mark.parametrize("returned", CERTAIN)
def test_the_main_output_is_taken_where_it_is_certain_which_it_is(returned: Any) -> None:
    found = scores_in(returned, Wanted("net", 3), IMAGES)
    assert found.dtype == torch.float32
    assert torch.equal(found, PLANES)


@pytest.mark.parametrize("returned", [(PLANES, OTHER), [PLANES, OTHER], {"a": PLANES, "b": OTHER}, {"logits": PLANES, "out": OTHER}])
def test_of_two_outputs_that_could_be_it_none_is_taken_in_silence(returned: Any) -> None:
    with pytest.raises(NetworkError, match=r"net gives 2 outputs, .*float32\[2, 3, 4, 6\], .* is not said: Segmenter\(\.\.\., output="):
        scores_in(returned, Wanted("net", 3), IMAGES)


@pytest.mark.parametrize(
    ("returned", "output"), [((OTHER, PLANES), "1"), ({"a": PLANES, "b": OTHER}, "a"), ({"heads": [OTHER, PLANES]}, "heads.1")]
)
def test_an_output_is_chosen_by_its_name_or_its_place(returned: Any, output: str) -> None:
    assert torch.equal(scores_in(returned, Wanted("net", 3, output), IMAGES), PLANES)


@pytest.mark.parametrize(
    ("returned", "problem"),
    [
        ({"a": PLANES, "b": OTHER}, "gives no output 'c'; there are a float32.*, b float32"),
        (PLANES, "alone, without a name, so no output 'c'"),
    ],
)
def test_an_output_that_is_not_there_is_named_with_those_that_are(returned: Any, problem: str) -> None:
    with pytest.raises(NetworkError, match=problem):
        scores_in(returned, Wanted("net", 3, "c"), IMAGES)


@pytest.mark.parametrize(
    ("returned", "problem"),
    [
        (None, "gives nothing; it must give a tensor of 3 floating-point scores for each pixel"),
        ("text", "gives a str"),
        (PLANES.argmax(1), r"int64\[2, 4, 6\], which looks like classes that are decided already"),
        (PLANES.argmax(1, keepdim=True).byte(), "classes that are decided already"),
        (PLANES > 0, "it must give 3 floating-point scores"),
        (PLANES.to(torch.complex64), r"complex64.*it must give 3 floating-point"),
        (PLANES[0], "keep the dimension of the batch"),
        (PLANES.argmax(1).float(), r"float32\[2, 4, 6\].*before the argmax"),
        (PLANES.mean((2, 3)), r"float32\[2, 3\]; it must give"),
        (PLANES.permute(0, 2, 3, 1), r"permute\(0, 3, 1, 2\)"),
        (torch.randn(2, 7, 4, 6), "are these 3 classes, in their order, its own"),
        (PLANES[:1], "for 2 images"),
        (PLANES[..., :0], r"float32\[2, 3, 4, 0\]"),
    ],
)
def test_what_is_no_plane_of_scores_for_each_class_is_refused_with_what_it_is(returned: Any, problem: str) -> None:
    with pytest.raises(NetworkError, match=problem):
        scores_in(returned, Wanted("net", 3), IMAGES)


def test_one_score_for_two_classes_is_not_the_first_class_everywhere() -> None:
    with pytest.raises(
        NetworkError, match=r"one score for two classes, so the first would win everywhere: return torch\.cat\(\[-scores, scores\]"
    ):
        scores_in(torch.randn(2, 1, 4, 6), Wanted("net", 2), IMAGES)


class Returns(nn.Module):
    """Three planes of its images, as ``wrap`` wraps them."""

    def __init__(self, wrap: Any) -> None:
        super().__init__()
        self.wrap, self.device = wrap, nn.Parameter(torch.zeros(()))

    def forward(self, x: Tensor) -> Any:
        return self.wrap(x + self.device)


def test_a_segmenter_says_which_output_and_which_of_its_channels_hold_its_scores() -> None:
    images = torch.randint(0, 256, (1, 6, 8, 3), dtype=torch.uint8)
    segmenter = Segmenter("net", Returns(lambda x: (x, -x)).eval(), numbered_labels(3), output=1)
    assert torch.equal(forward(segmenter, images), -segmenter.normalize(images))
    chosen = replace(segmenter, labels=numbered_labels(2), channels=(2, 0), scores=3)
    assert torch.equal(forward(chosen, images), -segmenter.normalize(images)[:, [2, 0]])


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.float64])
def test_one_number_tells_whether_all_are_finite(value: float, dtype: torch.dtype) -> None:
    values = torch.randn(1, 2, 3, 4).to(dtype)
    assert float(largest_magnitude(values)) == float(values.abs().max())
    values[0, 1, 2, 3] = value
    assert not math.isfinite(float(largest_magnitude(values)))


def spoiled(value: float) -> Segmenter:
    """Its scores hold a value where an image is dark."""
    return Segmenter("spoiled", Returns(lambda x: torch.where(x < -1.5, value, x)).eval(), LABELS)


PROTOCOLS = [Protocol(), Protocol(scales=(0.5, 1.0), flip=True), Protocol(crop=(12, 16), stride=(12, 16)), Protocol(input_size=(16, 24))]


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("protocol", PROTOCOLS, ids=["plain", "views", "windows", "resized"])
def test_scores_that_are_not_finite_are_never_counted(tmp_path: Path, value: float, protocol: Protocol) -> None:
    dataset = tiny_dataset(tmp_path, images=2)
    with pytest.raises(NetworkError, match=r"spoiled gives scores that are (NaN|infinite) for s0, so nothing is scored"):
        list(evaluate([tiny(LABELS), spoiled(value)], dataset, protocol=protocol))


def test_a_prediction_by_hand_has_finite_scores_too() -> None:
    with pytest.raises(NetworkError, match="spoiled gives scores that are NaN"):
        predict(spoiled(math.nan), torch.zeros(1, 4, 4, 3, dtype=torch.uint8).numpy())


def test_infinity_of_half_precision_names_the_precisions_that_help(tmp_path: Path) -> None:
    with pytest.raises(NetworkError, match="numbers above 65504 are infinite: use --precision bf16 or fp32"):
        list(evaluate([spoiled(math.inf)], tiny_dataset(tmp_path, images=1), protocol=Protocol("fp16")))
