"""Runs where imagecorruptions is installed: corrupts an image under several seeds, and writes what it became."""

from __future__ import annotations

import sys

import numpy as np
from imagecorruptions import corrupt, corruptions
from skimage.filters import gaussian


def _gaussian(image, sigma=1, multichannel=False, **more):
    """It was written for a scikit-image that knew ``multichannel``."""
    return gaussian(image, tuple(sigma) if np.ndim(sigma) else sigma, channel_axis=-1 if multichannel else None, **more)


corruptions.gaussian = _gaussian
with np.load(sys.argv[1]) as given:
    made = {}
    for seed in range(int(given["repeats"])):
        for name in given["names"].tolist():
            for severity in range(1, 6):
                np.random.seed(seed)
                made[f"{name}|{severity}|{seed}"] = corrupt(given["image"].copy(), corruption_name=name, severity=severity)
np.savez(sys.argv[2], **made)
