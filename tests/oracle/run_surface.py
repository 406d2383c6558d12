"""Runs where MONAI is installed: the surface Dice of pairs of masks, by edge pixels and by subvoxels."""

from __future__ import annotations

import sys

import numpy as np
import torch
from monai.metrics.surface_dice import compute_surface_dice

found = {}
with np.load(sys.argv[1]) as given:
    for name in given.files:
        target, pred = (torch.from_numpy(each.astype(bool))[None, None] for each in given[name])
        for tolerance in (0.0, 1.0, 1.5, 3.0):
            for subvoxels in (False, True):
                options = {"include_background": True, "use_subvoxels": subvoxels}
                found[f"{name}|{tolerance:g}|{subvoxels}"] = compute_surface_dice(pred, target, [tolerance], **options).numpy()
np.savez(sys.argv[2], **found)
