"""BiSeNet as other code bases trained it: their counts, their enlargement, and that the default is what it was."""

from __future__ import annotations

import pytest
import torch

from segbench.models.weights import build
from segbench.models.zoo.bisenet import PORTS, bisenet_r18, bisenet_x39
from tests.models.checks import counts, small, toy


@pytest.mark.parametrize(
    ("port", "classes", "total", "infer"),
    [
        ("speed", 19, 13_194_489, 12_894_163),
        ("coincheung", 19, 13_425_721, 13_275_539),
        ("coincheung", 11, 13_422_625, 13_273_483),
        ("full", 19, 13_494_777, 12_894_163),
    ],
)
def test_parameters_of_the_ports_are_their_references(port: str, classes: int, total: int, infer: int) -> None:
    assert counts(bisenet_r18, classes, port=port) == (total, infer)


@pytest.mark.parametrize("port", PORTS)
def test_a_port_is_an_argument_that_rebuilds_the_network(port: str) -> None:
    segmenter = bisenet_x39(toy(3), width=1 / 4, port=port)
    assert segmenter.arguments["port"] == port
    build("bisenet_x39", toy(3), **segmenter.arguments).network.load_state_dict(segmenter.network.state_dict())
    with torch.inference_mode():
        assert segmenter.network.eval()(torch.zeros(1, 3, 64, 96)).shape == (1, 3, 8, 12)


def test_coincheungs_enlarges_to_the_nearest_and_torchsegs_does_not() -> None:
    coarse, like = torch.tensor([[[[0.0, 1.0]]]]), torch.zeros(1, 1, 2, 4)
    nearest, linear = (small(bisenet_r18, 1 / 16, port=port).enlarge(coarse, like) for port in ("coincheung", "speed"))
    assert nearest[0, 0].tolist() == [[0, 0, 1, 1]] * 2
    assert linear[0, 0, 0].tolist() == pytest.approx([0, 1 / 3, 2 / 3, 1])


def test_an_unknown_port_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="speed, full, coincheung, not 'mmseg'"):
        bisenet_r18(toy(3), port="mmseg")
