"""Each convention against its sentence, on pixels: 3 classes of which one may be absent, void 255, images of several sizes."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from segbench.labels.decoding import Decoding
from segbench.labels.space import LabelClass, LabelSpace
from segbench.metrics.conventions import BATCH, CONVENTIONS, explain, foreground
from segbench.metrics.counting import count_maps
from segbench.metrics.image_counts import Counted, Counting
from tests.strategies import plain_labels

LABELS = plain_labels(4)
Pair = tuple[NDArray[np.uint8], NDArray[np.uint8]]


def pairs(images: int, seed: int) -> list[Pair]:
    """Class 2 is only predicted, class 3 is nowhere; one image is void all over."""
    rng = np.random.default_rng(seed)
    made = []
    for index in range(images):
        shape = (4 + index % 3, 5)
        target = rng.choice([0, 1, 255], shape, p=[0.6, 0.3, 0.1]).astype(np.uint8)
        if index % 4 == 1:
            target[target == 1] = 0
        if index == 2:
            target[:] = 255
        made.append((target, rng.choice([0, 1, 2, 255], shape, p=[0.5, 0.3, 0.15, 0.05]).astype(np.uint8)))
    return made


def counted(made: Sequence[Pair]) -> Counted:
    counting = Counting(Decoding.of_files(LABELS))
    return Counted.of(counting, ((str(index), count_maps(counting, target, pred)) for index, (target, pred) in enumerate(made)))


def iou(made: Sequence[Pair], label: int, *, mask_void: bool = True) -> float:
    """Over the pixels of all these images; NaN without a union."""
    hits = union = 0
    for target, pred in made:
        looked_at = target != 255 if mask_void else np.ones_like(target, bool)
        hits += int((looked_at & (target == label) & (pred == label)).sum())
        union += int((looked_at & ((target == label) | (pred == label))).sum())
    return hits / union if union else math.nan


def has(made: Sequence[Pair], label: int) -> bool:
    return any((target == label).any() for target, _ in made)


def miou(made: Sequence[Pair]) -> float:
    return float(np.nanmean([iou(made, label) for label in range(4)]))


def of_image(pair: Pair) -> list[float]:
    return [iou([pair], label) if has([pair], label) else math.nan for label in range(4)]


def _micro(made: Sequence[Pair]) -> float:
    target, pred = (np.concatenate([image[side].ravel() for image in made]) for side in (0, 1))
    target, pred = target[target != 255], pred[target != 255]
    hits = int((target == pred).sum())
    return hits / (len(target) + int((pred < 4).sum()) - hits)


ORACLES = {
    "segbench, Cityscapes": miou,
    "IoU 0": lambda made: sum(np.nan_to_num(iou(made, label)) for label in range(4)) / 4,
    "IoU 1": lambda made: sum(np.nan_to_num(iou(made, label), nan=1.0) for label in range(4)) / 4,
    "only classes of the targets": lambda made: np.mean([iou(made, label) for label in range(4) if has(made, label)]),
    "void not masked": lambda made: np.nanmean([iou(made, label, mask_void=False) for label in range(3)]),
    "batches": lambda made: np.mean([miou(made[start : start + BATCH]) for start in range(0, len(made), BATCH)]),
    "mIoU^I": lambda made: np.mean([np.nanmean(of_image(pair)) for pair in made if (pair[0] != 255).any()]),
    "torchmetrics": lambda made: np.mean([miou([pair]) for pair in made if (pair[0] != 255).any()]),
    "predicted as no class": lambda made: miou([(np.where(pred == 255, np.uint8(255), target), pred) for target, pred in made]),
    "mIoU^C": lambda made: np.mean([np.nanmean([of_image(pair)[label] for pair in made]) for label in (0, 1)]),
    "micro": _micro,
    "mean Dice": lambda made: np.nanmean([2 * iou(made, label) / (1 + iou(made, label)) for label in range(4)]),
}


OF_CLASSES = [name for name in CONVENTIONS if "foreground" not in name]


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("name", OF_CLASSES)
def test_a_convention_is_what_its_name_says(name: str, seed: int) -> None:
    (oracle,) = (of for part, of in ORACLES.items() if part in name)
    made = pairs(19, seed)
    assert CONVENTIONS[name](counted(made)) == pytest.approx(float(oracle(made)), abs=1e-12)


def circles() -> list[Pair]:
    """Polyps of several sizes, predicted two pixels beside where they are; the last image has none."""
    y, x = np.mgrid[:64, :64]
    targets = [((y - 32) ** 2 + (x - 32) ** 2 < radius**2).astype(np.uint8) for radius in (3, 5, 8, 12, 20, 0)]
    return [(target, np.roll(target, 2, 1)) for target in targets]


@pytest.mark.parametrize("names", [("background", "polyp"), ("tissue", "polyp"), ("polyp", "BG", "tool")])
def test_dice_of_the_foreground_is_said_by_every_rule_for_images_without_it(names: tuple[str, ...]) -> None:
    labels = LabelSpace("polyps", tuple(LabelClass(name, (index,), (0, 0, 0)) for index, name in enumerate(names)))
    made = circles() if len(names) == 2 else [(1 - target, 1 - pred) for target, pred in circles()]
    counting = Counting(Decoding.of_files(labels))
    found = explain(Counted.of(counting, ((str(i), count_maps(counting, *pair)) for i, pair in enumerate(made))))
    values = {name.partition("foreground, ")[2]: 100 * value for name, value in found.items() if "foreground" in name}
    assert {name: round(value, 1) for name, value in values.items()} == {
        "over the pixels of all images": 90.8,
        "mean over images; images without it are left out": 80.3,
        "mean over images; images without it count as 1": 83.6 if len(names) == 2 else 91.8,
    }


def test_without_a_background_there_is_no_foreground() -> None:
    assert foreground(LABELS) == []
    assert not any("foreground" in name for name in explain(counted(pairs(5, 0))))


def test_the_first_convention_is_the_score_that_is_recorded() -> None:
    scored = counted(pairs(9, 3))
    assert next(iter(CONVENTIONS.values()))(scored) == scored.scores.miou


def test_conventions_differ_by_many_points_on_the_same_maps() -> None:
    values = [of(counted(pairs(19, 0))) for of in CONVENTIONS.values()]
    assert max(values) - min(values) > 0.2


@pytest.mark.parametrize("name", CONVENTIONS)
def test_nothing_is_defined_where_everything_is_void(name: str) -> None:
    blank = counted([(np.full((3, 3), 255, np.uint8), np.full((3, 3), 255, np.uint8))])
    value = CONVENTIONS[name](blank)
    assert math.isnan(value) or value == ("IoU 1" in name)
