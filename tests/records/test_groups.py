from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from segbench.errors import DataError
from segbench.metrics.uncertainty import bootstrap
from segbench.records.groups import group_rule, groups_of
from segbench.report.tables.intervals import few_groups, without_interval
from tests.records.test_run_record import record

IDS = ["ward/p1_a", "ward/p1_b", "clinic/p2_a", "clinic/p22_a"]


def test_a_condition_is_the_first_folder_of_a_name() -> None:
    found = groups_of(["fog/a/1", "fog/b/2", "night/a/1"], "condition")
    assert (found.unit, found.of_images) == ("conditions", ("fog", "fog", "night"))
    with pytest.raises(DataError, match=r"3 of 3 images have no condition in their name.*\n.*leave out --groups"):
        groups_of(["a", "b", "c"], "condition")


def test_groups_are_folders_or_what_a_pattern_holds_between_parentheses() -> None:
    assert groups_of(IDS, "folder").of_images == ("ward", "ward", "clinic", "clinic")
    assert groups_of(IDS, r"(p\d+)_").of_images == ("p1", "p1", "p2", "p22")


@pytest.mark.parametrize(
    "text",
    [
        "image,patient\nward/p1_a,x\nward/p1_b,x\nclinic/p2_a,y\nclinic/p22_a,y\n",
        "\ufeffimage;patient\r\np1_a.png;x\r\np1_b.png;x\r\np2_a.png;y\r\np22_a.png;y\r\n",
        "image\tpatient\tage\np22_a\ty\t3\np1_a\tx\t1\np1_b\tx\t2\np2_a\ty\t3\nothers\tz\t0\n",
    ],
)
def test_groups_are_those_of_a_table_of_images(tmp_path: Path, text: str) -> None:
    (tmp_path / "patients.csv").write_text(text, encoding="utf-8", newline="")
    found = groups_of(IDS, str(tmp_path / "patients.csv"))
    assert found.of_images == ("x", "x", "y", "y")
    assert found.unit == "patients"
    (tmp_path / "plain.csv").write_text("p1_a,x\np1_b,x\np2_a,y\np22_a,y\n")
    assert groups_of(IDS, str(tmp_path / "plain.csv")).unit == "groups"


@pytest.mark.parametrize(
    ("rule", "problem"),
    [
        (r"(p\d+_.)", "each of the 4 groups is one image .*so these are no groups"),
        (r"(ward)", "2 of 4 images have no group by .*'clinic/p2_a'"),
        (r"(_)", "all 4 images are of one"),
        ("city", "each of the|no city"),
        ("absent.csv", "there is no such file"),
    ],
)
def test_groups_that_are_none_are_refused(rule: str, problem: str) -> None:
    ids = ["a", "b", "c", "d"] if rule == "city" else IDS
    with pytest.raises(DataError, match=problem):
        groups_of(ids, rule)


def test_a_table_that_leaves_images_out_or_contradicts_itself_is_refused(tmp_path: Path) -> None:
    for text, problem in (
        ("p1_a,x\np1_b,x\np2_a,y\n", "1 of 4 images have no group in .*p22_a"),
        ("p1_a,x\np1_a,y\n", "in 'x' and in 'y'"),
        ("p1_a\n", "two columns"),
    ):
        (tmp_path / "g.csv").write_text(text)
        with pytest.raises(DataError, match=problem):
            groups_of(IDS, str(tmp_path / "g.csv"))


@pytest.mark.parametrize("value", ["patient", "(", "(a)(b)", 3, None])
def test_a_rule_that_is_none_is_refused_with_those_that_there_are(value: object) -> None:
    with pytest.raises(ValueError, match=r"is none of city, sequence, condition, folder, a pattern|is no pattern"):
        group_rule(value)


def test_few_groups_and_classes_without_an_interval_are_said() -> None:
    counts = np.random.default_rng(0).integers(1, 50, (6, 19, 20))
    counts[1:, 4], counts[1:, :, 4] = 0, 0  # of one image alone
    groups = list("xxyyzz")
    one = record(intervals=bootstrap(record().labels, counts, groups=groups, unit="cities", replicates=20))
    one = replace(one, confusion=replace(one.confusion, held=counts.sum(axis=0)))
    assert few_groups(one).startswith("intervals over 3 cities are too narrow")
    assert "segbench shift" not in few_groups(one)
    assert one.intervals is not None
    conditions = replace(one, intervals=replace(one.intervals, unit="conditions"))
    assert few_groups(conditions).endswith("what each condition scores is told by `segbench shift`")
    assert without_interval(one) == f"no interval: fewer than two cities hold the class: {one.labels.class_names[4]}"
    plain = replace(one, intervals=bootstrap(record().labels, counts, replicates=20))
    assert few_groups(plain) == ""
    assert without_interval(replace(one, intervals=None)) == ""
