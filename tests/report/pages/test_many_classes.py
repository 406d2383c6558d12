"""Boards and pictures of more classes than can be shown one by one."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from segbench import plots
from segbench.errors import RecordError
from segbench.labels.space import numbered_labels
from segbench.metrics.cells import Cells
from segbench.metrics.confusion import ConfusionMatrix
from segbench.metrics.matrices import CellLog, Matrices
from segbench.metrics.per_image import PerImage
from segbench.records.per_image import write_per_image
from segbench.records.run_record import RunRecord
from segbench.report.pages import board_files
from segbench.report.pages.image_sums import image_sums
from tests.report.fakes import GOOD, run_record

CLASSES = 5000


def record(name: str, wrong: int) -> RunRecord:
    """Every class has 20 pixels, of which some, more from class to class, are taken for the next one."""
    index = np.arange(CLASSES)
    missed = np.minimum(wrong * index // CLASSES, 19)
    size = CLASSES + 1
    keys = np.concatenate([index * size + index, index * size + (index + 1) % CLASSES])
    cells = Cells.added(CLASSES, [(keys, np.concatenate([20 - missed, missed]))])
    return replace(run_record(name, GOOD), confusion=ConfusionMatrix(numbered_labels(CLASSES), cells))


@pytest.fixture
def board(tmp_path: Path) -> Path:
    (tmp_path / "board" / "records").mkdir(parents=True)
    for name, wrong in (("good", 5), ("poor", 15)):
        made = record(name, wrong)
        (tmp_path / "board" / "records" / f"{name}.json").write_text(made.to_json())
        cells = made.confusion.cells
        log = CellLog.of(np.array([len(cells.keys)]), cells.keys, cells.pixels)
        write_per_image(tmp_path / "board" / "records" / f"{name}.npz", ["a"], PerImage(Matrices(log, CLASSES, CLASSES + 1)))
    return tmp_path / "board"


def test_a_board_shows_the_lowest_and_the_highest_classes_and_no_matrix(board: Path) -> None:
    files = {path.name: data.decode() for path, data in board_files.rebuild(board.parent).items()}
    assert {name for name in files if name.endswith(".svg")} <= {"images.svg", "miou-macs.svg"}
    page = files["leaderboard.md"]
    assert "Classes by the first model: of 5000 classes the 20 with the lowest and the 20 with the highest IoU." in page
    assert page.count("\n") < 150
    data = json.loads(files["index.html"].partition('type="application/json" id="data">')[2].partition("</script>")[0])
    (group,) = data["boards"][0]["groups"]
    assert len(group["classes"]) == 40
    assert [len(model["iou"]) for model in group["models"]] == [40, 40]
    assert {model[key] for model in group["models"] for key in ("counts", "shares", "sums", "most")} == {None}


def test_the_page_has_no_sums_of_images_of_so_many_classes(board: Path) -> None:
    assert image_sums([board / "records" / "good.npz"]).sums == [None]


@pytest.mark.parametrize("kind", ["confusion", "classes"])
def test_pictures_of_so_many_classes_are_refused(kind: str, tmp_path: Path) -> None:
    with pytest.raises(RecordError, match="classes are drawn up to 1000, and numbered has 5000"):
        plots.of_record(record("good", 5), kind).save(tmp_path / "a.svg")
