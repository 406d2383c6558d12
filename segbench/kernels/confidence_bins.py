"""The numbers that are counted of a network's confidence in one image, one after the other in float64[S].

    pixels  nll  brier              evaluated pixels, and the sums of -log p(target) and of sum_c (p(c) - [c is the target])^2 over them
    BINS x (pixels, hits, p)        by the probability of the predicted class, in bins of equal width; p is summed
    STEPS x (pixels, wrong)         by the rest that this probability leaves to 1, the surest first
    C x BINS x (p, hits)            by the probability of every class; p is summed, and hits are the pixels whose target it is

Risk over coverage needs an order of pixels, and most of them are sure: bins of equal width would put them all into one. A step is a
sixteenth of an octave of the rest q = 1 - p, from 1/4 down to 2^-24, below which float32 probabilities are 1 and all is one step. The
two octaves above, where a network is not sure of anything, have 64 steps each.
"""

from __future__ import annotations

BINS = 15
"""Those of Guo et al. (2017), and the default of torchmetrics."""
OCTAVES, PARTS = 24, 16
FINE_OCTAVES, FINE_PARTS = 2, 64
FINE = (OCTAVES - FINE_OCTAVES) * PARTS
"""The first of the fine steps."""
STEPS = FINE + FINE_OCTAVES * FINE_PARTS
OF_BINS = 3
OF_STEPS = OF_BINS + 3 * BINS
OF_CLASSES = OF_STEPS + 2 * STEPS
"""Where the numbers of bins, steps and classes begin."""


def length(classes: int) -> int:
    """S."""
    return OF_CLASSES + 2 * BINS * classes
