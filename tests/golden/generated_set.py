"""A generated set in the official Cityscapes layout, the same bytes for everybody.

All randomness is SHAKE-256 of the seed, not a library's generator whose stream may change. A set holds all 34 ids in its targets (but
for the seed's absent classes), groups, instances of ignored classes (caravan, trailer), void predictions, a class that is only predicted
and one that is nowhere.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from segbench.datasets.cityscapes import LABELS
from segbench.images.files import write_labels, write_uint16

CITIES = ("lindau", "aachen")
WITH_INSTANCES = np.array([label.byte_ids[0] for label in LABELS.labels if label.has_instances], np.uint8)
EVALUATED = LABELS.id_of_index
BLOCK = 8


class Bytes:
    """Uniform whole numbers, drawn from a hash."""

    def __init__(self, seed: str) -> None:
        self.seed, self.calls = seed, 0

    def below(self, limit: int, *shape: int) -> NDArray[np.int64]:
        """int64[shape] in 0..limit-1, limit at most 256 (its bias is of no interest here)."""
        self.calls += 1
        size = int(np.prod(shape))
        stream = hashlib.shake_256(f"{self.seed}/{self.calls}".encode()).digest(2 * size)
        return (np.frombuffer(stream, "<u2").astype(np.int64) % limit).reshape(shape)


def absent_class(seed: int) -> int:
    """Label id that is neither in the targets nor in the predictions."""
    return int(EVALUATED[(5 * seed + 2) % len(EVALUATED)])


def only_predicted_class(seed: int) -> int:
    """Label id that is in the predictions alone."""
    return int(EVALUATED[(5 * seed + 17) % len(EVALUATED)])


def draw_pair(seed: int, index: int, size: tuple[int, int]) -> tuple[NDArray[np.uint8], NDArray[np.uint16], NDArray[np.uint8]]:
    """Target ids uint8[H, W], instance ids uint16[H, W], predicted ids uint8[H, W]; sides are multiples of 8."""
    rng = Bytes(f"segbench/{seed}/{index}")
    rows, columns = size[0] // BLOCK, size[1] // BLOCK
    target = _enlarge(rng.below(34, rows, columns))
    instances = target.astype(np.uint16)
    _add_instances(rng, target, instances)
    pred = _enlarge(rng.below(34, rows, columns))
    right = _enlarge(rng.below(100, rows, columns)) < 60
    pred[right] = target[right]
    noise = rng.below(100, *size) < 12
    pred[noise] = rng.below(34, *size)[noise]
    pred[_enlarge(rng.below(100, rows, columns)) < 5] = 0
    absent, only_predicted = absent_class(seed), only_predicted_class(seed)
    for unwanted in (absent, only_predicted):
        gone = (target == unwanted) | (instances // 1000 == unwanted)
        instances[gone], target[gone] = 0, 4
    pred[pred == absent] = 1
    pred[0, :4] = only_predicted
    target[0, :4], instances[0, :4] = 7, 7
    return target, instances, pred


def write_set(root: Path, *, seed: int, images: int = 4, size: tuple[int, int] = (64, 96)) -> Path:
    """Write ``gtFine/val/CITY/*_gtFine_{labelIds,instanceIds}.png`` and ``results/*_pred.png`` below ``root``, and return it."""
    for index in range(images):
        city = CITIES[index % len(CITIES)]
        write_pair(root, f"{city}_{seed:06}_{index:06}", *draw_pair(seed, index, size))
    return root


def write_pair(root: Path, stem: str, target: NDArray[np.uint8], instances: NDArray[np.uint16], pred: NDArray[np.uint8]) -> None:
    """Write one image's three maps."""
    folder = root / "gtFine" / "val" / stem.split("_")[0]
    write_labels(folder / f"{stem}_gtFine_labelIds.png", target)
    write_uint16(folder / f"{stem}_gtFine_instanceIds.png", instances)
    write_labels(root / "results" / f"{stem}_pred.png", pred)


def _add_instances(rng: Bytes, target: NDArray[np.uint8], instances: NDArray[np.uint16]) -> None:
    """Paint boxes of instances over a target; what stays of a class with instances outside a box is a group."""
    height, width = target.shape
    for number in range(12):
        label = WITH_INSTANCES[rng.below(len(WITH_INSTANCES), 1)[0]]
        top, left = int(rng.below(height, 1)[0]), int(rng.below(width, 1)[0])
        box = np.s_[top : top + 2 + int(rng.below(14, 1)[0]), left : left + 2 + int(rng.below(14, 1)[0])]
        target[box] = label
        instances[box] = int(label) * 1000 + number


def _enlarge(blocks: NDArray[np.int64]) -> NDArray[np.uint8]:
    return np.kron(blocks, np.ones((BLOCK, BLOCK), np.int64)).astype(np.uint8)
