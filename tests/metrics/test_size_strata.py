"""Strata of segment size by quantiles, against sorting all segments of a data set."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.ndimage import label

from segbench.files.json_text import dump_json
from segbench.kernels.error_counting import list_segments
from segbench.labels.decoding import Decoding
from segbench.metrics.counting import count_maps
from segbench.metrics.extras import STATISTICS
from segbench.metrics.image_counts import Counted, Counting, ImageCounts
from segbench.metrics.per_image import totals
from segbench.metrics.size_strata import SegmentSizes, SizeStrata, bounds_of, read_strata
from segbench.metrics.uncertainty import Intervals, bootstrap
from segbench.records.run_record import read_run
from tests.metrics.test_surface import IDS, PLAIN, maps
from tests.scoring.test_errors_score import root, score, segbench
from tests.tiny import LABELS

__all__ = ["root"]  # a fixture

COUNTING = Counting(Decoding.of_files(LABELS), strata=4)


def plain_segments(target: NDArray[np.uint8], pred: NDArray[np.uint8], classes: int) -> list[list[int]]:
    found = []
    for c in range(classes):
        numbers, many = label(target == c)
        found += [[c, int((numbers == i + 1).sum()), int(((numbers == i + 1) & (pred == c)).sum())] for i in range(many)]
    return sorted(found)


@given(st.integers(0, 10**6))
def test_segments_are_the_components_of_each_class(seed: int) -> None:
    target, pred = maps(seed)
    assert sorted(list_segments(target, pred, PLAIN, PLAIN, 3).tolist()) == plain_segments(target, pred, 3)


def images(seed: int, number: int) -> list[tuple[str, ImageCounts]]:
    pairs = [maps(seed + each) for each in range(number)]
    return [(f"{at}", count_maps(COUNTING, IDS[np.minimum(t, 3)], IDS[np.minimum(p, 2)])) for at, (t, p) in enumerate(pairs)]


@given(st.integers(0, 10**6), st.integers(1, 5))
def test_strata_are_cut_at_the_quantiles_of_all_segments(seed: int, number: int) -> None:
    pairs = [maps(seed + each) for each in range(number)]
    segments = np.array(sorted(row for t, p in pairs for row in plain_segments(np.minimum(t, 3), np.minimum(p, 2), 3)), np.int64).reshape(
        -1, 3
    )
    strata = Counted.of(COUNTING, images(seed, number)).total.strata
    assert strata is not None
    if not len(segments):
        assert strata.bounds == (0, 0, 0, 0)
        return
    sizes = np.sort(segments[:, 1])
    assert list(strata.bounds) == np.quantile(sizes, [0.25, 0.5, 0.75, 1], method="inverted_cdf").tolist()
    below = 0
    for at, bound in enumerate(strata.bounds):
        inside = segments[(segments[:, 1] > below) & (segments[:, 1] <= bound)]
        right = 2 * inside[:, 2] >= inside[:, 1]
        assert strata.counts[:, at].sum(axis=0).tolist() == [len(inside), right.sum(), *inside[:, 1:].sum(axis=0).tolist()]
        below = bound
    assert strata.counts[..., 0].sum() == len(segments)


def test_images_add_up_to_the_record_and_have_intervals() -> None:
    counted = Counted.of(COUNTING, images(5, 12))
    strata = counted.total.strata
    assert strata is not None
    assert np.array_equal(counted.per_image.beside["strata_4"].sum(axis=0), strata.counts)
    own, of_images = strata.scores(LABELS), totals(LABELS, counted.per_image)
    assert list(own) == list(STATISTICS["strata_4"].names)
    assert own == pytest.approx({name: float(of_images[name]) for name in own})
    found = bootstrap(LABELS, counted.per_image, replicates=100)
    again = Intervals.from_dict(json.loads(dump_json(found.to_dict(LABELS))), LABELS)
    assert list(again.bounds) == list(found.bounds)


def test_numbers_survive_json_and_those_that_do_not_fit_are_refused() -> None:
    counted = Counted.of(COUNTING, images(5, 3))
    total = counted.total.strata
    assert isinstance(total, SizeStrata)
    assert isinstance(again := read_strata(json.loads(dump_json(total.to_dict())), 3), SizeStrata)
    assert again.to_dict() == total.to_dict()
    for each in counted.extras["strata"]:
        assert isinstance(own := read_strata(each.to_dict(), 3), SegmentSizes)
        assert np.array_equal(own.rows, each.rows)
    for change, said in (
        ({"bounds": [4, 3, 2, 9]}, "must ascend"),
        ({"bounds": [1, 2]}, "whole numbers"),
        ({"segments": []}, "whole numbers"),
    ):
        with pytest.raises(ValueError, match=said):
            read_strata(total.to_dict() | change, 3)
    with pytest.raises(ValueError, match="above 0"):
        read_strata({"strata": 4, "sizes": [[3, 1, 1, 0, 0]]}, 3)


def test_no_segments_have_no_bounds() -> None:
    assert bounds_of([SegmentSizes(np.zeros((0, 5), np.int64), 3, 2)]) == (0, 0, 0)


def test_score_records_the_bounds_and_shards_give_the_same(root: Path) -> None:
    options = ("--size-strata", 3, "--errors")
    result = score(root, "blind", *options, "--json", root / "whole.json")
    assert result.exit_code == 0, result.output
    record = read_run(root / "whole.json")
    assert record.strata is not None
    assert record.strata.counts[2].sum(axis=0).tolist()[0] == 6  # spots
    assert f"1 of 3, up to {record.strata.bounds[0]} px" in result.stdout
    assert record.to_json() == (root / "whole.json").read_text()
    facts = json.loads(segbench("errors", root / "whole.json", "--json").stdout)
    assert facts[0]["strata"]["bounds"] == list(record.strata.bounds)
    for index in (1, 2):
        assert score(root, "blind", *options, "--shard", f"{index}/2", "--out", root / "parts").exit_code == 0
    assert segbench("merge", root / "parts", "--json", root / "merged.json").exit_code == 0
    assert (root / "merged.json").read_text() == (root / "whole.json").read_text()
    assert (root / "merged.npz").read_bytes() == (root / "whole.npz").read_bytes()
