"""What LaTeX would make of our tables: read by a small reader of its own, and compiled where there is a pdflatex."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from segbench.labels.space import LabelClass, LabelSpace
from segbench.report.tables.formats import escape_latex, page_of, to_latex
from segbench.report.tables.frames import class_half_widths, per_class, score_table
from tests.report.fakes import FAIR, GOOD, POOR, profile, run_record

SPECIAL = r"""\&%$#_{}~^|<>[]*-–±'`,"?! ab"""
NAMES = ("a_100%", "[b] & c", r"*d\e{f}$g#", "~h^i -- <j>|k|", "two\n\nlines")
LABELS = LabelSpace("toy_3 & more", tuple(LabelClass(name, (i,), (i, i, i)) for i, name in enumerate(("[void]", "*", "50 % _of_ #2"))))
# What LaTeX shows, by what is written; anything else among the special characters is a command, an argument or another character.
COMMANDS = {f"\\{character}": character for character in "&%$#_{}"} | {
    r"\textbackslash{}": "\\",
    r"\textasciitilde{}": "~",
    r"\textasciicircum{}": "^",
    r"\textbar{}": "|",
    r"\textless{}": "<",
    r"\textgreater{}": ">",
    r"\textendash{}": "–",
    r"$\pm$": "±",
    "{[}": "[",
    "{*}": "*",
    "{}": "",
}
TOKEN = re.compile("|".join(map(re.escape, sorted(COMMANDS, key=len, reverse=True))) + r"|[^\\&%$#_{}~^|<>±–]")


def shown(latex: str) -> str:
    """The text that LaTeX shows."""
    assert not re.search(r"--|,,|''|``", latex), "a ligature"
    assert not re.match(r"[\[*]", latex), "an argument of the row before"
    tokens = TOKEN.findall(latex)
    assert "".join(tokens) == latex, "a special character stands there as it is"
    return "".join(COMMANDS.get(token, token) for token in tokens)


def tabular(latex: str) -> tuple[str, list[list[str]]]:
    """The column specification, and the cells of each row."""
    assert re.findall(r"\\(begin|end)\{(\w+)\}", latex) == [("begin", "tabular"), ("end", "tabular")]
    specification, body = re.search(r"\\begin\{tabular\}\{(\w+)\}\n(.*)\\end\{tabular\}", latex, re.DOTALL).groups()
    rules = [line for line in body.splitlines() if re.fullmatch(r"\\\w+rule", line)]
    assert rules == [r"\toprule", r"\midrule", r"\bottomrule"]
    lines = [line for line in body.splitlines() if line not in rules]
    assert all(line.endswith(r" \\") for line in lines)
    return specification, [re.split(r"(?<!\\) & ", line.removesuffix(r" \\")) for line in lines]


def plain(cell: str) -> str:
    """A cell without its marks."""
    return shown(re.sub(r"\\(?:textbf|underline)\{((?:[^{}]|\{[\[*]?\}|\\[{}])*)\}", r"\1", cell))


def balanced(latex: str) -> bool:
    depth = 0
    for brace in re.findall(r"(?<!\\)[{}]", latex):
        depth += 1 if brace == "{" else -1
        assert depth >= 0
    return depth == 0


def overall() -> pd.DataFrame:
    records = [run_record(name, GOOD if i % 2 else FAIR, {"key_": "50 %"} if i == 1 else {}, macs=10**9) for i, name in enumerate(NAMES)]
    return score_table(records, [profile(NAMES[0], 3.0)], [1, 1, 3, 4, None])


def by_class() -> pd.DataFrame:
    return per_class([run_record(name, matrix, labels=LABELS) for name, matrix in zip(NAMES, (GOOD, FAIR, POOR), strict=False)])


@given(st.text(st.sampled_from(SPECIAL), max_size=12))
def test_escaped_text_is_shown_as_it_was(text: str) -> None:
    assert shown(escape_latex(text)) == re.sub(r"\s+", " ", text)


@pytest.mark.parametrize(("frame", "options"), [(overall, {}), (by_class, {"best_in": "row"})], ids=["models", "classes"])
def test_every_row_has_as_many_cells_as_the_table_has_columns_and_shows_its_names(frame, options) -> None:
    table = frame()
    latex = to_latex(table, **options)
    specification, (header, *rows) = tabular(latex)
    assert balanced(latex)
    assert {len(row) for row in rows} == {len(header)} == {len(specification)}
    assert len(rows) == len(table)
    names = table.get("model", table.index)
    first = header.index("model") if "model" in header else 0
    assert [plain(row[first]) for row in rows] == [" ".join(name.split()) for name in names]
    assert [side for side, name in zip(specification, header, strict=True) if name in ("model", "class")] == ["l"]
    for cell in [cell for row in (header, *rows) for cell in row]:
        plain(cell)


def test_signature_and_notes_stand_below_in_paragraphs_of_their_own() -> None:
    below = page_of(overall(), "latex", "data:a_b-val|map:x & y", ["50 % of a_b."]).partition("\\end{tabular}\n")[2]
    assert below.splitlines() == [
        r"\par\noindent{\footnotesize Signature: \texttt{data:a\_b-val|\allowbreak{}map:x \& y}\par}",
        r"\par\noindent{\footnotesize 50 \% of a\_b.\par}",
    ]


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="no pdflatex: apt-get install texlive-latex-recommended")
@pytest.mark.parametrize("encoding", ["OT1", "T1"])
def test_a_document_with_our_tables_compiles(tmp_path: Path, encoding: str) -> None:
    wide = {"widths": class_half_widths([run_record(name, GOOD, labels=LABELS) for name in NAMES[:3]]), "best_in": "row"}
    pages = [page_of(overall(), "latex", "data:a_b|n:4", ["± 95 % – that is all."]), page_of(by_class(), "latex", "x", [], **wide)]
    head = rf"\documentclass{{article}}\usepackage[{encoding}]{{fontenc}}\usepackage{{booktabs}}\begin{{document}}"
    (tmp_path / "t.tex").write_text("\n".join([head, *pages, r"\end{document}"]), encoding="utf-8")
    run = subprocess.run(["pdflatex", "-halt-on-error", "-interaction=nonstopmode", "t.tex"], cwd=tmp_path, capture_output=True, text=True)
    assert run.returncode == 0, run.stdout
    assert "Missing character" not in (tmp_path / "t.log").read_text(errors="replace")
