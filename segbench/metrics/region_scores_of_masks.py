"""V_rand and V_info of two binary maps: their regions, and the scores of these."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from segbench.kernels.watershed import connected_segments, thinned_segments
from segbench.metrics.region_scores import SegmentScores, segment_scores


def cell_scores(target: NDArray[np.bool_], pred: NDArray[np.bool_]) -> SegmentScores:
    """V_rand and V_info of one image, from where target and prediction have cells, bool[H, W]."""
    return segment_scores(connected_segments(target), thinned_segments(pred))
