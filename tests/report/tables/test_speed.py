from __future__ import annotations

import csv
import io
from dataclasses import replace
from pathlib import Path

import pytest

from segbench.files.json_text import write_text
from segbench.report.pages import board_files as boards
from segbench.report.pages.html_tables import measured_speeds as page_table
from segbench.report.plots.speed import latency_dots
from segbench.report.tables.speed import busy_note, by_machine, readable_speeds, speed_note, speed_table
from tests.report.fakes import ENVIRONMENT, GOOD, profile, run_record


@pytest.fixture
def root(tmp_path: Path) -> Path:
    measured = [profile("slow", 9.0), profile("b", 3.05), profile("a", 3.0, backend="compile"), profile("a", 3.0, input_size=(16, 32))]
    for index, each in enumerate(measured):
        write_text(tmp_path / "fast" / "records" / f"{index}.profile.json", each.to_json())
    write_text(tmp_path / "right" / "records" / "a.json", run_record("a", GOOD).to_json())
    return tmp_path


def test_rows_that_cannot_be_told_apart_share_a_rank_and_are_marked():
    _, cells = readable_speeds(speed_table([profile("slow", 9.0), profile("b", 3.05), profile("a", 3.0), profile("fast", 1.0)]))
    assert [row[:2] for row in cells] == [["1", "fast"], ["~2", "a"], ["~2", "b"], ["4", "slow"]]


def test_a_wide_interval_is_not_ranked_behind_a_narrow_one_that_is_no_faster():
    wide = profile("wide", 3.0)
    wide = profile("wide", 3.0, predict=type(wide.predict)({"p50": 4.2}, (1.0, 9.0)))
    _, cells = readable_speeds(speed_table([profile("a", 1.0), profile("b", 3.0), wide]))
    assert [row[:2] for row in cells] == [["~1", "a"], ["~1", "wide"], ["~2", "b"]]


def test_a_row_without_an_interval_has_no_rank_and_stands_last():
    old = profile("old", 1.0, predict=type(profile("a", 1.0).predict)({"p50": 1.2, "p95": 1.3}))
    _, cells = readable_speeds(speed_table([old, profile("a", 3.0)]))
    assert [row[:2] for row in cells] == [["1", "a"], ["–", "old"]]
    assert cells[1][8:11] == ["–", "–", "–"]


def test_ways_of_running_are_rows_of_one_table_and_batches_are_not():
    ways = [profile("a", 3.0), profile("a", 2.0, backend="compile"), profile("a", 2.5, backend="amp", precision="bf16")]
    groups = by_machine([*ways, profile("a", 5.0, batch_size=2)])
    assert [len(group) for group in groups.values()] == [3, 1]
    assert speed_table(ways)["network"].tolist() == ["a, compile", "a, amp, bf16", "a"]
    assert "1 process each" in speed_note(ways)


def test_rows_of_one_network_are_told_apart_by_how_it_was_run_and_else_by_weights_or_a_number():
    laid_out, compiled = ({**ENVIRONMENT, fact: True} for fact in ("channels_last", "compiled"))
    rows = [
        *(profile("a", 1.0, environment=laid_out), profile("a", 2.0, environment=compiled), profile("a", 3.0, {"width": 0.5})),
        *(profile("a", 4.0, weights_sha256="ab" * 32), profile("a", 5.0, weights_sha256="cd" * 32), profile("a", 6.0)),
        *(profile("a", 7.0), profile("b", 8.0, weights_sha256="ab" * 32)),
    ]
    names = ["a, channels last", "a, compiled", "a (width=0.5)", "a @abababab", "a @cdcdcdcd", "a", "a #2", "b"]
    assert speed_table(rows)["network"].tolist() == names


def test_the_page_of_all_boards_names_and_ranks_rows_as_the_board_itself_does():
    rows = [profile("a", 9.0), profile("a", 3.05), profile("a", 3.0, {"width": 0.5}, backend="compile"), profile("b", 1.0, backend="amp")]
    shown = page_table("Speed", rows)
    header, cells = readable_speeds(speed_table(rows))
    named = [(f"{row.cells[0].text} {row.cells[1].text}", row.cells[2].text) for row in shown.rows]
    assert named == [("b amp", "1"), ("a (width=0.5), compile", "~2"), ("a –", "~2"), ("a #2", "4")]
    assert [row[header.index("rank")] for row in cells] == [rank for _, rank in named]
    assert len({name for name, _ in named}) == len(rows)


def test_a_board_of_profiles_alone_is_a_page_a_table_and_a_plot_for_each_machine(root: Path):
    files = {path.relative_to(root).as_posix(): data.decode() for path, data in boards.rebuild(root).items()}
    second = "fast/plots/latency-Toy-GPU-16x32-batch-1-2-threads-torch-2.9.0.svg"
    assert {name for name in files if name.startswith("fast/")} == {
        "fast/leaderboard.md",
        "fast/leaderboard.csv",
        "fast/plots/latency.svg",
        second,
    }
    page, index = files["fast/leaderboard.md"], files["README.md"]
    assert r"| \~1 | a, compile | 1.2 M | 4.5 G | 3.00 | 3.30 | 3.60 | 3.60 | 3.53–3.67 |" in page
    assert "| [fast](fast/leaderboard.md) | Toy GPU, 8x16, batch 1, 2 threads, torch 2.9.0 | 3 | a, compile | 3.6 |" in index
    assert "| [right](right/leaderboard.md) |" in index
    rows = list(csv.DictReader(io.StringIO(files["fast/leaderboard.csv"])))
    assert [row["network"] for row in rows] == ["a, compile", "b", "slow", "a"]
    assert len({row["measured_on"] for row in rows}) == 2


def test_such_a_board_is_checked_like_any_other(root: Path):
    boards.write(root)
    assert boards.check(root) == []
    stale = root / "fast" / "plots" / "latency-gone.svg"
    stale.write_text("<svg/>")
    assert boards.check(root) == [f"{stale}: stale, no record gives it"]


def test_its_plots_are_written_as_png_too(root: Path):
    assert root / "fast" / "plots" / "latency.png" in boards.write_png(root)


def test_every_row_of_the_plot_has_its_name(tmp_path: Path):
    latency_dots([profile(f"network{i}", 3.0 + i) for i in range(41)], "Toy GPU", tmp_path / "p.svg")
    text = (tmp_path / "p.svg").read_text()
    assert all(f">network{i}</text>" in text for i in range(41))


def test_times_of_a_busy_machine_are_marked() -> None:
    state = ({"before": {"load_1min": 5.2}},)
    busy = replace(profile("b", 2.0), device_state=state, environment={"cores": 2})
    assert busy.busy == "load 5.2 on 2 cores"
    assert replace(busy, environment={"cores": 8}).busy is None
    assert busy_note([profile("a", 1.0)]) is None
    note = "measured while others worked on the machine, so take no ratio: b (load 5.2 on 2 cores)"
    assert busy_note([profile("a", 1.0), busy]) == note
    assert speed_note([profile("a", 1.0), busy]).endswith(note)
