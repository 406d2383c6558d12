from __future__ import annotations

from segbench.benchmark.command import protocol_flags
from segbench.evaluation.protocol import Protocol


def test_the_flags_of_a_protocol_are_those_that_differ_from_the_default() -> None:
    assert protocol_flags(Protocol()) == []
    protocol = Protocol("bf16", input_size=512, crop=(4, 6), stride=(2, 3), scales=(0.5, 1.0), flip=True, post="dense-crf", void="masked")
    assert " ".join(protocol_flags(protocol)) == (
        "--precision bf16 --input-size 512 --crop 4x6 --stride 2x3 --scales 0.5,1 --flip --post dense-crf --void masked"
    )
