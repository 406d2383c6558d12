from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from segbench.cli.main import main
from segbench.images.files import read_labels, write_labels
from segbench.labels.decoding import Decoding
from segbench.metrics.confusion import ConfusionMatrix
from segbench.metrics.counting import count_maps
from segbench.metrics.image_counts import Counting
from segbench.metrics.scores import score
from segbench.metrics.trimap import WIDTHS, Trimap
from segbench.records.run_record import read_run
from tests.metrics.test_boundary_iou import blobs
from tests.tiny import LABELS, tiny_dataset

COUNTING = Counting(Decoding.of_files(LABELS), trimap=True)


def segbench(*words: Any) -> Result:
    return CliRunner().invoke(main, [str(word) for word in words], catch_exceptions=False)


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 10**6), st.sampled_from([3, 6, 12]))
def test_each_width_is_the_score_of_the_pixels_that_near_another_class(seed: int, size: int) -> None:
    """Without void: a pixel is near an edge if the square around it holds another class."""
    rng = np.random.default_rng(seed)
    t, p = blobs(rng, (30, 70), 3, size), blobs(rng, (30, 70), 3, size)
    ids = LABELS.id_of_index
    trimap = count_maps(COUNTING, ids[t], ids[p]).trimap
    assert trimap is not None
    for width, miou in trimap.mious(LABELS).items():
        square = {"size": 2 * width + 1, "mode": "nearest"}
        near = ndimage.maximum_filter(t, **square) != ndimage.minimum_filter(t, **square)
        confusion = np.zeros((3, 4), np.int64)
        np.add.at(confusion, (t[near], p[near]), 1)
        assert miou == pytest.approx(score(ConfusionMatrix(LABELS, confusion)).miou, nan_ok=True)


def test_curves_are_read_as_they_were_written() -> None:
    counts = np.arange(3 * len(WIDTHS) * 3).reshape(3, len(WIDTHS), 3)
    assert np.array_equal(Trimap.from_dict(json.loads(json.dumps(Trimap(counts).to_dict())), 3).counts, counts)
    with pytest.raises(ValueError, match="whole numbers"):
        Trimap.from_dict({"widths": list(WIDTHS), "counts": [[1]]}, 3)
    with pytest.raises(ValueError, match="this segbench knows"):
        Trimap.from_dict({"widths": [1, 3], "counts": [[1]]}, 3)


def test_score_prints_and_records_the_curve_and_shards_merge_to_it(tmp_path: Path) -> None:
    for sample in tiny_dataset(tmp_path / "data").samples:
        write_labels(tmp_path / "preds" / sample.target.name, np.roll(read_labels(sample.target), 1, 1))
    (tmp_path / "labels.yaml").write_text(json.dumps(LABELS.to_dict()))
    words = ["score", tmp_path / "preds", tmp_path / "data" / "targets", "--labels", tmp_path / "labels.yaml", "--trimap"]
    whole = segbench(*words, "--json", tmp_path / "one.json")
    assert whole.exit_code == 0, whole.output
    assert "within px of an edge" in whole.stdout
    record, stored = read_run(tmp_path / "one.json"), json.loads((tmp_path / "one.json").read_text())
    assert record.trimap is not None
    assert record.to_json() == (tmp_path / "one.json").read_text()
    curve = record.trimap.mious(LABELS)
    assert curve[1] < curve[4] < curve[32] <= 1
    assert stored["scores"]["trimap_miou_4"] == curve[4]
    low, high = stored["intervals"]["trimap_miou_4"]
    assert low <= curve[4] <= high
    for shard in ("1/2", "2/2"):
        assert segbench(*words, "--out", tmp_path / "parts", "--shard", shard).exit_code == 0
    assert segbench("merge", tmp_path / "parts", "--json", tmp_path / "all.json").exit_code == 0
    for ending in ("json", "npz"):
        assert (tmp_path / f"all.{ending}").read_bytes() == (tmp_path / f"one.{ending}").read_bytes()
