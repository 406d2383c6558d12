"""The shift between conditions, against scoring each condition by itself."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from segbench.cli.main import main
from segbench.errors import LabelError
from segbench.labels.space import LabelClass, LabelSpace, numbered_labels
from segbench.metrics.confusion import ConfusionMatrix
from segbench.metrics.matrices import CellLog, Matrices
from segbench.metrics.per_image import PerImage
from segbench.metrics.scores import score
from segbench.metrics.shift import Condition, conditions_of, shift_of
from segbench.records.per_image import write_per_image
from segbench.records.run_record import RunRecord
from tests.metrics.test_uncertainty import THREE, street

NAMES = ["fog", "night", "night", "snow"] * 15
IDS = [f"{name}/drive{at // 8}/{at:02d}" for at, name in enumerate(NAMES)]


def matrices(seed: int = 0) -> np.ndarray:
    counts = street(np.random.default_rng(seed), len(NAMES))
    fog = [at for at, name in enumerate(NAMES) if name == "fog"]
    counts[fog, 2] = 0  # nobody walks in the fog
    return counts


def named(found: list[Condition]) -> dict[str, Condition]:
    return {each.name: each for each in found}


def test_each_condition_scores_what_its_images_alone_score() -> None:
    counts = matrices()
    found = named(conditions_of(THREE, PerImage(counts), NAMES))
    assert list(found) == ["fog", "night", "snow"]
    for name, condition in found.items():
        own = counts[[at for at, each in enumerate(NAMES) if each == name]]
        alone = score(ConfusionMatrix(THREE, own.sum(axis=0)))
        assert condition.images == len(own)
        assert float(condition.scores["miou"]) == pytest.approx(alone.miou, rel=1e-12)
        low, high = condition.bounds["miou"]
        assert low < alone.miou < high


def test_a_difference_is_over_the_classes_that_both_hold() -> None:
    counts = matrices()
    found = named(conditions_of(THREE, PerImage(counts), NAMES))
    shift = shift_of(found["fog"], found["night"])
    assert shift.common == THREE.class_names[:2]
    ious = [
        score(ConfusionMatrix(THREE, counts[[at for at, each in enumerate(NAMES) if each == name]].sum(axis=0))).class_iou[:2].mean()
        for name in ("fog", "night")
    ]
    assert float(shift.difference["miou"]) == pytest.approx(ious[0] - ious[1], rel=1e-12)
    low, high = shift.bounds["miou"]
    assert low < shift.difference["miou"] < high
    assert shift_of(found["snow"], found["night"]).common == THREE.class_names
    back = shift_of(found["night"], found["fog"])
    assert np.allclose(back.bounds["miou"], -shift.bounds["miou"][::-1], rtol=1e-12)


def test_conditions_that_are_alike_are_not_told_apart_and_one_that_is_worse_is() -> None:
    counts, many = street(np.random.default_rng(1), 200), ["a", "b"] * 100
    found = named(conditions_of(THREE, PerImage(counts), many))
    low, high = shift_of(found["a"], found["b"]).bounds["miou"]
    assert low < 0 < high
    worse = counts.copy()
    worse[::2, 1] = worse[::2, 1, [2, 0, 1, 3]]
    found = named(conditions_of(THREE, PerImage(worse), many))
    assert shift_of(found["a"], found["b"]).bounds["miou"][1] < 0


def test_other_conditions_and_the_order_of_images_do_not_matter() -> None:
    counts, order = matrices(), np.random.default_rng(3).permutation(len(NAMES))
    whole = named(conditions_of(THREE, PerImage(counts), NAMES))
    turned = named(conditions_of(THREE, PerImage(counts[order]), [NAMES[at] for at in order]))
    without = [at for at, name in enumerate(NAMES) if name != "snow"]
    fewer = named(conditions_of(THREE, PerImage(counts[without]), [NAMES[at] for at in without]))
    for other in (turned, fewer):
        assert np.array_equal(whole["night"].bounds["miou"], other["night"].bounds["miou"])


def test_no_common_class_is_no_difference_and_other_classes_are_refused() -> None:
    counts = np.zeros((4, 3, 4), np.int64)
    counts[:2, 0, 0], counts[2:, 1, 1] = 9, 9
    found = named(conditions_of(THREE, PerImage(counts), ["a", "a", "b", "b"]))
    shift = shift_of(found["a"], found["b"])
    assert shift.common == ()
    assert np.isnan(shift.difference["miou"])
    two = LabelSpace("two", tuple(LabelClass(f"{i}", (i,), (i, i, i)) for i in range(2)))
    (other,) = conditions_of(two, PerImage(np.ones((2, 2, 3), np.int64)), ["c", "c"])
    with pytest.raises(ValueError, match="other classes"):
        shift_of(found["a"], other)
    with pytest.raises(ValueError, match="3 conditions for 4 images"):
        conditions_of(THREE, PerImage(counts), ["a"] * 3)


def segbench(*words: object) -> Result:
    return CliRunner().invoke(main, [str(word) for word in words], catch_exceptions=False)


def write(root: Path, name: str, ids: list[str], counts: np.ndarray, split: str = "val") -> Path:
    data = {"name": "roads", "split": split, "images": len(ids), "targets_sha256": "00", "pixels": int(counts.sum())}
    confusion = ConfusionMatrix(THREE, counts.sum(axis=0))
    record = RunRecord({"name": name, "arguments": {}}, data, {"source": "label maps"}, {}, confusion, command="segbench score PREDS GTS")
    root.mkdir(exist_ok=True)
    (root / f"{name}.json").write_text(record.to_json())
    write_per_image(root / f"{name}.npz", ids, PerImage(counts))
    return root / f"{name}.json"


def test_the_command_needs_a_record_alone(tmp_path: Path) -> None:
    path = write(tmp_path / "r", "net", IDS, matrices())
    shown = segbench("shift", path, "--against", "night", "--per-class")
    assert shown.exit_code == 0, shown.output
    assert all(words in shown.stdout for words in ("net: condition", "minus night", "over 2 classes", "class IoU", "over 60 images"))
    (facts,) = json.loads(segbench("shift", path, "--against", "night", "--json").stdout)
    assert [each["name"] for each in facts["conditions"]] == ["fog", "night", "snow"]
    assert "shift" not in facts["conditions"][1]
    assert facts["conditions"][0]["shift"]["classes"] == list(THREE.class_names[:2])
    plain = segbench("shift", tmp_path / "r", "--draw", "folder")
    assert "folders" in plain.stdout
    assert "minus" not in plain.stdout
    by_drive = segbench("shift", path, "--groups", r"drive(\d)", "--against", "0")
    assert "minus 0" in by_drive.stdout


def test_the_reference_can_be_a_record_of_other_images(tmp_path: Path) -> None:
    night = write(tmp_path / "r", "night", [f"night/{at}" for at in range(20)], street(np.random.default_rng(5), 20))
    day = write(tmp_path / "r", "day", [f"{at}" for at in range(30)], street(np.random.default_rng(6), 30), "day")
    shown = segbench("shift", night, "--against", day)
    assert shown.exit_code == 0, shown.output
    assert "minus roads day" in shown.stdout


def test_what_is_no_condition_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "r", "net", IDS, matrices())
    refused = segbench("shift", path, "--against", "nigth")
    assert refused.exit_code == 2
    assert "--against nigth: no such condition" in refused.stderr
    assert "night" in refused.stderr
    plain = write(tmp_path / "r", "plain", [f"{at}" for at in range(60)], matrices())
    refused = segbench("shift", plain)
    assert refused.exit_code == 2
    assert "60 of 60 images have no condition in their name" in refused.stderr
    assert "--groups takes city, sequence, condition" in refused.stderr
    (tmp_path / "r" / "net.npz").unlink()
    assert "a comparison needs what was counted in every image" in segbench("shift", path).stderr


def test_more_classes_than_replicates_can_hold_are_refused() -> None:
    log = CellLog.of(np.array([1, 2]), np.array([0, 0]), np.array([1, 1]))
    counted = PerImage(Matrices(log, 60_000, 60_001))
    with pytest.raises(LabelError, match="replicates of 2 conditions and 60000 classes would take 90 GB; score each condition by itself"):
        conditions_of(numbered_labels(60_000), counted, ["fog", "night"])
