"""A fully connected conditional random field over the pixels, by mean field: sharpens class scores along the colours of the image.

Paper: Krähenbühl & Koltun, "Efficient Inference in Fully Connected CRFs with Gaussian Edge Potentials", NIPS 2011, as DeepLab v1 and v2
used it. It is post-processing: it belongs to no network, and a number with it stands under a signature of its own.

Each pair of pixels that differ in class costs, for positions p and colours c,

    smoothness_weight exp(-|p_i - p_j|^2 / 2 s^2) + appearance_weight exp(-|p_i - p_j|^2 / 2 a^2 - |c_i - c_j|^2 / 2 b^2)

Both kernels are normalised symmetrically, by the roots of their row sums. The first is a separable
convolution, the second runs on the permutohedral lattice.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from segbench.kernels.permutohedral import Lattice, lattice


@dataclass(frozen=True)
class DenseCRF:
    """Parameters; the defaults are those of DeepLab v2 on PASCAL VOC. Deviations of positions in pixels, of colours in units of a byte."""

    iterations: int = 10
    smoothness_weight: float = 3.0
    smoothness_deviation: float = 1.0
    appearance_weight: float = 4.0
    appearance_deviation: float = 67.0
    color_deviation: float = 3.0


def dense_crf(scores: NDArray[np.float32], image: NDArray[np.uint8], parameters: DenseCRF | None = None) -> NDArray[np.float32]:
    """Refined class probabilities float32[C, H, W].

    :param scores: float[C, H, W], probabilities of each pixel's class.
    :param image: uint8[H, W, 3].
    :raises ValueError: the sizes of scores and image differ.
    """
    if scores.shape[1:] != image.shape[:2]:
        raise ValueError(f"scores {list(scores.shape)} and image {list(image.shape)} differ in size")
    p = parameters or DenseCRF()
    size = (image.shape[0], image.shape[1])
    log_unary = np.log(np.maximum(scores.reshape(len(scores), -1).T, np.float32(1e-20))).astype(np.float32)
    smoothness: tuple[float, _Smoothness | Lattice] = (p.smoothness_weight, _Smoothness(size, p.smoothness_deviation))
    kernels = (smoothness, (p.appearance_weight, _appearance(image, p)))
    ones = np.ones((log_unary.shape[0], 1), np.float32)
    norms: list[NDArray[np.float32]] = [np.maximum(kernel.filter(ones), np.float32(1e-20)) ** np.float32(-0.5) for _, kernel in kernels]
    q = _softmax(log_unary)
    for _ in range(p.iterations):
        energy = log_unary.copy()
        for (weight, kernel), norm in zip(kernels, norms, strict=True):
            energy += np.float32(weight) * norm * kernel.filter(norm * q)
        q = _softmax(energy)
    return np.ascontiguousarray(q.T).reshape(scores.shape)


def _softmax(energy: NDArray[np.float32]) -> NDArray[np.float32]:
    scores = np.exp(energy - energy.max(axis=1, keepdims=True))
    return np.asarray(scores / scores.sum(axis=1, keepdims=True), np.float32)


def _appearance(image: NDArray[np.uint8], p: DenseCRF) -> Lattice:
    rows, columns = np.indices(image.shape[:2], dtype=np.float32)
    positions = np.stack([rows, columns], axis=-1) / np.float32(p.appearance_deviation)
    colors = image.astype(np.float32) / np.float32(p.color_deviation)
    return lattice(np.concatenate([positions, colors], axis=-1).reshape(-1, 5))


@dataclass(frozen=True)
class _Smoothness:
    """A Gaussian of positions alone, cut off at four deviations; what lies outside the image counts nothing."""

    size: tuple[int, int]
    deviation: float

    def filter(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        radius = max(1, round(4 * self.deviation))
        taps = np.exp(-0.5 * (np.arange(-radius, radius + 1) / self.deviation) ** 2).astype(np.float32)
        planes = values.reshape(*self.size, -1)
        for axis in (0, 1):
            padded = np.pad(planes, [(radius, radius) if i == axis else (0, 0) for i in range(3)])
            length = planes.shape[axis]
            planes = sum(tap * np.take(padded, range(i, i + length), axis=axis) for i, tap in enumerate(taps))
        return np.asarray(planes, np.float32).reshape(values.shape)
