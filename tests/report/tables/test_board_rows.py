from __future__ import annotations

import math
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from segbench.errors import DataError, RecordError
from segbench.files.json_text import write_text
from segbench.leaderboards.board import read_board
from segbench.leaderboards.board_scores import BOARD_SCORES, MORE, ORDINARY
from segbench.leaderboards.rules import read_rules
from segbench.metrics.fine_means import fine_means, fine_p_value
from segbench.metrics.per_image import OF_PAIRS, STATISTICS, PerImage
from segbench.metrics.uncertainty import compare
from segbench.records.corruption_record import FACTS, CorruptionRecord
from segbench.records.per_image import write_per_image
from segbench.records.reading import CORRUPTED
from segbench.records.run_record import RunRecord
from segbench.report.pages.board_files import rebuild
from segbench.report.tables.board_rows import rows_of
from segbench.report.tables.frames import group_table
from segbench.report.tables.metrics import METRICS
from tests.report.fakes import LABELS, run_record

IMAGES = 12


def of_images(quality: float, spread: float, seed: int = 3) -> np.ndarray:
    """Matrices int64[N, 3, 4] of a thousand pixels of two classes each: a share of ``quality`` is right, in some images less."""
    dice = np.random.default_rng(seed)
    counts = np.zeros((IMAGES, 3, 4), np.int64)
    for image in range(IMAGES):
        right = quality - spread * (image % 3 != 0) + 0.01 * dice.random()
        for c in range(2):
            counts[image, c, c] = int(1000 * right)
            counts[image, c, 1 - c] = 1000 - counts[image, c, c]
    return counts


MODELS = {"even": of_images(0.80, 0.0), "uneven": of_images(0.98, 0.25), "twin": of_images(0.80, 0.0, seed=4)}


def board(root: Path, rules: str = "") -> Path:
    for name, counts in MODELS.items():
        write_text(root / "records" / f"{name}.json", record(name).to_json())
        write_per_image(root / "records" / f"{name}.npz", [str(i) for i in range(IMAGES)], PerImage(counts))
    if rules:
        write_text(root / "board.yaml", rules)
    return root


def record(name: str) -> RunRecord:
    made = run_record(name, MODELS[name].sum(axis=0).tolist())
    return replace(made, dataset={**made.dataset, "images": IMAGES})


def write_corrupted(root: Path, name: str, mious: list[float], **other: str) -> None:
    own = record(name)
    facts = {key: dict(getattr(own, key)) if key != "command" else own.command for key in FACTS}
    conditions = {}
    for severity, miou in enumerate(mious, 1):
        wrong = round(1000 * (1 - miou) / (1 + miou))
        counts = np.array([[1000 - wrong, wrong, 0, 0], [wrong, 1000 - wrong, 0, 0], [0, 0, 0, 0]], np.int64)
        conditions["fog", severity] = replace(own.confusion, held=counts)
    found = CorruptionRecord(facts, other.get("signature", own.signature), own.confusion, conditions)
    found.write(root / "records" / f"{name}{CORRUPTED}")


def test_the_usual_scores_are_called_as_everywhere() -> None:
    shown = {name: metric.field for name, metric in METRICS.items()}
    assert {name: score.field for name, score in ORDINARY.items()} | {"boundary IoU": "boundary_miou"} == shown


def test_every_score_of_a_record_is_one_that_records_hold() -> None:
    fields = {score.field for score in BOARD_SCORES.values() if score.source == "record"}
    assert [field for field in fields if field not in OF_PAIRS and STATISTICS.kind(field) != "one"] == []
    means = {mean.name for mean in fine_means(LABELS, PerImage(MODELS["even"])).fine}
    assert {score.field for score in MORE.values() if score.source == "images"} <= means


def test_a_board_shows_the_columns_that_it_names_and_says_what_they_are(tmp_path: Path) -> None:
    (group,) = rows_of(read_board(board(tmp_path, "columns: [mIoU^I worst 5 %, ECE]\n")))
    table = group_table(group).set_index("model")
    (worst,) = (mean for mean in fine_means(LABELS, PerImage(MODELS["uneven"])).fine if mean.name == "mIoU^I, worst 5 %")
    assert table.loc["uneven", "mIoU^I worst 5 %"] == worst.value
    assert table["ECE"].isna().all()
    assert list(table.columns)[-4:] == ["mIoU^I worst 5 %", "ECE", "params", "MACs"]
    page = rebuild(tmp_path)[tmp_path / "leaderboard.md"].decode()
    assert re.search(rf"{100 * worst.value:.1f}(\*\*|</u>)? ± \d", page)
    assert "ECE: expected calibration error over 15 bins (3 of 3 rows have none; run --calibration makes it)." in page


def test_a_board_that_ranks_by_the_worst_images_has_another_leader_and_ranks_that_are_tested_for_them(tmp_path: Path) -> None:
    (usual,) = rows_of(read_board(board(tmp_path / "usual")))
    assert usual.records[0].name == "uneven"
    (group,) = rows_of(read_board(board(tmp_path / "worst", "rank: mIoU^I worst 5 %\n")))
    assert group.records[2].name == "uneven"
    assert group.ranks == (1, 1, 3)
    table = group_table(group)
    assert list(table.columns[:3]) == ["rank", "model", "mIoU^I worst 5 %"]
    assert table["mIoU^I worst 5 %"].is_monotonic_decreasing
    page = rebuild(tmp_path / "worst")[tmp_path / "worst" / "leaderboard.md"].decode()
    assert "permutation test of the mIoU^I worst 5 % on the same images" in page


def test_a_board_can_rank_by_a_usual_score(tmp_path: Path) -> None:
    (group,) = rows_of(read_board(board(tmp_path, "rank: acc\n")))
    assert list(group_table(group).columns[:3]) == ["rank", "model", "acc"]
    assert group.more == {}


def test_the_test_of_a_mean_over_images_is_that_of_its_definition() -> None:
    """For mIoU^I the exchange of an image's pair changes its own mean alone: all exchanges, one by one."""
    a, b = MODELS["even"], MODELS["twin"]
    values = [np.array([image_mean(each) for each in counts]) for counts in (a, b)]
    ours = fine_p_value(LABELS, PerImage(a), PerImage(b), "mIoU^I")
    difference = values[0] - values[1]
    signs = 1 - 2 * (np.arange(2**IMAGES)[:, None] >> np.arange(IMAGES) & 1)
    extreme = np.abs(signs @ difference) >= abs(difference.sum()) - 1e-12
    assert ours == pytest.approx(extreme.mean())
    assert ours == fine_p_value(LABELS, PerImage(b), PerImage(a), "mIoU^I")
    assert ours == fine_p_value(LABELS, PerImage(a[::-1]), PerImage(b[::-1]), "mIoU^I")
    many = fine_p_value(LABELS, PerImage(a), PerImage(b), "mIoU^I", replicates=2000)
    assert many == pytest.approx(ours, abs=0.05)


def test_the_mean_over_pixels_is_tested_as_compare_tests_it() -> None:
    a, b = PerImage(MODELS["even"]), PerImage(MODELS["twin"])
    assert fine_p_value(LABELS, a, b, "mIoU^D") == pytest.approx(compare(LABELS, a, b).p_value["miou"])


def image_mean(matrix: np.ndarray) -> float:
    iou = [matrix[c, c] / (matrix[c].sum() + matrix[:, c].sum() - matrix[c, c]) for c in range(2)]
    return float(np.mean(iou))


def test_corruption_errors_are_by_those_of_the_reference(tmp_path: Path) -> None:
    root = board(tmp_path, "columns: [corrupted mIoU, mCE]\nrank: mCE\nreference: even\n")
    write_corrupted(root, "even", [0.6, 0.4])
    write_corrupted(root, "uneven", [0.8, 0.2])
    (group,) = rows_of(read_board(root))
    values = {record.name: value for record, (value, _) in group.more["mCE"].items()}
    assert values["even"] == 1
    assert values["uneven"] == pytest.approx((0.2 + 0.8) / (0.4 + 0.6), abs=2e-3)
    assert math.isnan(values["twin"])
    assert group.records[2].name == "twin"
    assert group.ranks == ()
    page = rebuild(root)[root / "leaderboard.md"].decode()
    assert "corrupted:hd2019/1, corruptions:fog, severity:1+2" in page
    assert "Rows are in the order of the mCE." in page
    assert "mCE: mean corruption error, by that of even, corrupted:" in page


def test_corruptions_of_another_run_or_of_other_severities_are_refused(tmp_path: Path) -> None:
    root = board(tmp_path / "other", "columns: [retention]\n")
    write_corrupted(root, "even", [0.6], signature="data:other")
    with pytest.raises(RecordError, match=r"even\.corruptions\.json is not of the run even\.json"):
        rows_of(read_board(root))
    root = board(tmp_path / "severities", "columns: [retention]\n")
    write_corrupted(root, "even", [0.6])
    write_corrupted(root, "twin", [0.6, 0.4])
    with pytest.raises(RecordError, match="retention was counted in different ways"):
        rows_of(read_board(root))


@pytest.mark.parametrize(
    ("rules", "problem"),
    [
        ("columns: [ece]", r"no column 'ece'; did you mean 'ECE'\?"),
        ("columns: [ECE, ECE]", "a column stands twice"),
        ("columns: ECE", "'ECE' is not a list of scores"),
        ("rank: speed", "rank: 'speed' is none of mIoU, acc"),
        ("columns: [mCE]", "mCE is by the corruption errors of a reference"),
    ],
)
def test_columns_that_there_are_not_are_named(tmp_path: Path, rules: str, problem: str) -> None:
    with pytest.raises(DataError, match=problem):
        read_rules(board(tmp_path, rules))


def test_a_reference_without_corruptions_is_named(tmp_path: Path) -> None:
    root = board(tmp_path, "columns: [mCE]\nreference: unet\n")
    write_corrupted(root, "even", [0.6])
    with pytest.raises(RecordError, match="the reference 'unet' has no record of corruptions"):
        rows_of(read_board(root))
