from __future__ import annotations

import math

import pytest

from segbench.report import terminal
from segbench.report.terminal import count, percent, progress_bar


def test_where_nothing_is_drawn_a_line_now_and_then_says_how_far_it_is(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    now = [0.0]
    monkeypatch.setattr(terminal.time, "monotonic", lambda: now[0])
    with progress_bar("evaluating", "state") as bar:
        task = bar.add_task("evaluating", total=500, state="")
        for _ in range(150):
            now[0] += 1
            bar.advance(task)
        now[0] += 60
        bar.update(task, completed=160, state="loss 0.3")
    lines = capsys.readouterr().err.splitlines()
    assert [line.split(",")[0] for line in lines] == ["evaluating: 60 of 500", "evaluating: 120 of 500", "evaluating: 160 of 500"]
    assert lines[-1].endswith("s  loss 0.3")


def test_what_is_quick_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with progress_bar("scoring") as bar:
        task = bar.add_task("scoring", total=5)
        for _ in range(5):
            bar.advance(task)
    assert capsys.readouterr().err == ""


def test_numbers_are_short_and_undefined_ones_are_dashes() -> None:
    assert [percent(0.5731), percent(0.5731, 0.008), percent(math.nan)] == ["57.3", "57.3 ± 0.8", "–"]
    assert [count(454_300_000), count(999), count(31_032_915), count(None)] == ["454 M", "999", "31 M", "–"]
