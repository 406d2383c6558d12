from __future__ import annotations

import re

from segbench.metrics.scores import METRICS_VERSION
from segbench.report.pages.markdown import Plots, board_page
from segbench.report.tables.seeds import board_groups
from tests.report.fakes import FAIR, GOOD, POOR, profile, run_record


def tables(page: str) -> list[str]:
    return re.findall(r"(?:^\|.*\n)+", page, flags=re.M)


def test_every_table_is_followed_by_its_signature():
    records = [run_record("a", GOOD), run_record("b", FAIR, precision="bf16")]
    page = board_page("toy", board_groups(records), [profile("a", 3.0), profile("a", 4.0, device="Other")])
    found = tables(page)
    assert len(found) == 5
    for text in found:
        after = page[page.index(text) + len(text) :]
        assert after.startswith("\nSignature: `data:toy-val|n:4|")


def test_records_that_were_not_measured_alike_get_tables_of_their_own():
    page = board_page(
        "toy", board_groups([run_record("alike", GOOD), run_record("other", FAIR, precision="bf16"), run_record("too", POOR)])
    )
    assert "## precision: fp32" in page
    assert "## precision: bf16" in page
    assert not [text for text in tables(page) if "other" in text and ("alike" in text or "too" in text)]
    assert "must not be compared" in page


def test_a_page_of_one_group_has_no_heading_for_it():
    page = board_page("toy", board_groups([run_record("a", GOOD)]))
    assert "must not be compared" not in page
    assert "## IoU of each class" in page


def test_the_page_says_what_was_evaluated_and_how_to_read_it():
    page = board_page("my board", board_groups([run_record("a", GOOD)]))
    assert page.startswith("# my board\n")
    assert "toy, split val: 4 images, 3 classes (toy-3)" in page
    assert f"Metrics version {METRICS_VERSION}" in page
    assert "never averaged over images" in page


def test_a_part_of_the_images_is_called_one():
    record = run_record("a", GOOD)
    part = type(record)(record.model, {**record.dataset, "of": 60}, record.protocol, record.environment, record.confusion)
    assert "4 of 60 images" in board_page("toy", board_groups([part]))


def test_speeds_of_other_machines_have_a_table_of_their_own():
    page = board_page("toy", board_groups([run_record("a", GOOD)]), [profile("a", 3.0, device="A"), profile("a", 123.4, device="B")])
    first, second, _ = tables(page)
    assert "3.0" in first
    assert "123.4" not in first
    assert "123.4" in second
    assert "## Speed: B, 8x16, batch 1, fp32, 2 threads, torch 2.9.0" in page


def test_commands_and_environments_are_listed_once():
    same = [run_record("a", GOOD, command="segbench run --models a,b"), run_record("b", FAIR, command="segbench run --models a,b")]
    page = board_page("toy", board_groups(same))
    assert page.count("segbench run --models a,b") == 1
    assert "# a" not in page.split("```sh")[1].split("```")[0]
    assert page.count("cpu Toy CPU") == 1
    different = board_page("toy", board_groups([run_record("a", GOOD), run_record("b", FAIR)]))
    assert "# a\nsegbench run --models a --dataset toy\n# b\nsegbench run --models b --dataset toy" in different


def test_a_missing_command_is_said_to_be_missing():
    record = run_record("a", GOOD)
    bare = type(record)(record.model, record.dataset, record.protocol, record.environment, record.confusion)
    assert "# no command was recorded" in board_page("toy", board_groups([bare]))


def test_papers_and_training_data_are_named():
    paper = {"title": "U-Net", "authors": "R", "year": 2015, "url": "https://arxiv.org/abs/1505.04597"}
    page = board_page(
        "toy", board_groups([run_record("a", GOOD, paper=paper, trained_on={"dataset": "toy", "split": "train", "images": 9})])
    )
    assert "- a: [U-Net](https://arxiv.org/abs/1505.04597), 2015; trained on toy train (9 images)" in page


def test_plots_are_linked():
    record = run_record("a", GOOD)
    page = board_page("toy", board_groups([record]), plots={record.signature: Plots([("bars", "plots/x.svg")], [("a", "plots/a.svg")])})
    assert "![bars](plots/x.svg)" in page
    assert "Confusion matrices: [a](plots/a.svg)." in page
