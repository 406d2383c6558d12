from __future__ import annotations

from typing import Any

import pytest

from segbench.records.provenance import extra_data, is_of, training_sets

MINICITY: dict[str, Any] = {"dataset": "minicity", "split": "train", "images": 400}


@pytest.mark.parametrize(
    ("trained_on", "sets", "extra"),
    [
        (MINICITY, ("minicity train",), "none"),
        (MINICITY | {"continued_from": MINICITY}, ("minicity train",), "none"),
        (MINICITY | {"continued_from": {"dataset": "ImageNet"}}, ("minicity train", "ImageNet"), "ImageNet"),
        ({"dataset": "Cityscapes fine, train"}, ("Cityscapes fine, train",), "Cityscapes fine, train"),
        (MINICITY | {"continued_from": {"source": "somewhere"}}, ("minicity train", "unknown"), "unknown"),
        ({}, ("unknown",), "unknown"),
        (None, ("unknown",), "unknown"),
    ],
)
def test_what_a_network_has_seen_is_followed_back_to_the_first_round(trained_on: Any, sets: tuple[str, ...], extra: str) -> None:
    assert training_sets(trained_on) == sets
    assert extra_data(trained_on, "minicity") == extra


def test_words_of_other_code_bases_name_their_dataset() -> None:
    assert is_of("Cityscapes fine, train", "cityscapes")
    assert is_of("Cityscapes, train", "cityscapes")
    assert not is_of("Cityscapes or CamVid", "cityscapes")
    assert not is_of("ImageNet", "cityscapes")
    assert not is_of("unknown", "cityscapes")
