"""Pictures as notebooks ask for them, and as they are saved."""

from __future__ import annotations

import doctest
import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import segbench
from docs.extension.example_folder import write_example_folder
from segbench import plots
from segbench.errors import RecordError, UsageError
from tests.report.fakes import FAIR, GOOD, profile, run_record

RECORDS = [run_record("a", GOOD, macs=10**9), run_record("b", FAIR, macs=4 * 10**9)]


@pytest.fixture
def dataset(tmp_path: Path) -> segbench.Dataset:
    write_example_folder(tmp_path)
    return segbench.open_dataset(str(tmp_path / "mydata.yaml"))


@pytest.mark.parametrize(
    "picture",
    [
        RECORDS[0].plot(),
        RECORDS[0].plot("classes"),
        plots.classes(RECORDS),
        plots.miou_against_macs(RECORDS),
        plots.miou_against_latency(RECORDS, [profile("a", 3.0), profile("b", 9.0)]),
        plots.latency([profile("a", 3.0)], "times"),
    ],
)
def test_a_plot_is_shown_as_svg_and_saved_as_what_its_name_says(picture: plots.Picture, tmp_path: Path) -> None:
    text = picture._repr_svg_()
    assert text is not None
    assert "prefers-color-scheme: dark" in text
    assert picture._repr_jpeg_() is None
    assert picture.save(tmp_path / "a.svg").read_text() == text
    picture.save(str(tmp_path / "a.png"))
    for name in ("a.png", "a-dark.png"):
        with Image.open(tmp_path / name) as image:
            assert image.size[0] > 100
    with pytest.raises(UsageError, match=r"written as \.svg or \.png"):
        picture.save(tmp_path / "a.pdf")


def test_the_worst_images_are_shown_as_a_photograph(dataset: segbench.Dataset, tmp_path: Path) -> None:
    asked: list[str] = []

    def class_map(sample: segbench.Sample) -> np.ndarray:
        asked.append(sample.id)
        with Image.open(tmp_path / "preds" / f"{sample.id}.png") as image:
            return dataset.labels.index_of_id[np.asarray(image)]

    counted = segbench.score_folder(tmp_path / "preds", dataset)
    picture = plots.worst(counted, dataset, class_map, number=2)
    data = picture._repr_jpeg_()
    assert data is not None
    assert Image.open(io.BytesIO(data)).format == "JPEG"
    assert picture._repr_svg_() is None
    assert asked == [id for id, _ in counted.worst(2)]
    with pytest.raises(UsageError, match=r"written as \.png"):
        picture.save(tmp_path / "a.svg")
    assert plots.sample(dataset, dataset.samples[0], class_map(dataset.samples[0]))._repr_jpeg_()
    assert "mydata" not in str(plots.images({"preds": counted})._repr_svg_())


def test_what_cannot_be_drawn_is_said(dataset: segbench.Dataset) -> None:
    with pytest.raises(UsageError, match="a record has no plot 'iou'; it has confusion and classes"):
        RECORDS[0].plot("iou")
    with pytest.raises(RecordError, match="no record, no picture"):
        plots.classes([])


def test_the_example_runs_as_it_is_printed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("ours.json").write_text(RECORDS[0].to_json())
    assert doctest.testmod(plots).failed == 0
    assert (tmp_path / "confusion.svg").is_file()
