"""The notebook of the documents runs from the top in an empty folder, and its stored outputs are of the kinds that it gives."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from docs.extension.notebook import NOTEBOOK, page
from tests.documents.pages import ROOT

nbformat = pytest.importorskip("nbformat")
nbclient = pytest.importorskip("nbclient")
pytestmark = pytest.mark.filterwarnings("default")  # those of kernels are theirs


def kinds(notebook: Any) -> list[set[str]]:
    """The forms of each output, without the text that stands in for the others."""
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    forms = [set(output.get("data", {output["output_type"]: ""})) for output in outputs]
    return [each - {"text/plain"} if len(each) > 1 else each for each in forms]


@pytest.mark.slow
def test_the_notebook_runs_and_gives_what_is_stored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    stored, again = (nbformat.read(NOTEBOOK, as_version=4) for _ in range(2))
    nbclient.NotebookClient(again, timeout=600, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}}).execute()
    assert kinds(again) == kinds(stored)
    assert {"far.json", "far.npz", "near.json"} <= {path.name for path in tmp_path.iterdir()}


def test_the_stored_notebook_is_small_whole_and_knows_no_machine() -> None:
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    nbformat.validate(notebook)
    text = NOTEBOOK.read_text(encoding="utf-8")
    assert len(text) < 1_000_000
    assert str(Path.home()) not in text
    assert all(cell.outputs or cell.source.lstrip().startswith(("def ", "class ")) for cell in notebook.cells if cell.cell_type == "code")


def test_the_page_shows_code_tables_plots_and_photographs() -> None:
    text = page()
    for part in ("```python\n", "data:image/svg+xml;base64,", "data:image/jpeg;base64,", "<table>", "](../how-to/compare.md)"):
        assert part in text
