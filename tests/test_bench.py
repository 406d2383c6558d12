"""The bench itself is run by ``tox -e bench``; here is what its page says about figures."""

from __future__ import annotations

import io
import json
import math

import numpy as np
import pytest
from PIL import Image

from tests.bench import data, page, profile
from tests.bench.rows import Row
from tests.bench.scoring_bench import PEERS

REACHED, MISSED = Row("a figure", "a peer", 2.0, 50.0, 20), Row("another", "a peer", 2.0, 30.0, 20, "why")
LOST, FREE = Row("a third", "gone", 2.0, math.nan, 20, "not measured: pip failed"), Row("a fourth", "a peer", 4.0, 2.0)
ABOUT = page.facts(2)


def test_a_ratio_is_theirs_by_ours_and_is_missed_below_what_is_asked() -> None:
    assert (REACHED.ratio, MISSED.ratio, FREE.ratio) == (25, 15, 0.5)
    assert [page.state(row) for row in (REACHED, MISSED, LOST, FREE)] == ["reached", "missed", "not measured", ""]
    assert page.state(Row("exact", "", 1.0, 20.0, 20)) == "reached"


def test_the_page_shows_what_is_missed_and_what_could_not_be_measured() -> None:
    text = page.page([REACHED, MISSED, LOST, FREE], ABOUT, {"A pair": [("read", 1.0), ("count", 3.0)]}, quick=False)
    assert "1 figures are reached, 1 missed, 1 could not be measured." in text
    assert "| another | a peer | 2 ms | 30 ms | 15x |  | 20x | missed |" in text
    assert "**Missed: another, against a peer.** 15x of 20x, -25%." in text
    assert "| a third | gone | 2 ms | – | – |  | 20x | not measured |" in text
    assert "| count | 3.00 | 75% |" in text
    assert "quick run" not in text


def test_what_is_stored_is_plain_json() -> None:
    stored = json.loads(json.dumps(page.document([MISSED, LOST], ABOUT, {}, quick=True), allow_nan=False))
    assert [row["peer_ms"] for row in stored["rows"]] == [30.0, None]
    assert stored["quick"] is True


@pytest.mark.parametrize("peer", PEERS, ids=[peer.name for peer in PEERS])
def test_a_peer_that_counts_one_pixel_elsewhere_is_noticed(peer: object) -> None:
    pairs = np.zeros((256, 256), np.int64)
    pairs[:34, :34] = np.random.default_rng(0).integers(0, 99, (34, 34))
    agrees, ids = peer.agrees, data.LABELS.id_of_index  # type: ignore[attr-defined]
    counts = {
        "_as_ids": pairs[:34, :34],
        "_as_confusion": pairs[np.ix_(ids, ids)],
        "_as_areas": np.stack([f(pairs[np.ix_(ids, ids)]) for f in (np.diagonal, lambda m: m.sum(axis=0), lambda m: m.sum(axis=1))]),
    }[agrees.__name__].copy()
    assert agrees(counts, pairs)
    counts[0, 1] += 1
    assert not agrees(counts, pairs)


def test_drawn_maps_are_as_heavy_as_those_of_cityscapes() -> None:
    instances, pred = data.draw_pair(0)
    target = data.ids_of(instances)
    assert instances.shape == pred.shape == (1024, 2048)
    assert 10 <= len(np.unique(instances[instances >= 1000])) <= 40
    assert 10_000 <= int(((target[:, 1:] != target[:, :-1]) | (pred[:, 1:] != pred[:, :-1])).sum()) <= 60_000
    assert set(np.unique(pred)) <= set(data.LABELS.id_of_index)


def test_drawn_photographs_are_as_heavy_as_those_of_cityscapes() -> None:
    file = io.BytesIO()
    Image.fromarray(data.draw_photograph(0)).save(file, "PNG")
    assert 2_000_000 < len(file.getvalue()) < 2_600_000


def test_the_stages_of_a_start_add_up() -> None:
    stages = dict(profile.start_stages(1))
    assert {"numpy", "numba", "printing"} < set(stages)
    assert sum(stages.values()) > 100
