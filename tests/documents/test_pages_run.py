"""What is printed is executed: every page from an empty folder, block by block, on a few small scenes."""

from __future__ import annotations

import runpy
import shlex
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from PIL import Image

from segbench.benchmark import run_suite
from segbench.cli.main import main
from segbench.datasets import minicity
from segbench.images.files import write_labels
from segbench.profiling.timing import Effort
from segbench.records.comparison import compare_records
from segbench.records.run_record import read_run
from tests.documents.pages import DOCS, PAGES, ROOT, block, blocks, name_of

RUN = [page for page in PAGES if any(each.kind == "sh" and each.is_run for each in blocks(page))]
WEEKLY = DOCS / "how-to" / "weekly-job.md"  # runs in a test of its own
LOOP = DOCS / "how-to" / "training-loop.md"


@pytest.fixture(scope="module")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where minicity is kept, so that it is drawn once."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def folder(tmp_path: Path, scenes: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty folder to work in; minicity has four scenes of 60, and eight of 400 to train on; networks are timed once, not ten times."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(minicity.SPLITS, "val", 4)
    monkeypatch.setitem(minicity.SPLITS, "train", 8)
    monkeypatch.setenv("SEGBENCH_CACHE", str(scenes))
    monkeypatch.delenv("CITYSCAPES_DATASET", raising=False)
    monkeypatch.setattr(run_suite, "Effort", lambda repeats: Effort(repeats=min(repeats, 1), warmup_seconds=0))
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # two that wait for each other on a busy machine take ten times as long
    before = set(sys.modules)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield tmp_path
    torch.set_num_threads(threads)
    for name in set(sys.modules) - before:
        if str(tmp_path) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]


def execute(line: str) -> None:
    """Run a line of a shell block: segbench and Python in this process."""
    program, *arguments = shlex.split(line)
    if program == "segbench":
        result = CliRunner().invoke(main, arguments, catch_exceptions=False)
        assert result.exit_code == 0, (line, result.output)
    elif program == "python":
        runpy.run_path(arguments[0], run_name="__main__")
    elif program == "mkdir":
        Path(arguments[-1]).mkdir(parents=True, exist_ok=True)
    else:
        assert program == "cp", f"{line}: tests run segbench, python, mkdir -p and cp; say `not run: why` before others"
        shutil.copy(*arguments)


def run_page(page: Path) -> None:
    """Write the files of a page, and run its commands, in order."""
    for each in blocks(page):
        if each.is_run and each.file:
            Path(each.file).write_text(each.text)
        elif each.is_run and each.kind == "python":
            runpy.run_path(str(_script(each.text)), run_name="__main__")
        elif each.is_run and each.kind == "sh":
            for line in each.lines:
                execute(line)


def _script(text: str) -> Path:
    path = Path("block.py")
    path.write_text(text)
    return path


def label_maps(root: Path) -> None:
    """What the page on scoring takes for the label maps of somebody: `preds` and `gts`."""
    for kind in ("preds", "gts"):
        for name in "abc":
            write_labels(root / kind / f"{name}.png", np.array([[0, 1, 2, 3]] * 4, np.uint8))


def photographs(root: Path) -> None:
    """What the page on data takes for images and masks of somebody."""
    rng = np.random.default_rng(0)
    for split in ("train", "val"):
        for name in "abc":
            target = rng.integers(0, 4, (16, 24), dtype=np.uint8)
            write_labels(root / f"{split}-masks" / f"{name}.png", target)
            (root / split).mkdir(exist_ok=True)
            Image.fromarray(rng.integers(0, 256, (16, 24, 3), dtype=np.uint8)).save(root / split / f"{name}.jpg")
            write_labels(root / "preds" / f"{name}.png", target)


GIVEN: dict[str, Callable[[Path], None]] = {
    "docs/how-to/many-machines.md": label_maps,
    "docs/how-to/score.md": label_maps,
    "docs/how-to/my-data.md": photographs,
}


LOOPS = pytest.mark.filterwarnings("default")  # what trainers of other people warn of is theirs


@pytest.mark.parametrize(
    "page", [pytest.param(page, marks=LOOPS if page == LOOP else (), id=name_of(page)) for page in RUN if page != WEEKLY]
)
def test_a_page_runs_as_it_is_printed(page: Path, folder: Path) -> None:
    GIVEN.get(name_of(page), lambda root: None)(folder)
    run_page(page)


def test_nothing_is_left_out_without_a_reason() -> None:
    assert {name_of(page) for page in RUN} >= {"README.md", "CONTRIBUTING.md", "docs/get-started.md"}
    assert {page.stem for page in (DOCS / "how-to").glob("*.md")} - {page.stem for page in RUN} == {"test-server"}


def test_the_weekly_job_gives_a_table_and_an_answer(folder: Path) -> None:
    run_page(WEEKLY)
    records = folder / "week" / "records"
    assert {path.stem for path in records.glob("*.json")} >= {"baseline", "longer"}
    assert read_run(records / "longer.json").model["architecture"] == "mynet.py:mynet"
    assert r"\toprule" in (folder / "week.tex").read_text()
    assert "longer" in (folder / "week.tex").read_text()
    assert compare_records(records / "longer.json", records / "baseline.json").better in ("a", "b", None)
    assert (folder / "week" / "plots" / "gallery-longer.png").is_file()


def test_a_script_of_twelve_lines_prints_the_scores_and_the_worst_images_of_ones_own_network(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = DOCS / "how-to" / "my-model.md"
    for name, most in (("mydata.yaml", 10), ("mynet.py", 21), ("evaluate.py", 12)):
        (folder / name).write_text(block(page, name))
        assert len(block(page, name).splitlines()) <= most + 1, "a line for its name"
    execute("segbench data minicity city --split val")
    execute("python evaluate.py")
    miou, *classes, worst = capsys.readouterr().out.splitlines()
    assert float(miou.removeprefix("mIoU ")) > 0.25  # one colour everywhere: under 0.1
    assert [line.split()[0] for line in classes] == ["ground", "building", "green", "sky", "object"]
    assert worst.startswith("worst images: [(")


def test_a_meter_in_a_plain_training_loop_sees_the_network_learn(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "train.py").write_text(block(DOCS / "how-to" / "training-loop.md", "train.py"))
    execute("python train.py")
    mious = [float(line.split()[3]) for line in capsys.readouterr().out.splitlines()]
    assert mious[-1] > max(0.8, mious[0])


def test_a_dataset_is_added_by_the_checklist(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from segbench.datasets import DATASETS, LABEL_SPACES

    page = ROOT / "CONTRIBUTING.md"
    (folder / "yard.py").write_text(block(page, "yard.py"))
    (folder / "draw.py").write_text(block(page, "draw.py"))
    execute("python draw.py")
    execute("segbench check yard.py:yard --data yard")
    monkeypatch.setitem(DATASETS.table, "yard", "yard:yard")  # type: ignore[index]
    monkeypatch.setitem(LABEL_SPACES.table, "yard", "yard:LABELS")  # type: ignore[index]
    for line in (
        "segbench data list",
        "segbench data check yard --data yard",
        "segbench score yard/targets/val --dataset yard --data yard",
    ):
        execute(line)
