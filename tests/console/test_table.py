from __future__ import annotations

import csv
import re
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from segbench.cli.main import main
from segbench.files.json_text import write_text
from segbench.metrics.per_image import PerImage
from segbench.records.per_image import write_per_image
from segbench.records.run_record import read_run
from tests.report.fakes import FAIR, GOOD, POOR, profile, run_record
from tests.report.pages.test_board_files import matrices


@pytest.fixture
def board(tmp_path: Path) -> Path:
    for name, matrix, params in (("a_100%", POOR, 3_000_000), ("b", GOOD, 2_000_000), ("c", FAIR, 1_000_000)):
        write_text(tmp_path / "board" / "records" / f"{name[0]}.json", run_record(name, matrix, params=params).to_json())
    write_per_image(tmp_path / "board" / "records" / "b.npz", ["1", "2"], PerImage(matrices(GOOD)))
    write_text(tmp_path / "board" / "records" / "b.profile.json", profile("b", 3.0).to_json())
    return tmp_path / "board"


def table(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["table", *map(str, arguments)], catch_exceptions=False)


def test_the_terminal_gets_a_table_its_notes_and_its_signature(board: Path) -> None:
    result = table(board)
    assert result.exit_code == 0, result.output
    rows = [line for line in result.output.splitlines() if line.startswith("│")]
    assert [row.split()[1] for row in rows] == ["b", "c", "a_100%"]
    assert re.search(r"│ b +│ 77.3 ± \d", rows[0])
    assert "± is half the width of the 95 % bootstrap interval over 2 images" in result.output
    assert "Speed: Toy GPU, 8x16, batch 1" in result.output
    assert "data:toy-val|n:4|targets:abababab" in result.output


def test_latex_is_a_booktabs_table_with_escaped_names_marks_and_the_signature(board: Path) -> None:
    text = table(board, "--format", "latex", "--columns", "mIoU,params").output
    assert text.startswith("% \\usepackage{booktabs}\n\\begin{tabular}{lrr}\n\\toprule\nmodel & mIoU & params \\\\\n\\midrule\n")
    assert re.search(r"\nb & \\textbf\{77\.3\} \$\\pm\$ \d+\.\d & 2 M \\\\\nc & \\underline\{", text)
    assert "\na\\_100\\% & " in text
    assert "\\bottomrule\n\\end{tabular}\n" in text
    assert r"Signature: \texttt{data:toy-val|\allowbreak{}n:4" in text
    assert "95 \\% bootstrap" in text


def test_html_is_escaped_and_marked(board: Path) -> None:
    write_text(board / "records" / "d.json", run_record("<d>", POOR).to_json())
    text = table(board, "--format", "html").output
    assert "<td>&lt;d&gt;</td>" in text
    assert "<td><strong>77.3</strong> ± " in text
    assert "<code>data:toy-val|n:4" in text
    assert "<d>" not in text


def test_markdown_has_its_signature_below(board: Path) -> None:
    text = table(board, "--format", "markdown", "--columns", "acc").output
    assert text.startswith("| model | acc |\n| :--- | ---: |\n| b | **86.7** |\n")
    assert "\nSignature: `data:toy-val|n:4" in text


def test_csv_keeps_every_digit_the_bounds_and_the_signature(board: Path) -> None:
    rows = list(csv.DictReader(table(board, "--format", "csv", "--columns", "mIoU").output.splitlines()))
    assert list(rows[0]) == ["model", "mIoU", "mIoU low", "mIoU high", "signature"]
    assert float(rows[0]["mIoU"]) == run_record("b", GOOD).scores.miou
    assert rows[0]["signature"].startswith("data:toy-val|n:4")


def test_the_format_follows_the_ending_of_the_file(board: Path, tmp_path: Path) -> None:
    for ending, start in ((".tex", "% \\usepackage{booktabs}"), (".md", "| model |"), (".html", "<table"), (".csv", "model,mIoU")):
        result = table(board, "--out", tmp_path / f"t{ending}")
        assert result.stdout == ""
        assert (tmp_path / f"t{ending}").read_text().startswith(start)
    result = table(board, "--out", tmp_path / "t.txt")
    assert result.exit_code == 2
    assert "tells no format" in result.stderr


def test_rows_are_sorted_by_the_column_that_was_asked_for_costs_ascending(board: Path) -> None:
    def order(*options: str) -> list[str]:
        return [row["model"][0] for row in csv.DictReader(table(board, "--format", "csv", *options).output.splitlines())]

    assert order() == ["b", "c", "a"]
    assert order("--sort", "params") == ["c", "b", "a"]
    assert order("--sort", "model") == ["a", "b", "c"]
    assert order("--sort", "network_ms", "--columns", "acc")[0] == "b"


def test_dice_precision_and_recall_are_columns_and_scores_of_classes(board: Path) -> None:
    rows = list(csv.DictReader(table(board, "--format", "csv", "--columns", "Dice,precision,recall,F1").output.splitlines()))
    record = read_run(board / "records" / "a.json")
    by_name = {row["model"][0]: row for row in rows}
    assert float(by_name["a"]["precision"]) == record.scores.precision
    assert float(by_name["a"]["recall"]) == record.scores.acc_cls
    for name, values in (
        ("Dice", record.scores.class_dice),
        ("precision", record.scores.class_precision),
        ("recall", record.scores.class_acc),
    ):
        shown = csv.DictReader(table(board, "--format", "csv", "--per-class", "--of", name).output.splitlines())
        found = [row[next(key for key in row if key.startswith("a"))] for row in shown]
        assert [float(value or "nan") for value in found] == pytest.approx(values.tolist(), rel=0, abs=0, nan_ok=True)
    assert "goes with --per-class" in table(board, "--of", "Dice").stderr


def test_a_column_that_is_not_there_is_named_with_the_nearest_one(board: Path) -> None:
    result = table(board, "--columns", "miou")
    assert result.exit_code == 2
    assert "no column 'miou'; did you mean 'mIoU'?" in result.stderr
    assert "there are model, mIoU" in table(board, "--sort", "xyz").stderr


def test_classes_are_rows_and_models_columns(board: Path) -> None:
    text = table(board, "--per-class", "--format", "markdown", "--sort", "c", "--columns", "c,b").output
    assert re.match(r"\| class \| c \| b \|\n\| :--- \| ---: \| ---: \|\n\| road \| 66\.7 \| \*\*81\.8\*\* ± \d+\.\d \|\n\| car \|", text)
    assert "| rare \\| bird | – | – |\n" in text


def test_records_of_different_signatures_are_in_tables_of_their_own(board: Path) -> None:
    write_text(board / "records" / "d.json", run_record("d", POOR, precision="bf16").to_json())
    text = table(board, "--format", "markdown").output
    assert text.count("| model |") == text.count("Signature: ") == 2
    rows = list(csv.DictReader(table(board, "--format", "csv").output.splitlines()))
    assert {row["model"]: "bf16" in row["signature"] for row in rows} == {"a_100%": False, "b": False, "c": False, "d": True}


def test_records_are_files_or_folders_and_every_bad_one_is_named(board: Path, tmp_path: Path) -> None:
    files = [board / "records" / f"{name}.json" for name in "bc"]
    assert [line.split("|")[1].strip() for line in table(*files, "--format", "markdown").output.splitlines()[2:4]] == ["b", "c"]
    write_text(tmp_path / "bad.json", "{")
    result = table(files[0], tmp_path / "bad.json", tmp_path / "none.json")
    assert result.exit_code == 2
    assert "2 files cannot be read" in result.stderr
    assert str(tmp_path / "bad.json") in result.stderr
    assert "\n│ b " in result.stdout, "the table of the others is shown"
    (tmp_path / "empty").mkdir()
    assert "no records/*.json" in table(tmp_path / "empty").stderr
    assert "no run record is among them" in table(board / "records" / "b.profile.json").stderr
