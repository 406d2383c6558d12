"""V_rand, V_info and the thinned lines as Fiji's own classes give them, which made the leader board of the ISBI 2012 challenge."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest

from segbench.kernels.watershed import connected_segments, thinned_segments
from segbench.metrics.region_scores import segment_scores
from tests.golden.membranes import membranes

GOLDEN = json.loads(Path(__file__).with_name("fiji-segments.json").read_text())["pairs"]


@pytest.mark.parametrize("seed", range(len(GOLDEN)))
def test_scores_and_lines_equal_fijis(seed: int) -> None:
    target, pred = membranes(seed)
    thinned, golden = thinned_segments(pred), GOLDEN[seed]
    assert hashlib.sha256(np.ascontiguousarray(thinned == 0).tobytes()).hexdigest() == golden["line_sha256"]
    scores = segment_scores(connected_segments(target), thinned)
    assert scores.v_rand == pytest.approx(golden["v_rand"], rel=1e-13)
    assert scores.v_info == pytest.approx(golden["v_info"], rel=1e-12)
