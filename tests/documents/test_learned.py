"""What the explanations say of networks that were measured, sentence by sentence, from the committed records."""

from __future__ import annotations

import statistics
from functools import cache
from pathlib import Path

import pytest

from segbench.metrics.error_causes import error_scores
from segbench.records.comparison import Compared, Difference, compare_records
from segbench.records.corruption_record import read_corruptions
from segbench.records.reading import CORRUPTED
from segbench.records.run_record import read_run
from segbench.records.seeds import compare_seed_records

BOARDS = Path(__file__).parents[2] / "leaderboards"
MINICITY, CAMVID = (BOARDS / name / "records" for name in ("minicity-val", "camvid-equal-budget"))


@cache
def compared(records: Path, a: str, b: str) -> Compared:
    return compare_records(records / f"{a}.json", records / f"{b}.json")


def test_missed_and_invented_segments_cost_more_than_twice_what_outlines_do() -> None:
    records = [read_run(path) for path in MINICITY.glob("*.json") if not path.name.endswith((".profile.json", CORRUPTED))]
    assert len(records) == 15
    for record in records:
        assert record.errors is not None
        found = error_scores(record.confusion, record.errors)
        assert min(found["gain_missed"], found["gain_invented"]) > 2 * found["gain_border"], record.name


@pytest.mark.parametrize(
    ("a", "b", "field", "points", "certain"),
    [
        ("unet", "deeplab_v3", "miou", 5.4, True),
        ("unet", "deeplab_v3", "gain_missed", -6.4, True),
        ("unet", "deeplab_v3", "gain_invented", 4.8, True),
        ("unet", "deeplab_v3", "gain_border", -0.1, False),
        ("deeplab_v3", "segnet", "miou", -1.5, True),
        ("deeplab_v3", "segnet", "gain_missed", 2.6, True),
        ("deeplab_v3", "segnet", "gain_invented", -3.4, True),
        ("bisenet_r18", "segnet", "miou", -0.4, False),
        ("bisenet_r18", "segnet", "gain_confusion", 1.0, True),
        ("deconvnet", "deeplab_v1", "miou", -2.1, True),
        ("deconvnet", "deeplab_v1", "gain_missed", 5.1, True),
        ("deconvnet", "deeplab_v1", "gain_border", -0.8, True),
    ],
)
def test_a_difference_is_as_it_is_told(a: str, b: str, field: str, points: float, certain: bool) -> None:
    require_told(compared(MINICITY, a, b).metric(field), points, certain)


@pytest.mark.parametrize(
    ("a", "b", "points", "certain"),
    [
        ("fcn8s", "segnet", 7.4, True),
        ("fcn8s", "unet", 8.1, True),
        ("segnet", "unet", 0.7, True),
        ("gcn", "deeplab_v1", 1.5, True),
        ("deeplab_v1", "deeplab_v3plus", 1.0, True),
        ("bisenet_r18", "fanet18", 1.2, True),
        ("deeplab_v2", "deeplab_v1", 2.6, True),
        ("deeplab_v3_r50", "deeplab_v1", 5.6, True),
        ("deeplab_v3_r50", "fcn8s", 0.1, False),
        ("hrnet_w18", "fcn8s", 0.5, False),
        ("erfnet", "enet", 0.3, False),
        ("deeplab_v1", "enet", 0.1, False),
        ("fusionnet", "unet", 4.4, True),
        ("gcn", "fusionnet", -0.2, False),
        ("gcn", "dfn", 0.7, True),
        ("fast_scnn", "enet", 5.0, True),
        ("fast_scnn", "ddrnet23_slim", 1.0, True),
        ("ddrnet23_slim", "bisenet_r18", -0.4, False),
        ("ddrnet23_slim", "segformer_b0", 0.4, False),
        ("pidnet_s", "ddrnet23_slim", -1.2, True),
    ],
)
def test_a_difference_at_equal_budgets_is_as_it_is_told(a: str, b: str, points: float, certain: bool) -> None:
    require_told(compared(CAMVID, a, b).metric("miou"), points, certain)


@pytest.mark.parametrize(
    ("a", "b", "points", "p"), [("fcn8s", "segnet", 5.8, 0.012), ("fcn8s", "enet", 5.1, 0.023), ("enet", "segnet", 0.7, 0.54)]
)
def test_a_difference_over_seeds_is_as_it_is_told(a: str, b: str, points: float, p: float) -> None:
    found = compare_seed_records(*(sorted(CAMVID.glob(f"{name}*.json")) for name in (a, b)))
    assert [len(records) for records in found.records] == [3, 3]
    assert 100 * found.found.difference["miou"] == pytest.approx(points, abs=0.06)
    assert float(found.found.p_value("miou")) == pytest.approx(p, abs=0.006)
    if (a, b) == ("fcn8s", "segnet"):
        assert found.found.shares()[0] < 0.02


def test_seeds_spread_as_it_is_told() -> None:
    for name, mean, spread in (("fcn8s", 26.7, 1.6), ("enet", 21.6, 0.3), ("segnet", 20.9, 1.6)):
        mious = [100 * read_run(path).scores.miou for path in CAMVID.glob(f"{name}*.json")]
        assert (round(statistics.mean(mious), 1), round(statistics.stdev(mious), 1)) == (mean, spread)


def test_depth_that_nothing_corrupts_keeps_rednet_up() -> None:
    told = {"unet": (54, 22), "rednet": (56, 39)}
    found = {name: read_corruptions(MINICITY / f"{name}.corruptions.json") for name in told}
    assert {name: (round(100 * each.clean_miou), round(100 * each.mean)) for name, each in found.items()} == told
    assert {len(each.names) for each in found.values()} == {4}


def test_deconvnet_has_learned_next_to_nothing() -> None:
    assert round(100 * read_run(CAMVID / "deconvnet.json").scores.miou, 1) == 4.5


def require_told(found: Difference | None, points: float, certain: bool) -> None:
    assert found is not None
    assert 100 * found.difference == pytest.approx(points, abs=0.06)
    assert (found.p < 0.05) == certain
