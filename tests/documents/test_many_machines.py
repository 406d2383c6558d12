"""The page for many machines: its shared part runs here, its engines where they are installed, and what nobody has here is parsed."""

from __future__ import annotations

import ast
import os
import shlex
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from segbench import label_space, partials, score_folder, target_folder
from segbench.errors import DataError, UsageError
from tests.documents.pages import DOCS, ROOT, block, blocks
from tests.documents.test_commands import parsed
from tests.documents.test_pages_run import label_maps

PAGE = DOCS / "how-to" / "many-machines.md"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    label_maps(tmp_path)
    monkeypatch.chdir(tmp_path)
    for name in ("work.py", "with_dask.py", "with_ray.py"):
        (tmp_path / name).write_text(block(PAGE, name))
    return tmp_path


@pytest.mark.parametrize("engine", ["dask", "ray"])
def test_an_engine_gives_the_score_of_one_process(engine: str, folder: Path) -> None:
    if find_spec("distributed" if engine == "dask" else engine) is None:
        pytest.skip(f"{engine} is not installed")
    environment = {**os.environ, "PYTHONPATH": f"{folder}{os.pathsep}{ROOT}"}
    command = [sys.executable, f"with_{engine}.py"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, env=environment, timeout=300)
    assert done.returncode == 0, done.stderr
    dataset = target_folder(folder / "gts", label_space("camvid"))
    assert f"mIoU {score_folder('preds', dataset).scores.miou:.4f}" in done.stdout


def test_rows_of_any_parts_give_what_one_process_counts(folder: Path) -> None:
    dataset, pairs = target_folder(folder / "gts", label_space("camvid")), [(name, folder / "preds" / f"{name}.png") for name in "abc"]
    rows = [*partials.count(pairs[2:], dataset), *partials.count(pairs[:2], dataset)]
    assert all(isinstance(value, str) for row in rows for value in row.values())
    counted, whole = partials.merge(rows, dataset), score_folder(folder / "preds", dataset)
    assert counted.ids == whole.ids
    assert (counted.byte_pairs == whole.byte_pairs).all()
    with pytest.raises(DataError, match="a: twice\n  c: missing"):
        partials.merge([rows[1], rows[1], rows[2]], dataset)
    with pytest.raises(UsageError, match="has no samples z"):
        partials.count([("z", "z.png")], dataset)
    (folder / "preds" / "b.png").write_bytes(b"no picture")
    with pytest.raises(DataError, match=r"1 of 3 pairs cannot be scored, so nothing is:\n  b: .*b.png"):
        partials.merge(partials.count(pairs, dataset), dataset)


def test_what_is_typed_elsewhere_is_of_this_segbench() -> None:
    for each in blocks(PAGE):
        if each.kind == "python":
            ast.parse(each.text)
        for line in each.lines if each.kind == "sh" else ():
            words = shlex.split(line, comments=False)
            text = next((word for word in words if "segbench " in word), "") or shlex.join(words)
            command = text[text.index("segbench ") :] if "segbench " in text else ""
            if command:
                parsed(command.replace("$SLURM_ARRAY_TASK_ID", "1"))
