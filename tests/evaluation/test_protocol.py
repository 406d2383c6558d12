from __future__ import annotations

import pytest

from segbench.errors import ProtocolError
from segbench.evaluation.protocol import Protocol, window_starts


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"crop": (8, 8)}, "go together"),
        ({"stride": (8, 8)}, "go together"),
        ({"crop": (8, 8), "stride": (8, 9)}, "no prediction"),
        ({"crop": (0, 8), "stride": (1, 1)}, "empty"),
        ({"scales": ()}, "at least one"),
        ({"scales": (1.0, -2.0)}, "positive"),
        ({"scales": (float("nan"),)}, "positive"),
        ({"scales": (float("inf"),)}, "at most 32"),
        ({"scales": (1.0, 1.0)}, "twice"),
        ({"input_size": (0, 1)}, "empty"),
        ({"input_size": 0}, "empty"),
    ],
)
def test_a_contradiction_is_refused(options: dict[str, object], message: str) -> None:
    with pytest.raises(ProtocolError, match=message):
        Protocol(**options)  # type: ignore[arg-type]


def test_every_contradiction_is_named() -> None:
    with pytest.raises(ProtocolError, match=r"go together.*positive"):
        Protocol(crop=(8, 8), scales=(0.0,))


def test_every_choice_shows_in_the_record() -> None:
    protocols = [
        Protocol(),
        Protocol("bf16"),
        Protocol(input_size=(4, 6)),
        Protocol(crop=(4, 6), stride=(2, 3)),
        Protocol(crop=(4, 6), stride=(2, 4)),
        Protocol(scales=(0.5, 1.0)),
        Protocol(flip=True),
        Protocol(post="dense-crf"),
        Protocol(void="masked"),
    ]
    written = [str(protocol.to_dict()) for protocol in protocols]
    assert len(set(written)) == len(protocols)
    assert [protocol.is_plain for protocol in protocols] == [True, True, *[False] * 6, True]


def test_the_shorter_side_keeps_the_proportions() -> None:
    assert Protocol(input_size=512).base_size((1024, 2048)) == (512, 1024)
    assert Protocol(input_size=512).base_size((300, 200)) == (768, 512)
    assert Protocol(input_size=(5, 6)).base_size((300, 200)) == (5, 6)
    assert Protocol().base_size((300, 200)) == (300, 200)
    assert Protocol(input_size=512).to_dict()["input_size"] == "shorter side 512"


def test_the_plain_protocol_is_written_as_it_always_was() -> None:
    plain = {"tiling": "whole", "input_size": "native", "scales": [1.0], "flip": False, "precision": "fp32"}
    assert Protocol().to_dict() == plain


@pytest.mark.parametrize("length", range(1, 30))
@pytest.mark.parametrize(("window", "step"), [(1, 1), (5, 5), (7, 3), (10, 1)])
def test_windows_cover_every_pixel_and_none_reaches_over_the_border(length: int, window: int, step: int) -> None:
    starts = window_starts(length, window, step)
    covered = {pixel for start in starts for pixel in range(start, min(start + window, length))}
    assert covered == set(range(length))
    assert starts == sorted(set(starts))
    assert starts[-1] == max(0, length - window)
