from __future__ import annotations

from segbench.evaluation.protocol import Protocol
from segbench.files.settings import flags_of


def test_the_flags_of_a_protocol_are_those_that_differ_from_the_default() -> None:
    assert flags_of(Protocol()) == []
    protocol = Protocol("bf16", input_size=512, crop=(4, 6), stride=(2, 3), scales=(0.5, 1.0), flip=True, post="dense-crf", void="masked")
    assert " ".join(flags_of(protocol)) == (
        "--precision bf16 --input-size 512 --crop 4x6 --stride 2x3 --scales 0.5,1 --flip --post dense-crf --void masked"
    )
