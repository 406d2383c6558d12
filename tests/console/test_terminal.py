from __future__ import annotations

import pytest

from segbench.console import terminal
from segbench.console.terminal import progress_bar


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
    assert lines[-1].endswith("s left  loss 0.3")


def test_what_is_quick_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with progress_bar("scoring") as bar:
        task = bar.add_task("scoring", total=5)
        for _ in range(5):
            bar.advance(task)
    assert capsys.readouterr().err == ""
