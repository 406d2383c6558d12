"""The corruptions of Hendrycks and Dietterich (Benchmarking Neural Network Robustness to Common Corruptions and Perturbations, 2019).

Fifteen in four groups, five severities each, made of a decoded image and never stored. Their constants are those of the paper's code, in
the form for images of any size (Michaelis et al., "Benchmarking Robustness in Object Detection", 2019). What is random is drawn from
numpy's PCG64, seeded by the image's id, the corruption and the severity: every image has its own, and the same everywhere.

``frost_like`` is no frost of the paper: that one lays photographs of frost over an image, which are not ours to give away. Here the
texture is drawn, bright and ridged; its numbers are not comparable with published ones.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from segbench.errors import UnknownNameError, UsageError, nearest

Corrupt = Callable[[NDArray[np.float64], int, np.random.Generator], NDArray[np.float64]]
"""From float64[H, W, 3] 0 to 1, severity 0 to 4, and chance, to the same 0 to 1, or a little beyond."""

GROUPS: Mapping[str, tuple[str, ...]] = {
    "noise": ("gaussian_noise", "shot_noise", "impulse_noise"),
    "blur": ("defocus_blur", "glass_blur", "motion_blur", "zoom_blur"),
    "weather": ("snow", "frost_like", "fog", "brightness"),
    "digital": ("contrast", "elastic_transform", "pixelate", "jpeg_compression"),
}
CORRUPTIONS: tuple[str, ...] = tuple(name for names in GROUPS.values() for name in names)
SEVERITIES = (1, 2, 3, 4, 5)


def corrupt(image: NDArray[np.uint8], name: str, severity: int, image_id: str) -> NDArray[np.uint8]:
    """The corrupted image, uint8[H, W, 3] of RGB, of the same size.

    :param severity: 1 to 5.
    :param image_id: what the random numbers are seeded by, beside name and severity.
    :raises UnknownNameError: there is no such corruption.
    :raises UsageError: there is no such severity.
    :raises ValueError: the image is not uint8[H, W, 3].
    """
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
        raise ValueError(f"images must be uint8[H, W, 3], not {image.dtype}{list(image.shape)}")
    if name not in CORRUPTIONS:
        raise UnknownNameError(f"no corruption {name!r}; {nearest(name, CORRUPTIONS, 'there are')}")
    if severity not in SEVERITIES:
        raise UsageError(f"severity {severity!r} of a corruption: it is 1 to 5")
    made = _functions()[name](image / 255.0, severity - 1, generator(name, severity, image_id))
    return (np.clip(made, 0, 1) * 255 + 1e-9).astype(np.uint8)  # cut off, as the paper's code does; a byte stays what it was


def generator(name: str, severity: int, image_id: str) -> np.random.Generator:
    """The random numbers of an image."""
    digest = hashlib.sha256(f"{name}|{severity}|{image_id}".encode(errors="surrogateescape")).digest()
    return np.random.Generator(np.random.PCG64(int.from_bytes(digest, "big")))


def _functions() -> dict[str, Corrupt]:
    from segbench.images.corruptions import blur, digital, noise, weather  # numba: only where images are corrupted

    return {name: getattr(module, name) for module in (noise, blur, weather, digital) for name in GROUPS[module.__name__.rsplit(".", 1)[1]]}
