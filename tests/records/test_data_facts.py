from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from segbench.datasets.base import Dataset, Sample
from segbench.records.data_facts import data_facts, targets_fingerprint
from tests.strategies import plain_labels


def histogram(**pixels: int) -> np.ndarray:
    result = np.zeros(256, np.int64)
    for byte, count in pixels.items():
        result[int(byte[1:])] = count
    return result


def test_a_fingerprint_tells_other_targets_apart() -> None:
    base = [("a", histogram(b7=5)), ("b", histogram(b8=5))]
    prints = [
        targets_fingerprint(targets)
        for targets in (
            base,
            base[::-1],
            base[:1],
            [("a", histogram(b7=4)), base[1]],
            [("c", base[0][1]), base[1]],
            [("a", base[1][1]), ("b", base[0][1])],
        )
    ]
    assert len(set(prints)) == len(prints)
    assert targets_fingerprint(iter(base)) == prints[0]


def test_a_fingerprint_does_not_change_between_versions() -> None:
    expected = "dc8a1e6b42c5a3c4d6e2c96abdfb0781a5c83ee1566d7fa89ce67a6f1f676424"
    assert targets_fingerprint([("a", histogram(b7=5)), ("b", histogram(b8=5))]) == expected


@pytest.mark.parametrize(
    ("images", "size", "unofficial"),
    [
        (2, (4, 5), []),
        (None, None, []),
        (500, None, ["2 images instead of 500"]),
        (2, (8, 10), ["2 targets are not 10x8"]),
        (500, (8, 10), ["2 images instead of 500", "2 targets are not 10x8"]),
    ],
)
def test_resized_targets_and_incomplete_splits_are_facts_of_a_record(
    images: int | None, size: tuple[int, int] | None, unofficial: list[str]
) -> None:
    histogram = np.zeros(256, np.int64)
    histogram[7] = 20
    samples = tuple(Sample(name, None, Path(f"{name}.png")) for name in "ab")
    dataset = Dataset("city", "val", plain_labels(9), samples, Path(), official_images=images, official_size=size)
    facts = data_facts(dataset, [("a", histogram), ("b", histogram)])
    assert facts.get("unofficial", []) == unofficial
    assert facts["pixels"] == 40


def test_the_first_samples_are_known_to_be_some_of_a_whole_split() -> None:
    samples = tuple(Sample(name, None, Path(f"{name}.png")) for name in "abc")
    dataset = Dataset("city", "val", plain_labels(9), samples, Path(), official_images=3)
    first = dataset.first(2).first(1)
    assert first.samples == samples[:1]
    assert dataset.first(None) is dataset
    assert len(dataset.first(9)) == 3
    facts = data_facts(first, [("a", histogram(b7=20))])
    assert (facts["images"], facts["of"], "unofficial" in facts) == (1, 3, False)
