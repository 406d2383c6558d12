"""Counting pairs on the device that holds the class map; bit-identical to :mod:`segbench.kernels.counting`."""

from __future__ import annotations

import torch
from torch import Tensor


def count_pairs(target: Tensor, pred: Tensor) -> Tensor:
    """int64[256, 256] on the tensors' device: how many pixels have target byte ``row`` and predicted byte ``column``.

    :param target: uint8 of any shape.
    :param pred: uint8 of the same shape, on the same device.
    :raises TypeError: a tensor is not uint8.
    :raises ValueError: shapes or devices differ.
    """
    if target.dtype != torch.uint8 or pred.dtype != torch.uint8:
        raise TypeError(f"label maps are uint8, not {target.dtype} and {pred.dtype}")
    if target.shape != pred.shape or target.device != pred.device:
        raise ValueError(f"target {list(target.shape)} on {target.device} and prediction {list(pred.shape)} on {pred.device} differ")
    cell = target.reshape(-1).to(torch.int32) * 256 + pred.reshape(-1)
    return torch.bincount(cell, minlength=65536).reshape(256, 256)
