from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from segbench.cli.main import main
from segbench.errors import LabelError, RecordError, UnknownNameError
from segbench.labels.space import numbered_labels
from segbench.metrics.per_image import PerImage, totals
from segbench.metrics.uncertainty import compare
from segbench.records.comparison import Compared, compare_records
from segbench.records.gate import Gate, judge, parse_gate
from tests.records.test_comparison import matrices, record_file
from tests.report.fakes import GOOD, run_record


def segbench(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["compare", *map(str, arguments)], catch_exceptions=False)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("miou > -0.3 @95", Gate("miou > -0.3 @95", "miou", None, -0.003, 0.95)),
        ("mIoU>-.3", Gate("mIoU>-.3", "miou", None, -0.003, 0.95)),
        ("nsd_0.008 > -1", Gate("nsd_0.008 > -1", "nsd_0.008", None, -0.01)),
        ("class_nsd_2.5.car > 0", Gate("class_nsd_2.5.car > 0", "class_nsd_2.5", "car", 0.0)),
        ("class_iou.traffic light > +2 @ 99.5 %", Gate("class_iou.traffic light > +2 @ 99.5 %", "class_iou", "traffic light", 0.02, 0.995)),
    ],
)
def test_a_gate_is_read_as_it_is_written(text: str, expected: Gate) -> None:
    found = parse_gate(text)
    assert (found.metric, found.class_name, found.text) == (expected.metric, expected.class_name, expected.text)
    assert (found.margin, found.level) == pytest.approx((expected.margin, expected.level))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("miou", "is no gate; one is written METRIC > POINTS @LEVEL"),
        ("miou < -0.3", "is no gate"),
        ("miou > nan", "is no gate"),
        ("mious > -1", "did you mean 'miou'"),
        ("class_iou > -1", "is no metric"),
        ("class_iuo.road > -1", r"did you mean 'class_iou\.road'"),
        ("miou > -1 @100", "@100 is no level"),
        ("miou > -1 @5", "@5 is no level"),
    ],
)
def test_what_is_no_gate_is_refused_with_how_one_is_written(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        parse_gate(text)


def test_a_gate_is_closed_only_where_the_whole_interval_lies_below_the_margin(tmp_path: Path) -> None:
    compared = compare_records(record_file(tmp_path, "main", matrices(12)), record_file(tmp_path, "pr", matrices(6)))
    low, high = (-bound for bound in reversed(compared.metric("miou").interval))  # type: ignore[union-attr]
    for margin, closed in ((low - 0.001, False), ((low + high) / 2, False), (high + 0.001, True)):
        judgement = judge(Gate("", "miou", None, margin), compared)
        assert judgement.closed is closed
        assert judgement.interval == (low, high)
        assert judgement.change < 0
    narrow = judge(Gate("", "miou", None, 0.0, 0.5), compared).interval
    assert low < narrow[0] < narrow[1] < high


def test_gates_that_the_records_cannot_answer_are_refused(tmp_path: Path) -> None:
    compared = compare_records(record_file(tmp_path, "main", matrices(12)), record_file(tmp_path, "pr", matrices()))
    with pytest.raises(UnknownNameError, match="boundary_miou is not in both records"):
        judge(parse_gate("boundary_miou > -1"), compared)
    with pytest.raises(LabelError, match="no class 'raod'; did you mean 'road'"):
        judge(parse_gate("class_iou.raod > -1"), compared)
    single = compare_records(record_file(tmp_path, "one", matrices(12)[:1]), record_file(tmp_path, "two", matrices()[:1]))
    with pytest.raises(RecordError, match="there is no interval of miou"):
        judge(parse_gate("miou > -1"), single)


def test_the_command_exits_with_1_if_a_gate_is_closed_and_with_2_if_it_cannot_be_read(tmp_path: Path) -> None:
    good, fair = record_file(tmp_path, "good", matrices(12)), record_file(tmp_path, "fair", matrices())
    assert (closed := segbench(good, fair, "--gate", "miou > -0.3 @95")).exit_code == 1
    assert "gate miou > -0.3 @95: closed, -" in closed.output
    assert segbench(fair, good, "--gate", "miou > -0.3 @95").exit_code == 0
    assert segbench(good, good, "--gate", "miou > 0 @95", "--gate", "acc > 0").exit_code == 0
    assert segbench(good, fair, "--gate", "acc > -100", "--gate", "miou > -0.3").exit_code == 1
    assert (refused := segbench(good, fair, "--gate", "miou >= 1")).exit_code == 2
    assert "is no gate" in refused.output
    facts = json.loads(segbench(good, fair, "--gate", "miou > -0.3 @90", "--json").stdout)["gates"]
    assert [(each["gate"], each["level"], each["closed"]) for each in facts] == [("miou > -0.3 @90", 0.9, True)]
    assert segbench(good, fair, "--json", "--markdown").exit_code == 2


def test_noise_alone_closes_a_gate_in_at_most_a_twentieth_of_200_pull_requests() -> None:
    rng, labels, closed = np.random.default_rng(7), numbered_labels(3), {"miou > 0 @95": 0, "miou > -0.3 @95": 0}
    record = run_record("r", GOOD)
    for _ in range(200):
        hard = rng.uniform(0.6, 0.95, 50)  # what an image costs both, before what chance does to each
        sides = [_counted(rng, hard) for _ in range(2)]
        found = compare(labels, *sides, replicates=1000)
        scores = tuple(totals(labels, PerImage(side)) for side in sides)
        compared = Compared(record, record, scores, found, (), np.zeros((2, 0)))  # type: ignore[arg-type]
        for text in closed:
            closed[text] += judge(parse_gate(text), compared).closed
    assert closed["miou > 0 @95"] <= 10
    assert closed["miou > -0.3 @95"] <= closed["miou > 0 @95"]


def _counted(rng: np.random.Generator, hard: np.ndarray) -> np.ndarray:
    right = np.clip(hard + rng.normal(0, 0.03, hard.shape), 0, 1)
    result = np.zeros((len(hard), 3, 4), np.int64)
    for image, share in enumerate(right):
        for target in range(3):
            hits = rng.binomial(400, share)
            result[image, target, target], result[image, target, (target + 1) % 3] = hits, 400 - hits
    return result
