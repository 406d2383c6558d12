from __future__ import annotations

import csv
import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from segbench.errors import DataError, RecordError
from segbench.files.json_text import write_text
from segbench.metrics.per_image import PerImage
from segbench.metrics.uncertainty import bootstrap
from segbench.records.per_image import write_per_image
from segbench.report.pages import board_files as boards
from segbench.report.plots.style import dark_twin
from tests.report.fakes import FAIR, GOOD, LABELS, POOR, profile, run_record


def matrices(total: list[list[int]]) -> np.ndarray:
    """Those of two images, a hard and an easy one, which add up to a total."""
    off = np.array(total) * (1 - np.eye(3, 4, dtype=np.int64))
    hard = np.array(total) // 3 + off - off // 3
    return np.stack([hard, np.array(total) - hard])


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for board, name, matrix in (("first", "a", GOOD), ("first", "b", FAIR), ("second", "a", GOOD)):
        write_text(tmp_path / board / "records" / f"{name}.json", run_record(name, matrix).to_json())
    write_text(tmp_path / "first" / "records" / "a.profile.json", profile("a", 3.0).to_json())
    write_per_image(tmp_path / "first" / "records" / "a.npz", ["1", "2"], PerImage(matrices(GOOD)))
    (tmp_path / "no_board").mkdir()
    return tmp_path


def names(root: Path, paths: object) -> set[str]:
    return {path.relative_to(root).as_posix() for path in paths}  # type: ignore[attr-defined]


def test_a_board_is_a_page_a_table_and_plots(root: Path):
    plots = {"plots/class_iou.svg", "plots/confusion-a.svg", "plots/miou-macs.svg"}
    each = {"leaderboard.md", "leaderboard.csv", *plots}
    expected = {f"{board}/{name}" for board in ("first", "second") for name in each}
    expected |= {"first/plots/confusion-b.svg", "first/plots/images.svg", "first/plots/miou-latency.svg", "README.md", "index.html"}
    assert names(root, boards.rebuild(root)) == expected


def test_a_board_prints_the_intervals_of_the_matrices_beside_a_record(root: Path):
    files = {path.relative_to(root).as_posix(): data.decode() for path, data in boards.rebuild(root).items()}
    interval = bootstrap(LABELS, matrices(GOOD))
    text = f"77.3 ± {100 * interval.half_width('miou'):.1f}"
    page, index = files["first/leaderboard.md"], files["README.md"]
    assert f"| a | **77.3** ± {text[7:]} |" in page
    assert re.search(r"\| b \| [\d.]+ \|", page)  # the second of two is no second best
    assert "\n± is half the width of the 95 % bootstrap interval over 2 images (10000 replicates, seed 0).\n" in page
    assert f"| [first](first/leaderboard.md) | toy, split val: 4 images, 3 classes (toy-3) | 2 | a | {text} |" in index
    rows = list(csv.DictReader(files["first/leaderboard.csv"].splitlines()))
    assert [float(rows[0]["mIoU low"]), float(rows[0]["mIoU high"])] == interval.bounds["miou"].tolist()
    assert rows[1]["mIoU low"] == rows[1]["mIoU high"] == ""
    assert "mIoU low" not in files["second/leaderboard.csv"]
    assert "bootstrap" not in files["second/leaderboard.md"]


def test_a_board_takes_the_intervals_that_a_record_holds(root: Path):
    expected = boards.rebuild(root)
    del expected[root / "first" / "plots" / "images.svg"], expected[root / "index.html"]  # they take the matrices themselves
    page = root / "first" / "leaderboard.md"
    expected[page] = expected[page].replace(b"![From image to image](plots/images.svg)\n\n", b"")
    record = replace(run_record("a", GOOD), intervals=bootstrap(LABELS, matrices(GOOD)))
    write_text(root / "first" / "records" / "a.json", record.to_json())
    (root / "first" / "records" / "a.npz").unlink()
    files = boards.rebuild(root)
    del files[root / "index.html"]
    assert files == expected


def test_matrices_of_another_run_are_refused(root: Path):
    write_per_image(root / "first" / "records" / "b.npz", ["1", "2"], PerImage(matrices(GOOD)))
    with pytest.raises(RecordError, match=r"b\.npz: these matrices do not add up"):
        boards.rebuild(root)


def test_a_board_by_itself_has_no_index(root: Path):
    files = names(root / "second", boards.rebuild(root / "second"))
    assert "README.md" not in files
    assert "leaderboard.md" in files


def test_every_link_of_a_page_leads_to_a_file(root: Path):
    boards.write(root)
    for page in (root / "README.md", root / "first" / "leaderboard.md"):
        links = [link for link in re.findall(r"\]\(([^)]+)\)", page.read_text()) if "://" not in link]
        assert links
        assert all((page.parent / link).is_file() for link in links)


def test_the_index_lists_every_board_with_its_best_row(root: Path):
    index = boards.rebuild(root)[root / "README.md"].decode()
    assert "| [first](first/leaderboard.md) | toy, split val: 4 images, 3 classes (toy-3) | 2 | a | 77.3 ± " in index


def test_writing_twice_writes_once_and_then_check_is_content(root: Path):
    assert set(boards.write(root)) == set(boards.rebuild(root))
    assert boards.write(root) == []
    assert boards.check(root) == []


def test_the_same_records_give_the_same_bytes_under_another_hash_seed(root: Path):
    root = root / "first"
    boards.write(root)
    code = f"from pathlib import Path; from segbench.report.pages.board_files import check; print(check(Path({str(root)!r})))"
    done = run_python(code, PYTHONHASHSEED="12345", LC_ALL="C", TZ="Asia/Tokyo")
    assert done == "[]"


def test_no_torch_and_no_pyplot_are_imported(root: Path):
    code = (
        f"import sys; from pathlib import Path; from segbench.report.pages.board_files import write; write(Path({str(root)!r}));"
        "print({'torch', 'matplotlib.pyplot'} & set(sys.modules))"
    )
    assert run_python(code) == "set()"


def test_check_finds_an_edited_byte_a_missing_and_a_stale_file_and_writes_nothing(root: Path):
    boards.write(root)
    edited, missing, stale = root / "first/leaderboard.csv", root / "first/leaderboard.md", root / "second/plots/confusion-gone.svg"
    edited.write_bytes(edited.read_bytes()[:-2] + b"x\n")
    missing.unlink()
    stale.write_text("<svg/>")
    (root / "second" / "notes.md").write_text("mine")
    before = {path: path.read_bytes() for path in root.rglob("*") if path.is_file()}
    assert boards.check(root) == [f"{edited}: different", f"{missing}: missing", f"{stale}: stale, no record gives it"]
    assert boards.stale(root) == [stale]
    assert {path: path.read_bytes() for path in root.rglob("*") if path.is_file()} == before


def test_writing_removes_nothing(root: Path):
    left_over = root / "second" / "plots" / "confusion-gone.svg"
    write_text(left_over, "<svg/>")
    boards.write(root / "second")
    assert left_over.exists()


def test_files_of_a_board_whose_records_are_gone_are_stale(root: Path):
    boards.write(root / "second")
    (root / "second" / "records" / "a.json").unlink()
    assert root / "second" / "leaderboard.md" in boards.stale(root)


def test_records_that_were_not_measured_alike_share_no_file(root: Path):
    write_text(root / "first" / "records" / "c.json", run_record("c", POOR, precision="bf16").to_json())
    files = {path.relative_to(root / "first").as_posix(): data.decode() for path, data in boards.rebuild(root / "first").items()}
    rows = {name: [row["model"] for row in csv.DictReader(text.splitlines())] for name, text in files.items() if name.endswith(".csv")}
    assert rows == {"leaderboard.csv": ["a", "b"], "leaderboard-precision-bf16.csv": ["c"]}
    assert {"plots/class_iou-precision-bf16.svg", "plots/confusion-c-precision-bf16.svg"} <= set(files)


def test_the_bytes_do_not_depend_on_what_the_record_files_are_called(root: Path):
    before = boards.rebuild(root / "first")
    folder = root / "first" / "records"
    (folder / "a.json").rename(folder / "z.json")
    (folder / "a.npz").rename(folder / "z.npz")
    assert boards.rebuild(root / "first") == before


def test_every_unreadable_record_is_named(root: Path):
    (root / "first" / "records" / "broken.json").write_text("{")
    (root / "second" / "records" / "foreign.json").write_text('{"schema": "other/1"}')
    (root / "second" / "records" / "speed.json").write_text('{"schema": "segbench.profile/1"}')
    with pytest.raises(RecordError) as caught:
        boards.rebuild(root)
    for part in ("3 files", "broken.json", "foreign.json", "speed.json"):
        assert part in str(caught.value)


def test_no_records_is_an_error_that_says_the_way_out(tmp_path: Path):
    (tmp_path / "empty" / "records").mkdir(parents=True)
    with pytest.raises(DataError, match="segbench run"):
        boards.rebuild(tmp_path)


def run_python(code: str, **environment: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], env=os.environ | environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_plots_are_written_as_png_too_and_checks_do_not_mind(root: Path):
    boards.write(root)
    written = boards.write_png(root)
    assert sorted(written) == sorted(path.with_suffix(".png") for path in root.rglob("*.svg"))
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in written + [dark_twin(path) for path in written])
    assert boards.check(root) == []


def test_the_spread_of_the_images_is_drawn_where_their_matrices_are_known(root: Path):
    drawn = boards.rebuild(root)[root / "first" / "plots" / "images.svg"].decode()
    assert ">a<" in drawn
    assert ">b<" not in drawn


def leaderboard(root: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "segbench", "leaderboard", str(root)], capture_output=True, text=True, timeout=300)


def test_a_record_that_cannot_be_read_is_named_and_the_board_of_the_others_is_written(root: Path) -> None:
    whole = boards.rebuild(root)
    for name, text in (("broken.json", "{"), (".hidden.json", "{"), (".a.0-1.partial.json", "{")):
        (root / "first" / "records" / name).write_text(text)
    result = leaderboard(root)
    assert result.returncode == 2
    assert "1 file cannot be read:" in result.stderr
    assert str(root / "first" / "records" / "broken.json") in result.stderr
    assert "Traceback" not in result.stderr
    assert {path: path.read_bytes() for path in whole} == whole
    assert boards.write(root, unreadable := []) == []
    assert len(unreadable) == 1
    with pytest.raises(RecordError, match=r"broken\.json"):
        boards.check(root)


def test_matrices_that_are_damaged_cost_their_record_and_a_board_that_fits_not_together_itself(root: Path) -> None:
    (root / "first" / "records" / "a.npz").write_bytes(b"PK")
    other = replace(LABELS, classes=LABELS.classes[::-1])
    record = run_record("z", GOOD)
    record = replace(record, confusion=replace(record.confusion, labels=other))
    write_text(root / "second" / "records" / "z.json", record.to_json())
    unreadable: list[str] = []
    written = names(root, boards.write(root, unreadable))
    assert "first/leaderboard.md" in written
    assert not any(name.startswith("second/") for name in written)
    assert len(unreadable) == 2
    assert "a.npz" in unreadable[0]
    assert f"{root / 'second'}: records of" in unreadable[1]
    assert "second" not in (root / "README.md").read_text()


def test_two_leaderboards_at_once_leave_one_whole_result(root: Path) -> None:
    whole = boards.rebuild(root)
    both = [subprocess.Popen([sys.executable, "-m", "segbench", "leaderboard", str(root)], stderr=subprocess.PIPE) for _ in range(2)]
    assert [(each.wait(300), each.communicate()[1]) for each in both] == [(0, b""), (0, b"")]
    assert {path: path.read_bytes() for path in whole} == whole
    assert boards.check(root) == []
    assert not list(root.rglob(".*"))


def test_matrices_that_are_not_of_their_record_are_found_beside_recorded_intervals_too(root: Path) -> None:
    record = replace(run_record("a", GOOD), intervals=bootstrap(LABELS, matrices(GOOD)))
    write_text(root / "first" / "records" / "a.json", record.to_json())
    write_per_image(root / "first" / "records" / "a.npz", ["1", "2"], PerImage(matrices(FAIR)))
    with pytest.raises(RecordError, match=r"a\.npz: these matrices do not add up"):
        boards.rebuild(root)
