"""Label spaces of 65 535 classes: maps of 16 bits, scored by a whole process, compared and merged without a matrix that is whole."""

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from numpy.typing import NDArray
from PIL import Image

from segbench.cli.main import main
from segbench.records.run_record import read_run
from tests.scoring.peak_memory import score_alone

MOST = VOID = 65_535
IMAGES = 4
pytestmark = pytest.mark.slow


def drawn(seed: int, classes: int) -> tuple[NDArray[np.uint16], NDArray[np.uint16]]:
    """A target of every class, and of void, and a prediction that is wrong on a fifth of it."""
    rng = np.random.default_rng(seed)
    target = np.where((values := rng.permutation(MOST + 1)) == VOID, VOID, values % classes).astype(np.uint16)
    target = np.repeat(target.reshape(256, 256), 2, axis=1)
    return target, np.where(rng.random(target.shape) < 0.2, rng.integers(0, classes, target.shape, np.uint16), target)


def write(root: Path, classes: int) -> None:
    for name in ("gts", "preds"):
        (root / name).mkdir()
    for index in range(IMAGES):
        for name, values in zip(("gts", "preds"), drawn(index, classes), strict=True):
            Image.fromarray(values).save(root / name / f"{index}.png")
    names = ", ".join(f"c{i}" for i in range(classes))
    (root / "labels.yaml").write_text(f"name: all\nclasses: [{names}]\nvoid: [{{name: void, ids: [{VOID}]}}]\n")


def test_class_iou_of_65_535_classes_is_that_of_bincount_in_less_than_600_mb(tmp_path: Path) -> None:
    write(tmp_path, MOST)
    printed, peak = score_alone(tmp_path, "--workers", "2", "--json", "n.json")
    targets, preds = (np.concatenate([drawn(index, MOST)[side].reshape(-1) for index in range(IMAGES)]) for side in (0, 1))
    targets, preds = targets[inside := targets != VOID], preds[inside]
    rows, columns = (np.bincount(each, minlength=MOST) for each in (targets, preds))
    hits = np.bincount(targets[targets == preds], minlength=MOST)
    scores = read_run(tmp_path / "n.json").scores
    assert np.array_equal(scores.class_iou, hits / (rows + columns - hits))
    assert (scores.acc, scores.acc_cls) == (hits.sum() / len(targets), pytest.approx((hits / rows).mean()))
    assert np.array_equal(scores.class_dice, 2 * hits / (rows + columns))
    assert np.array_equal(scores.class_precision, hits / columns)
    assert f"of {MOST} classes the 20 with the lowest and the 20 with the highest IoU" in printed
    assert len(printed.splitlines()) < 60
    assert peak < 600e6


def test_what_is_made_of_16_500_classes_works_or_says_why_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, 16_500)
    monkeypatch.chdir(tmp_path)
    score = ("score", "preds", "gts", "--labels", "labels.yaml", "--data-name", "d", "--name", "n")
    works = {
        (*score, "--json", "n.json"): "of 16500 classes the 20",
        (*score, "--explain"): "mean over the images of each class, then over classes (mIoU^C)",
        (*score, "--shard", "1/2", "--out", "parts"): "shard 1/2",
        (*score, "--shard", "2/2", "--out", "parts"): "shard 2/2",
        ("merge", "parts", "--json", "m.json"): "of 16500 classes the 20",
        ("worst", "n.json"): "its lowest classes",
    }
    refused = {
        ("means", "n.json"): "has --average-over",
        (*score, "--replicates", "5000"): "leave out --replicates",
        (*score, "--errors"): "leave out --errors",
    }
    for arguments, said in (works | refused).items():
        done = CliRunner().invoke(main, arguments)
        assert (done.exit_code == 0) == (arguments in works), done.output[-2000:]
        assert said in done.output, arguments
    merged, whole = (json.loads(Path(name).read_text()) | {"environment": 0} for name in ("m.json", "n.json"))
    assert merged == whole
