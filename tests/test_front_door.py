"""What programs find at the door: names that cost nothing until they are used, each with an example that runs."""

from __future__ import annotations

import ast
import doctest
import inspect
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner

import segbench
from docs.extension.example_folder import write_example_folder
from segbench.cli.main import main
from segbench.models.weights import save

ROOT = Path(__file__).parents[1]
NAMES = [name for name in segbench.__all__ if not name.startswith("_")]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the examples find in their folder: three images, their targets and predictions, two records, weights, a board."""
    root = tmp_path_factory.mktemp("examples")
    write_example_folder(root)
    for kind, record in (("preds", "ours"), ("others", "theirs")):
        arguments = ["score", str(root / kind), "--dataset", str(root / "mydata.yaml"), "--json", str(root / f"{record}.json")]
        done = CliRunner().invoke(main, arguments)
        assert done.exit_code == 0, done.output
    torch.manual_seed(0)
    segmenter = segbench.build_model("enet", segbench.open_dataset(str(root / "mydata.yaml")).labels, width=0.125)
    save(root / "enet.safetensors", segmenter, trained_on={"dataset": "mydata", "split": "train"}, recipe={})
    (root / "boards" / "mine" / "records").mkdir(parents=True)
    shutil.copy(root / "ours.json", root / "boards" / "mine" / "records")
    return root


@pytest.mark.parametrize("name", NAMES)
def test_the_example_of_a_public_name_runs_as_it_is_printed(name: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    value = getattr(segbench, name)
    parsed = doctest.DocTestParser().get_doctest(inspect.getdoc(value) or "", {}, name, None, 0)
    assert parsed.examples, f"segbench.{name} has no example"
    told: list[str] = []
    result = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE).run(parsed, out=told.append)
    assert not result.failed, "".join(told)


def test_every_public_name_says_what_it_is_in_a_sentence() -> None:
    for name in NAMES:
        first = (inspect.getdoc(getattr(segbench, name)) or "").partition("\n\n")[0]
        assert len(first) > 15, name
        assert first.rstrip().endswith((".", ":")), f"{name}: {first}"


def test_the_door_is_free_and_what_comes_through_it_is_what_is_asked_for() -> None:
    code = (
        "import sys, segbench; heavy = {'numpy', 'torch', 'numba', 'PIL', 'yaml', 'click'} & set(sys.modules); assert not heavy, heavy; "
        "segbench.LabelSpace; assert 'numpy' in sys.modules; assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_dir_lists_the_names_and_others_are_refused() -> None:
    assert set(segbench.__all__) <= set(dir(segbench))
    with pytest.raises(AttributeError, match="module 'segbench' has no attribute 'mIoU'"):
        segbench.mIoU  # noqa: B018


def test_type_checkers_see_the_names_that_programs_get() -> None:
    tree = ast.parse((ROOT / "segbench" / "__init__.py").read_text())
    (guarded,) = (node for node in tree.body if isinstance(node, ast.If))
    seen = {alias.asname: (node.module, alias.name) for node in guarded.body if isinstance(node, ast.ImportFrom) for alias in node.names}
    places = {name: tuple(place.split(":")) for name, place in segbench._PLACES.items()}
    assert seen == {name: (f"segbench.{module}", attribute) for name, (module, attribute) in places.items()}
    assert (ROOT / "segbench" / "py.typed").exists()


def test_readme_and_docs_import_from_the_door_alone() -> None:
    for page in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]:
        for code in re.findall(r"^```python\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL):
            inner = re.findall(r"^\s*(?:from|import) (segbench\.(?!integrations\b)\S+)", code, re.MULTILINE)
            assert not inner, f"{page.name} imports {', '.join(inner)}"


def test_records_of_the_examples_are_what_the_command_wrote(folder: Path) -> None:
    assert json.loads((folder / "ours.json").read_text())["scores"]["miou"] == segbench.read_run(folder / "ours.json").scores.miou


def test_folders_and_files_may_be_named_as_text(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    dataset = segbench.open_dataset("mydata.yaml", ".")
    assert len(segbench.target_folder("gts", dataset.labels)) == 3
    assert segbench.score_folder("preds", dataset).scores.miou == segbench.read_run("ours.json").scores.miou
    assert segbench.compare_records("ours.json", "theirs.json").better in ("a", "b", None)
    assert segbench.load_model("enet.safetensors").labels == dataset.labels
    assert [board.name for board in segbench.read_boards("boards")] == ["mine"]
