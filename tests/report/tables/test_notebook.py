from __future__ import annotations

from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from segbench.metrics.confusion import ConfusionMatrix
from segbench.metrics.uncertainty import bootstrap, compare
from segbench.records.comparison import compare_records
from tests.records.test_comparison import matrices, record_file
from tests.report.fakes import FAIR, LABELS, profile, run_record


class Cells(HTMLParser):
    """The rows of all tables, as text; every tag must be closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self.open: list[str] = []
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.open.append(tag)
        if tag == "tr":
            self.rows.append([])

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open[-1] in ("td", "th"):
            self.rows[-1].append(data)


def rows(value: object) -> list[list[str]]:
    text = value._repr_html_()  # type: ignore[attr-defined]
    assert "color:" not in text.replace("color: inherit", ""), "dark and light are the notebook's"
    return Cells(text).rows


def test_scores_are_shown_with_classes_by_number() -> None:
    scores = run_record("r", FAIR).scores
    shown = rows(scores)
    assert shown[:2] == [
        ["mIoU", "acc", "acc_cls", "fwIoU"],
        [f"{100 * v:.1f}" for v in (scores.miou, scores.acc, scores.acc_cls, scores.fwiou)],
    ]
    assert shown[2] == ["class", "IoU", "Dice", "precision", "recall"]
    assert shown[5][:2] == ["2", "–"]


def test_a_record_is_shown_with_its_intervals_and_strange_names_as_text() -> None:
    record = replace(
        run_record("<script>alert(1)</script>", FAIR),
        confusion=ConfusionMatrix(LABELS, matrices(3).sum(axis=0)),
        intervals=bootstrap(LABELS, matrices(3)),
    )
    text = record._repr_html_()
    assert "<script>" not in text
    assert record.signature.replace("&", "&amp;") in text
    by_name = {row[0]: row for row in rows(record)}
    assert by_name["rare | bird"][1] == "–"
    assert by_name["road"][1].startswith(f"{100 * record.scores.class_iou[0]:.1f} ± ")


def test_comparisons_are_shown_with_interval_and_p(tmp_path: Path) -> None:
    compared = compare_records(record_file(tmp_path, "a", matrices(12)), record_file(tmp_path, "b", matrices()))
    by_name = {row[0]: row for row in rows(compared)}
    miou = compared.metric("miou")
    assert miou is not None
    assert by_name["metric"] == ["metric", "a", "b", "difference", "95 % interval", "p"]
    assert by_name["mIoU"][3] == f"{100 * miou.difference:+.1f}"
    assert {"road", "car"} <= set(by_name)
    plain = {row[0]: row for row in rows(compare(LABELS, matrices(12), matrices()))}
    assert plain["mIoU"][1:] == by_name["mIoU"][3:]


def test_a_profile_is_shown_with_its_times() -> None:
    by_name = {row[0]: row for row in rows(profile("enet", 12.5))}
    assert by_name["network_ms"][1] == "12.50"
    assert by_name["1.2 M"][1] == "4.5 G"


def test_other_values_have_no_page() -> None:
    from segbench.report.tables.notebook import html_of

    with pytest.raises(TypeError, match="a int has no page"):
        html_of(1)
