"""V_rand and V_info: how well the regions that thin lines part are told from each other, whatever the width of the lines.

Arganda-Carreras et al., "Crowdsourcing the creation of image segmentation algorithms for connectomics", Front. Neuroanat. 9:142 (2015)
defines these scores of the ISBI 2012 challenge. Here they are what its script in Fiji (Trainable Segmentation) computes of binary maps::

    target    cells of the target, one segment for each component that touches by sides; its lines take no part (*foreground-restricted*)
    pred      the same of the prediction, then grown into its lines until they are a pixel thin (*after border thinning*): a watershed

    n_ij      pixels in target segment i and predicted segment j, n in all; each pixel on a thinned line is a segment of its own
    V_rand    2 sum n_ij^2 / (sum_i n_i^2 + sum_j n_j^2)       pairs of pixels that are together in both, of those together in either
    V_info    2 I(target; pred) / (H(target) + H(pred))        mutual information by entropies

Both are 1 for a map whose regions are those of the target. The score of a set is the mean over its images.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from segbench.metrics.statistic import Floats, Statistic, Sums, divide

LINE = 0
"""Number of a pixel that belongs to no segment."""


@dataclass(frozen=True)
class SegmentScores:
    """Of one image, or the means of a set; NaN where the target has no cells."""

    v_rand: float
    v_info: float


def segment_scores(target: NDArray[np.int32], pred: NDArray[np.int32]) -> SegmentScores:
    """Scores of one image, from the segment of each pixel, int32[H, W]: components of the target, thinned ones of the prediction.

    Where one of the two is a single segment V_info is 0, by the challenge's script, even if the other one is the same.
    """
    counted = target != LINE
    rows_of, columns_of = target[counted].astype(np.int64), pred[counted]
    if not rows_of.size:
        return SegmentScores(math.nan, math.nan)
    inside = columns_of != LINE
    rows, columns, both = (
        np.unique(numbers, return_counts=True)[1].astype(np.int64)
        for numbers in (rows_of, columns_of[inside], (rows_of << 32 | columns_of)[inside])
    )
    alone = rows_of.size - int(inside.sum())  # pixels on thinned lines
    of_rows, of_columns, of_both = (int((counts**2).sum()) for counts in (rows, columns, both))
    v_rand = 2 * (of_both + alone) / (of_rows + of_columns + alone)
    of_target, of_pred = _entropy(rows, 0), _entropy(columns, alone)
    mutual = max(of_target + of_pred - _entropy(both, alone), 0.0)  # rounding can make nothing less than nothing
    v_info = 2 * mutual / (of_target + of_pred) if len(rows) > 1 and len(columns) + alone > 1 else 0.0
    return SegmentScores(v_rand, v_info)


def mean_scores(scores: NDArray[np.float64]) -> SegmentScores:
    """The means of float64[N, 2], V_rand and V_info of each image, over those that have any."""
    defined = scores[~np.isnan(scores).any(axis=1)]
    return SegmentScores(*defined.mean(axis=0).tolist()) if len(defined) else SegmentScores(math.nan, math.nan)


def _entropy(counts: NDArray[np.int64], alone: int) -> float:
    """In nats, of segments of so many pixels and of ``alone`` more of one pixel each."""
    total = int(counts.sum()) + alone
    shares = counts / total
    return float(-(shares * np.log(shares)).sum() + alone / total * np.log(total))


def _sums(segments: Floats) -> Floats:
    """float64[N, 3]: what adds up to means over the images that have such scores, and 1 for each of these."""
    defined = ~np.isnan(segments).any(axis=1, keepdims=True)
    return np.concatenate([np.where(defined, segments, 0), defined], axis=1)


def _scores(pairs: Sums, sums: Floats) -> dict[str, Floats]:
    v_rand, v_info, images = sums
    return {"v_rand": divide(v_rand, images), "v_info": divide(v_info, images)}


SEGMENTS = Statistic(lambda classes: (2,), {"v_rand": "one", "v_info": "one"}, _sums, _scores)
"""V_rand and V_info of every image, float64[N, 2]: means over images, not sums."""
