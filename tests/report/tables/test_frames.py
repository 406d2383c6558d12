from __future__ import annotations

import csv
import io
import math

import numpy as np
import pytest

from segbench.errors import RecordError
from segbench.labels.space import LabelClass, LabelSpace
from segbench.report.tables.formats import escape, to_csv, to_markdown
from segbench.report.tables.frames import comparable, file_names, per_class, row_labels, score_table
from tests.report.fakes import FAIR, GOOD, LABELS, POOR, profile, run_record

NOWHERE = [[0, 0, 0, 0]] * 3


def rows_of(markdown: str) -> list[list[str]]:
    return [line.strip("| ").split(" | ") for line in markdown.splitlines()]


def test_rows_are_ranked_whatever_order_they_come_in():
    records = [run_record("c", POOR), run_record("empty", NOWHERE), run_record("b", GOOD), run_record("a", GOOD), run_record("d", FAIR)]
    expected = ["a", "b", "d", "c", "empty"]
    assert list(score_table(records)["model"]) == expected
    assert list(score_table(records[::-1])["model"]) == expected


def test_scores_are_those_of_the_matrix():
    row = score_table([run_record("a", GOOD)]).iloc[0]
    assert row["acc"] == 130 / 150
    assert row["mIoU"] == (90 / 110 + 40 / 55) / 2


def test_width_reduced_networks_say_so():
    arguments = {"width": 0.125, "head_channels": 96, "sizes": [1, 2], "learn_upsampling": False}
    changed = {key: arguments[key] for key in ("width", "head_channels", "sizes")}
    records = [run_record("fcn8s", GOOD, arguments, changed=changed), run_record("fcn8s", FAIR, arguments, changed={})]
    assert list(score_table(records)["model"]) == ["fcn8s (width=0.125, head_channels=96, sizes=(1, 2))", "fcn8s"]


def test_a_default_that_is_switched_off_is_shown():
    assert row_labels([run_record("plugin", GOOD, {"dropout": False, "width": 1.0})]) == ["plugin (dropout=False, width=1.0)"]


def test_equal_labels_are_told_apart_by_their_weights_and_then_by_number():
    first, second = run_record("a", GOOD, weights_sha256="1" * 64), run_record("a", FAIR, weights_sha256="2" * 64)
    assert row_labels([first, second, first]) == ["a @11111111", "a @22222222", "a @11111111 #2"]


def test_file_names_differ_even_where_case_does_not_count():
    assert file_names(["A b", "a/b", "../..", "ü"]) == ["A-b", "a-b-2", "unnamed", "unnamed-2"]


def test_rows_of_other_signatures_never_share_a_table():
    records = [run_record("a", GOOD), run_record("b", FAIR, precision="bf16")]
    with pytest.raises(RecordError, match="different signatures"):
        score_table(records)
    with pytest.raises(RecordError, match="different signatures"):
        per_class(records)


def test_groups_say_how_they_differ():
    records = [run_record("a", GOOD, precision="bf16"), run_record("b", FAIR), run_record("c", FAIR)]
    first, second = comparable(records)
    assert [len(first.records), first.difference, first.suffix] == [2, "precision: fp32", ""]
    assert [len(second.records), second.difference, second.suffix] == [1, "precision: bf16", "-precision-bf16"]


def test_one_signature_with_two_label_spaces_is_refused():
    other = LabelSpace(LABELS.name, (*LABELS.classes[:2], LabelClass("bird", (2,), (1, 2, 3))))
    with pytest.raises(RecordError, match="rename one"):
        comparable([run_record("a", GOOD), run_record("b", GOOD, labels=other)])


def test_speed_comes_from_the_profile_of_the_very_network():
    records = [run_record("a", GOOD, {"width": 0.5}), run_record("b", FAIR), run_record("c", POOR, precision="fp32")]
    profiles = [profile("a", 5.0, {"width": 1.0}), profile("b", 7.0), profile("c", 9.0, precision="bf16")]
    speeds = list(score_table(records, profiles)["network_ms"])
    assert speeds[1] == 7.0
    assert math.isnan(speeds[0])
    assert math.isnan(speeds[2])


def test_an_argument_at_its_default_is_no_other_network():
    table = score_table([run_record("segnet", GOOD, {"width": 1.0}, changed={})], [profile("segnet", 5.0)])
    assert list(table["network_ms"]) == [5.0]


def test_speeds_of_two_machines_never_share_a_column():
    records = [run_record("a", GOOD), run_record("b", FAIR)]
    with pytest.raises(RecordError, match="different settings"):
        score_table(records, [profile("a", 5.0), profile("b", 5.0, device="Other GPU")])


def test_two_profiles_of_one_network_are_refused():
    with pytest.raises(RecordError, match="a has 2 profiles"):
        score_table([run_record("a", GOOD)], [profile("a", 5.0), profile("a", 6.0)])


def test_columns_that_no_record_has_are_left_out():
    table = score_table([run_record("folder", GOOD, params=None, macs=None)])
    assert list(table.columns) == ["model", "mIoU", "acc", "acc_cls", "fwIoU", "Dice", "precision", "category mIoU"]
    assert "params" in score_table([run_record("folder", GOOD, params=None), run_record("a", FAIR)])


def test_csv_keeps_every_digit():
    records = [run_record("a", GOOD), run_record("b", FAIR)]
    rows = list(csv.DictReader(io.StringIO(to_csv(score_table(records)))))
    assert [float(row["fwIoU"]) for row in rows] == [record.scores.fwiou for record in records]
    assert [int(row["MACs"]) for row in rows] == [4_500_000_000] * 2
    classes = list(csv.DictReader(io.StringIO(to_csv(per_class(records)))))
    assert [float(row["a"] or "nan") for row in classes] == pytest.approx(records[0].scores.class_iou.tolist(), rel=0, abs=0, nan_ok=True)
    assert [row["class"] for row in classes] == list(LABELS.class_names)


def test_nan_is_a_dash():
    rows = rows_of(to_markdown(per_class([run_record("a", GOOD), run_record("b", FAIR)]), best_in="row"))
    assert rows[4] == ["rare \\| bird", "–", "–"]
    assert rows_of(to_markdown(score_table([run_record("a", NOWHERE)])))[2][1:5] == ["–"] * 4


def test_missing_sizes_are_dashes():
    rows = rows_of(to_markdown(score_table([run_record("a", GOOD), run_record("b", FAIR, params=None)])))
    assert [row[8] for row in rows[2:]] == ["1.2 M", "–"]


def test_the_best_is_bold_and_the_second_best_underlined():
    rows = rows_of(to_markdown(score_table([run_record("a", GOOD), run_record("b", GOOD), run_record("c", FAIR), run_record("d", POOR)])))
    assert [row[2] for row in rows[2:]] == ["**86.7**", "**86.7**", "<u>73.3</u>", "60.0"]


def test_a_lone_row_is_the_best_of_nothing():
    assert "**" not in to_markdown(score_table([run_record("a", GOOD)]))


def test_every_line_of_a_table_has_the_same_number_of_cells():
    lines = to_markdown(score_table([run_record("a|b *c* <d>", GOOD), run_record("e", FAIR)])).splitlines()
    assert len({line.replace("\\|", "").count("|") for line in lines}) == 1
    assert "a\\|b \\*c\\* &lt;d>" in lines[2]


def test_escaping_leaves_underscores_in_words_alone():
    assert escape("acc_cls _x_") == "acc_cls \\_x\\_"


def test_iiou_has_a_column_where_a_record_has_it():
    plain = run_record("a", GOOD)
    weighted = type(plain)(plain.model, plain.dataset, plain.protocol, plain.environment, plain.confusion, {"car": 0.25, "road": np.nan})
    assert score_table([weighted])["iIoU"][0] == 0.25
    assert "iIoU" not in score_table([plain])
