"""Parity with cityscapesScripts 2.3.0: every key, every number, to the last bit. ``pytest -m oracle``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from segbench.datasets.cityscapes import _TABLE, LABELS
from tests.golden.generated_set import draw_pair, write_pair, write_set
from tests.oracle.official import NoOracle, environment, label_table, official_json, our_json

pytestmark = pytest.mark.oracle

Maps = tuple[NDArray[np.uint8], NDArray[np.uint16], NDArray[np.uint8]]


@pytest.fixture(scope="session")
def oracle() -> Path:
    try:
        return environment()
    except NoOracle as reason:
        pytest.skip(f"the official scorer cannot be installed: {reason}")


def assert_equal_to_official(oracle: Path, root: Path) -> None:
    assert our_json(root) == official_json(oracle, root).replace("NaN", "null")


@pytest.mark.parametrize("seed", range(6))
def test_generated_sets_give_the_official_json_byte_for_byte(oracle: Path, tmp_path: Path, seed: int) -> None:
    assert_equal_to_official(oracle, write_set(tmp_path, seed=seed, images=2 + seed))


def _all_void_targets(target: NDArray[np.uint8], instances: NDArray[np.uint16], pred: NDArray[np.uint8]) -> Maps:
    return np.zeros_like(target), instances, pred


def _perfect(target: NDArray[np.uint8], instances: NDArray[np.uint16], pred: NDArray[np.uint8]) -> Maps:
    return target, instances, target


def _no_instances(target: NDArray[np.uint8], instances: NDArray[np.uint16], pred: NDArray[np.uint8]) -> Maps:
    return target, target.astype(np.uint16), pred


def _void_predictions(target: NDArray[np.uint8], instances: NDArray[np.uint16], pred: NDArray[np.uint8]) -> Maps:
    return target, instances, np.zeros_like(pred)


def _value_1000(target: NDArray[np.uint8], instances: NDArray[np.uint16], pred: NDArray[np.uint8]) -> Maps:
    # 1000 itself is no instance: the official condition is strict.
    return target, np.where(instances >= 1000, instances, 1000).astype(np.uint16), pred


def _vehicles_taken_for_trailers(target: NDArray[np.uint8], instances: NDArray[np.uint16], pred: NDArray[np.uint8]) -> Maps:
    return target, instances, np.where(np.isin(pred, (26, 27, 7)), 30, pred).astype(np.uint8)


@pytest.mark.parametrize(
    "change",
    [_all_void_targets, _perfect, _no_instances, _void_predictions, _value_1000, _vehicles_taken_for_trailers],
    ids=lambda f: f.__name__,
)
def test_extreme_sets_give_the_official_json_byte_for_byte(oracle: Path, tmp_path: Path, change: Callable[..., Maps]) -> None:
    for index in range(2):
        write_pair(tmp_path, f"lindau_000000_{index:06}", *change(*draw_pair(20 + index, index, (64, 96))))
    assert_equal_to_official(oracle, tmp_path)


def test_label_table_is_the_official_one(oracle: Path) -> None:
    train_id = {label.ids[0]: index for index, label in enumerate(LABELS.classes)}
    ours = [
        [name, i, train_id.get(i, -1 if i < 0 else 255), category, has_instances, not evaluated, list(color)]
        for name, i, category, has_instances, evaluated, color in _TABLE
    ]
    assert ours == label_table(oracle)
