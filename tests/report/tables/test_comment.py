from __future__ import annotations

from pathlib import Path

from click.testing import CliRunner

from segbench.cli.main import main
from segbench.records.comparison import compare_records
from segbench.records.gate import judge, parse_gate
from segbench.report.tables.comment import MARK, comment_of
from tests.records.test_comparison import matrices, record_file


def test_a_comment_says_what_fell_in_which_classes_and_in_which_images(tmp_path: Path) -> None:
    main_file, pr = record_file(tmp_path, "main", matrices(12)), record_file(tmp_path, "pr", matrices())
    compared = compare_records(main_file, pr)
    text = comment_of(compared, [judge(parse_gate(each), compared) for each in ("miou > -0.3 @95", "acc > -100")], 3)
    assert text.startswith(f"{MARK}\n\n### segbench: 1 of 2 gates closed; mIoU -")
    rows = text.splitlines()
    (gate,) = [row for row in rows if row.startswith("| `miou > -0.3 @95`")]
    assert gate.endswith("| **closed** |")
    (miou,) = [row for row in rows if row.startswith("| mIoU |")]
    assert f"| {-100 * compared.metric('miou').difference:.1f} |" in miou  # type: ignore[union-attr]
    assert "Classes whose IoU changed beyond chance" in text
    assert r"rare \| bird" in text
    assert "<code>city" in text
    assert "Before: main; after: pr. Paired bootstrap over 12 images; 12 are few" in text
    assert text.count("<details>") == text.count("</details>") == 2


def test_the_other_way_round_everything_rises(tmp_path: Path) -> None:
    fair, good = record_file(tmp_path, "fair", matrices()), record_file(tmp_path, "good", matrices(12))
    result = CliRunner().invoke(main, ["compare", str(fair), str(good), "--markdown", "--gate", "miou > -0.3"])
    assert result.exit_code == 0, result.output
    assert "### segbench: mIoU +" in result.stdout
    assert "better beyond chance; every gate is open" in result.stdout


def test_two_that_are_alike_say_so(tmp_path: Path) -> None:
    a, b = record_file(tmp_path, "a", matrices()), record_file(tmp_path, "b", matrices())
    result = CliRunner().invoke(main, ["compare", str(a), str(b), "--markdown"])
    assert "these images do not tell the two apart\n" in result.stdout
    assert "No class changed beyond chance." in result.stdout
    assert "No image changed." in result.stdout
