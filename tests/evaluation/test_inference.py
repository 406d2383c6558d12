from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from segbench.datasets.base import Sample, read_photograph
from segbench.errors import DataError, LabelError
from segbench.evaluation.inference import evaluate
from segbench.evaluation.protocol import Protocol
from segbench.evaluation.run import mapped
from segbench.images.files import write_image
from segbench.kernels.counting import count_pairs
from segbench.labels.mapping import MappingRule
from segbench.labels.space import LabelClass, LabelSpace
from segbench.models.segmenter import Segmenter, predict
from segbench.models.zoo.rednet import rednet
from tests.tiny import LABELS, tiny, tiny_dataset, with_depth


def test_counts_equal_predicting_and_counting_each_image_alone(tmp_path: Path) -> None:
    dataset = tiny_dataset(tmp_path)
    torch.manual_seed(0)
    segmenters = [tiny(LABELS), tiny(LABELS, channels=4)]
    results = list(evaluate(segmenters, dataset, keep_class_maps=True))
    assert [result.sample for result in results] == list(dataset.samples)
    for result in results:
        for segmenter, counts, class_map in zip(segmenters, result.counts, result.class_maps, strict=True):
            pred = predict(segmenter, read_photograph(result.sample)[None])[0]
            np.testing.assert_array_equal(class_map, pred)
            np.testing.assert_array_equal(counts.pairs.dense(), count_pairs(dataset.read_target(result.sample), pred))


def test_each_image_is_read_once_for_all_models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dataset = tiny_dataset(tmp_path)
    reads: list[Path] = []

    def counted(sample: Sample, allocate: object = None) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
        reads.append(sample.image or Path())
        return read_photograph(sample)

    monkeypatch.setattr("segbench.evaluation.inference.read_photograph", counted)
    list(evaluate([tiny(LABELS), tiny(LABELS), tiny(LABELS)], dataset))
    assert sorted(reads) == sorted(sample.image or Path() for sample in dataset.samples)


def test_an_image_of_another_size_than_its_target_is_refused_not_resized(tmp_path: Path) -> None:
    dataset = tiny_dataset(tmp_path)
    write_image(tmp_path / "images" / "s3.png", np.zeros((9, 9, 3), np.uint8))
    with pytest.raises(DataError, match=r"(?s)s3.*never resizes"):
        list(evaluate([tiny(LABELS)], dataset))


def test_a_model_of_other_classes_is_refused(tmp_path: Path) -> None:
    other = replace(LABELS, classes=LABELS.classes[::-1])
    with pytest.raises(LabelError, match="not those of 'tiny-3'"):
        list(evaluate([tiny(other)], tiny_dataset(tmp_path)))


def full_size_logits(segmenter: Segmenter, image: NDArray[np.uint8]) -> Tensor:
    """float[1, C, H, W] of one image, written out."""
    planes = segmenter.normalize(torch.from_numpy(image)[None])
    return F.interpolate(segmenter.network(planes), size=image.shape[:2], mode="bilinear", align_corners=False)


def test_precision_is_the_arithmetic_of_the_network(tmp_path: Path) -> None:
    dataset = tiny_dataset(tmp_path)
    torch.manual_seed(0)
    segmenter = tiny(LABELS)
    differ = 0
    for result in evaluate([segmenter], dataset, protocol=Protocol("bf16"), keep_class_maps=True):
        image = read_photograph(result.sample)
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
            own = full_size_logits(segmenter, image).argmax(1)[0].numpy()
        np.testing.assert_array_equal(result.class_maps[0], own)
        assert result.counts[0].pairs.pixels.sum() == own.size
        differ += int((own != predict(segmenter, image[None])[0]).sum())
    assert differ > 0


@pytest.mark.parametrize("options", [{}, {"crop": (12, 16), "stride": (12, 16)}], ids=["whole", "windows"])
def test_void_can_be_predicted_or_is_masked_before_the_argmax(tmp_path: Path, options: dict[str, Any]) -> None:
    dataset = tiny_dataset(tmp_path, images=2)
    left, right, spot = LABELS.classes
    other = [LabelClass(name, (i,), (0, 0, 0)) for i, name in ((100, "unlabelled"), (101, "sky"))]
    known = LabelSpace("tiny-5", (left, other[0], right, other[1], spot))
    torch.manual_seed(3)
    segmenter = mapped(tiny(known), MappingRule(), LABELS)
    results = {
        void: list(evaluate([segmenter], dataset, protocol=Protocol(void=void, **options), keep_class_maps=True))
        for void in ("predictable", "masked")
    }
    outside = 0
    for predictable, masked in zip(*results.values(), strict=True):
        image = read_photograph(masked.sample)
        with torch.inference_mode():
            logits = full_size_logits(segmenter, image)[0]
        if not options:
            np.testing.assert_array_equal(predictable.class_maps[0], np.array([0, 3, 1, 3, 2])[logits.argmax(0)])
            np.testing.assert_array_equal(masked.class_maps[0], logits[[0, 2, 4]].argmax(0))
        np.testing.assert_array_equal(masked.counts[0].pairs.dense(), count_pairs(dataset.read_target(masked.sample), masked.class_maps[0]))
        said = predictable.class_maps[0] < 3
        np.testing.assert_array_equal(masked.class_maps[0][said], predictable.class_maps[0][said])
        assert masked.class_maps[0].max() < 3
        outside += int((~said).sum())
    assert outside > 0


def test_a_network_with_depth_is_fed_the_depth_of_each_sample(tmp_path: Path) -> None:
    dataset = with_depth(tiny_dataset(tmp_path, images=2))
    torch.manual_seed(0)
    segmenters = [rednet(LABELS, width=0.0625), tiny(LABELS)]
    for result in evaluate(segmenters, dataset, keep_class_maps=True):
        image, depth = read_photograph(result.sample)[None], dataset.read_target(result.sample).astype(np.float32)[None]
        np.testing.assert_array_equal(result.class_maps[0], predict(segmenters[0], image, depth)[0])
        np.testing.assert_array_equal(result.class_maps[1], predict(segmenters[1], image)[0])
        assert (result.class_maps[0] != predict(segmenters[0], image, 100 - 10 * depth)[0]).any()


def test_a_network_with_depth_on_a_dataset_without_it_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="tiny has no depth"):
        list(evaluate([rednet(LABELS, width=0.03125)], tiny_dataset(tmp_path)))


def test_depth_of_another_size_than_the_image_is_an_error(tmp_path: Path) -> None:
    dataset = replace(tiny_dataset(tmp_path), read_depth=lambda sample: np.zeros((4, 4), np.float32))
    with pytest.raises(DataError, match=r"s0: depth is \(4, 4\)"):
        list(evaluate([rednet(LABELS, width=0.03125)], dataset))
