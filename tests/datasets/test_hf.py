from __future__ import annotations

import io
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from segbench.cli.main import main
from segbench.datasets.base import read_photograph
from segbench.datasets.cityscapes import LABELS as CITYSCAPES
from segbench.datasets.opening import open_dataset
from segbench.errors import DataError, ImageError, MissingPackageError
from segbench.images.files import write_labels
from tests.datasets import fake_hub
from tests.datasets.contract import broken
from tests.datasets.fake_hub import COMMIT, ClassLabel, List, Table

TARGET = np.array([[0, 1, 2], [2, 255, 0]], np.uint8)


def encoded(pixels: np.ndarray, path: str | None = None) -> dict[str, Any]:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return {"bytes": buffer.getvalue(), "path": path}


def photos(count: int) -> list[dict[str, Any]]:
    return [encoded(np.full((2, 3, 3), row, np.uint8)) for row in range(count)]


def pairs(image: str = "image", target: str = "annotation", count: int = 2, **more: list[Any]) -> Table:
    columns = {image: photos(count), target: [encoded(TARGET)] * count} | more
    return Table({name: fake_hub.Image() for name in (image, target)} | dict.fromkeys(more, "string"), columns)


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> dict[str, dict[str, Table]]:
    """Repositories by name; each has the names of three classes."""
    (tmp_path / "id2label.json").write_text(json.dumps({"0": "road", "1": "tree", "2": "sky"}))
    repos: dict[str, dict[str, Table]] = {"me/scenes": {"train": pairs(count=3), "validation": pairs(scene=["a", "b"])}}
    for name, module in fake_hub.packages(repos, {"id2label.json": tmp_path / "id2label.json"}).items():
        monkeypatch.setitem(sys.modules, name, module)
    return repos


def test_columns_of_images_and_annotations_are_a_dataset_and_the_commit_is_a_fact(hub: dict[str, Any]) -> None:
    dataset = open_dataset("hf-dataset:me/scenes@v1")
    assert (dataset.title, len(dataset), dataset.samples[1].id) == ("scenes-validation", 2, "000001")
    assert dataset.facts == {"source": "hf-dataset:me/scenes", "revision": COMMIT}
    assert (read_photograph(dataset.samples[1]) == 1).all()
    assert np.array_equal(dataset.read_target(dataset.samples[1]), TARGET)
    assert len(open_dataset("hf-dataset:me/scenes", split="train")) == 3
    assert not broken(dataset)


def test_classes_are_those_of_the_repository_and_255_is_void(hub: dict[str, Any]) -> None:
    labels = open_dataset("hf-dataset:me/scenes").labels
    assert labels.class_names == ("road", "tree", "sky")
    assert labels.index_of_id[[0, 1, 2, 255]].tolist() == [0, 1, 2, 3]


def test_yaml_says_which_classes_and_columns_there_are(hub: dict[str, Any], tmp_path: Path) -> None:
    hub["me/odd"] = {"test": pairs("photo", "coarse", fine=[])}
    hub["me/odd"]["test"].features["fine"] = fake_hub.Image()
    hub["me/odd"]["test"].columns["fine"] = [encoded(TARGET + 1)] * 2
    file = tmp_path / "odd.yaml"
    file.write_text("image: photo\ntarget: coarse\nlabels: cityscapes\n")
    dataset = open_dataset("hf-dataset:me/odd", file)
    assert dataset.labels == CITYSCAPES
    assert np.array_equal(dataset.read_target(dataset.samples[0]), TARGET)
    file.write_text("image: photo\ntarget: fine\nclasses: [{name: a, ids: [1]}, {name: b, ids: [2, 3]}]\nignore: [0]\n")
    dataset = open_dataset("hf-dataset:me/odd", file)
    assert dataset.labels.class_names == ("a", "b")
    assert dataset.labels.index_of_id[dataset.read_target(dataset.samples[0])].tolist() == [[0, 1, 1], [1, 2, 0]]
    file.write_text("image: photo\ntarget: fine\nclases: [a]\n")
    with pytest.raises(DataError, match=r"odd\.yaml:3: .*no key 'clases'; did you mean 'classes'"):
        open_dataset("hf-dataset:me/odd", file)


def test_a_column_of_class_labels_is_its_own_label_space(hub: dict[str, Any]) -> None:
    nested = List(List(ClassLabel(["grass", "water"])))
    features = {"image": fake_hub.Image(), "label": nested, "scene": ClassLabel(["indoor", "outdoor"])}
    hub["me/nested"] = {"train": Table(features, {"image": photos(2), "label": [[[0, 1, 1], [1, 0, 0]]] * 2, "scene": [0, 1]})}
    dataset = open_dataset("hf-dataset:me/nested")
    assert dataset.labels.class_names == ("grass", "water")
    assert dataset.read_target(dataset.samples[0]).tolist() == [[0, 1, 1], [1, 0, 0]]
    assert not broken(dataset)
    hub["me/nested"]["train"].columns["label"][0] = [[-1, 0, 0], [0, 0, 0]]
    with pytest.raises(ImageError, match=r"row 0, column 'label': .*class numbers in 0\.\.255"):
        dataset.read_target(dataset.samples[0])


def test_what_is_ambiguous_or_not_there_is_an_error_with_a_way_out(hub: dict[str, Any], tmp_path: Path) -> None:
    hub["me/two"] = {"train": pairs("left", "right")}
    with pytest.raises(DataError, match="which column is the image: left or right"):
        open_dataset("hf-dataset:me/two")
    with pytest.raises(DataError, match=r"no split 'test'.*\nits splits are train, validation"):
        open_dataset("hf-dataset:me/scenes", split="test")
    with pytest.raises(DataError, match=r"me/none: it cannot be read \(ConnectionError: Couldn't reach 'me/none' on the Hub\)"):
        open_dataset("hf-dataset:me/none")
    (tmp_path / "columns.yaml").write_text("target: labl\n")
    with pytest.raises(DataError, match="no target column 'labl'"):
        open_dataset("hf-dataset:me/scenes", tmp_path / "columns.yaml")
    (tmp_path / "id2label.json").write_text("[]")
    with pytest.raises(DataError, match="must be a mapping of ids to names"):
        open_dataset("hf-dataset:me/scenes")


def test_an_empty_cell_is_named(hub: dict[str, Any]) -> None:
    hub["me/scenes"]["validation"].columns["annotation"][1] = None
    dataset = open_dataset("hf-dataset:me/scenes")
    with pytest.raises(ImageError, match="row 1, column 'annotation': the cell is empty"):
        dataset.read_target(dataset.samples[1])


def test_label_maps_are_scored_and_the_record_says_which_commit(hub: dict[str, Any], tmp_path: Path) -> None:
    for row in range(2):
        write_labels(tmp_path / "preds" / f"{row:06}.png", np.where(TARGET == 255, 0, TARGET).astype(np.uint8))
    arguments = ["score", str(tmp_path / "preds"), "--dataset", "hf-dataset:me/scenes", "--json", str(tmp_path / "r.json")]
    result = CliRunner().invoke(main, arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    assert "mIoU 100.0" in result.stdout
    record = json.loads((tmp_path / "r.json").read_text())["dataset"]
    assert (record["source"], record["revision"]) == ("hf-dataset:me/scenes", COMMIT)


def test_without_the_package_the_pip_command_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(MissingPackageError, match="pip install datasets"):
        open_dataset("hf-dataset:me/scenes")


@pytest.mark.parametrize("stored", ["parquet", "disk"])
def test_the_real_package_reads_a_folder_the_same(stored: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HOME", str(tmp_path / "cache"))
    package = pytest.importorskip("datasets")
    features = package.Features({"pixel_values": package.Image(), "label": package.Image()})
    columns = {"pixel_values": photos(3), "label": [encoded(TARGET)] * 3}
    table = package.Dataset.from_dict(columns, features=features)
    folder = tmp_path / "scenes"
    if stored == "disk":
        package.DatasetDict({"train": table, "validation": table.select([2, 1])}).save_to_disk(str(folder))
    else:
        (folder / "data").mkdir(parents=True)
        table.to_parquet(str(folder / "data" / "train-00000-of-00001.parquet"))
        table.select([2, 1]).to_parquet(str(folder / "data" / "validation-00000-of-00001.parquet"))
    with pytest.raises(DataError, match=r"nothing names its classes; there is no id2label\.json"):
        open_dataset(f"hf-dataset:{folder}")
    (folder / "id2label.json").write_text(json.dumps({"0": "road", "1": "tree", "2": "sky"}))
    dataset = open_dataset(f"hf-dataset:{folder}")
    assert (dataset.title, len(dataset), dataset.facts) == ("scenes-validation", 2, {"source": "hf-dataset:scenes"})
    assert (read_photograph(dataset.samples[0]) == 2).all()
    assert np.array_equal(dataset.read_target(dataset.samples[0]), TARGET)
    assert not broken(dataset)
