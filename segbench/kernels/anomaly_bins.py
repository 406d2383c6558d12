"""The scores by which a pixel is called an anomaly, and the bins in which they are counted: int64[4, 2, 65536], score by role by bin.

Of the logits x of a pixel, with p their softmax; the higher a score, the stranger the pixel::

    max_softmax   1 - max p                Hendrycks and Gimpel, ICLR 2017
    max_logit     -max x                   Hendrycks et al., ICML 2022
    entropy       -sum of p log p
    energy        -log sum exp x           Liu et al., NeurIPS 2020; with a temperature T it is -T log sum exp (x / T), and p is of x / T

AP, AUROC and FPR ask for nothing but the order of scores, and the bits of a positive float32 are in the order of its values. So a bin is
what is left of a float32 whose last 13 bits are cut: its exponent and the first ten digits behind the point, and nothing needs to be known
of the range of a network's logits. The edges of bins are the numbers 2^e (1 + k / 1024):

    max_logit, energy       the score, of either sign, from 2^-16 to 2^16 in magnitude; what is nearer to 0 or farther is in the bin there
    max_softmax, entropy    score / (top - score), from 2^-48 to 2^16, where top, 1 - 1/C and log C, is what C equal logits give: as fine
                            where a network is sure, and the score is next to 0, as where it is not, and the score is next to top

A number that is such an edge has a bin of its own, shared with nothing but numbers less than a thousandth away.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

SCORES = ("max_softmax", "max_logit", "entropy", "energy")
OF_LOGITS = ("max_logit", "energy")
"""Scores that probabilities do not have, and that are negative as a rule."""

BINS = 1 << 16
CUT = 13
"""Bits of a float32 that are cut off."""
LOWEST = (127 - 48) << (23 - CUT)
"""What is left of the bits of 2^-48: the first bin."""
LOWEST_SIGNED = (127 - 16) << (23 - CUT)
HALF = BINS // 2

SHAPE = (len(SCORES), 2, BINS)
LENGTH = len(SCORES) * 2 * BINS


def bins_of(score: str, values: NDArray[np.float32]) -> NDArray[np.int64]:
    """The bins of values of a score, or of score / (top - score), as the kernels find them."""
    bits = (np.ascontiguousarray(values, np.float32) + np.float32(0)).view(np.int32).astype(np.int64)  # of -0 those of 0
    if score not in OF_LOGITS:
        return np.asarray(np.clip((bits >> CUT) - LOWEST, 0, BINS - 1))
    magnitude = np.clip(((bits & 0x7FFFFFFF) >> CUT) - LOWEST_SIGNED, 0, HALF - 1)
    return np.asarray(np.where(bits < 0, HALF - 1 - magnitude, HALF + magnitude))
