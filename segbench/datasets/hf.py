"""``hf-dataset:REPO`` or ``hf-dataset:FOLDER``: images and label maps in the columns of a dataset that Hugging Face's ``datasets`` reads.

``REPO@REVISION`` pins a branch, a tag or a commit; records say which commit was read. ``FOLDER`` holds Parquet files, or is what
``save_to_disk`` wrote. Columns are found by their usual names. A YAML file, given as ``--data FILE.yaml``, says which classes there are::

    image: pixel_values           # columns, where they have other names than usual
    target: label
    labels: cityscapes            # the classes of a builtin dataset; or `classes`, `void` and `ignore` as in data of your own

or else the column of the targets does, if it is made of ``ClassLabel``, or else the repository's ``id2label.json``, where 255 is void
unless it is named. A row is called by its number. Code of repositories is never run.
"""

from __future__ import annotations

import importlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segbench.datasets.base import Dataset, Sample
from segbench.datasets.yaml_dataset import LABEL_KEYS, check_labels, labels_of
from segbench.errors import DataError, ImageError, LabelError, MissingPackageError, SegbenchError
from segbench.files.settings import text
from segbench.files.text import read_text
from segbench.files.yaml_schema import Key, plain, read_yaml, section
from segbench.labels.space import LabelClass, LabelSpace
from segbench.labels.tables import voc_color

IMAGES = ("image", "pixel_values", "img", "images")
TARGETS = ("annotation", "label", "labels", "mask", "segmentation_mask", "semantic_segmentation", "segmentation")
SPLITS = ("validation", "val", "test", "train")
"""Where no split is asked for, the first of these that there is."""
NAMES_FILE = "id2label.json"
KEYS = {
    "image": Key(plain(text), "text", "The column of the images, where it has no usual name."),
    "target": Key(plain(text), "text", "The column of the label maps, where it has no usual name."),
    **LABEL_KEYS,
}


@dataclass(frozen=True, eq=False)
class Cell:
    """An image in a table; it is read as a file of its own. ``table`` gives encoded images, not pixels."""

    table: Any
    column: str
    row: int

    def __str__(self) -> str:
        return f"row {self.row}, column {self.column!r}"

    def exists(self) -> bool:
        """Whether there is such a row."""
        return self.row < len(self.table)

    def read_bytes(self) -> bytes:
        """The encoded image.

        :raises ImageError: the cell is empty.
        """
        content = self.table[self.row][self.column]
        if not content or (content["bytes"] is None and not content["path"]):
            raise ImageError(self, "the cell is empty")
        return bytes(content["bytes"]) if content["bytes"] is not None else Path(content["path"]).read_bytes()


def hf_dataset(repo: str, data: Path | None = None, split: str | None = None) -> Dataset:
    """A dataset of the Hugging Face Hub, or a folder of one, with columns of images and label maps.

    :raises MissingPackageError: ``datasets`` is not installed.
    :raises DataError: it cannot be read, has no such split or columns, or nothing says which classes there are.
    """
    said = {} if data is None else _read_yaml(Path(data))
    package = _package("datasets")
    place, _, revision = (repo, "", "") if Path(repo).is_dir() else repo.partition("@")
    local = Path(place).is_dir()
    name = Path(place).resolve().name if local else place.rpartition("/")[2]
    try:
        commit = None if local else _package("huggingface_hub").HfApi().dataset_info(place, revision=revision or None).sha
        split, table = _table(package, place, commit, split)
    except SegbenchError:
        raise
    except Exception as error:  # the package's own errors, those of the Hub, of HTTP and of files
        first = str(error).strip().partition("\n")[0]
        way_out = "name a dataset of huggingface.co, or a folder with Parquet files or what save_to_disk wrote"
        raise DataError(f"hf-dataset:{repo}: it cannot be read ({type(error).__name__}: {first})", way_out=way_out) from error
    image = _column(repo, said.get("image"), IMAGES, _image_columns(package, table.features), "image")
    known = _image_columns(package, table.features) | _class_columns(package, table.features).keys()
    target = _column(repo, said.get("target"), TARGETS, known - {image}, "target")
    names = _class_columns(package, table.features).get(target)
    labels = labels_of(name, said) if said.keys() & {"labels", "classes"} else _own_labels(repo, name, names, place, commit)
    samples = tuple(
        Sample(f"{row:06}", photo, label_map)
        for row, (photo, label_map) in enumerate(zip(_cells(package, table, image), _cells(package, table, target), strict=True))
    )
    facts = {"source": f"hf-dataset:{name if local else place}"} | ({"revision": commit} if commit else {})
    reader = {"read_target": _nested_reader(table, target)} if names else {}
    return Dataset(name, split, labels, samples, Path(place) if local else Path("."), facts=facts, **reader)


def _package(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        missing = isinstance(error, ModuleNotFoundError) and error.name == name
        raise MissingPackageError(name, "hf-dataset:REPO", "datasets", problem="" if missing else str(error)) from error


def _read_yaml(path: Path) -> dict[str, Any]:
    """Columns and labels of a file.

    :raises DataError: it is missing, or has problems: each is named with its line.
    """

    def checked(said: dict[str, Any]) -> dict[str, Any]:
        return check_labels(said) if said.keys() & LABEL_KEYS.keys() else said

    try:
        said: dict[str, Any] = read_yaml(path, section("columns and labels", KEYS, checked))
    except FileNotFoundError:
        raise DataError(
            f"{path}: there is no such file", way_out="--data of hf-dataset: is YAML that says which classes there are"
        ) from None
    return said


def _table(package: Any, place: str, revision: str | None, split: str | None) -> tuple[str, Any]:
    """The split's name and its rows.

    :raises DataError: there is no such split.
    """
    stored = package.load_from_disk(place) if any((Path(place) / f).is_file() for f in ("dataset_dict.json", "state.json")) else None
    if stored is not None:
        parts = stored if isinstance(stored, Mapping) else {str(stored.split or "train"): stored}
        split = _chosen(place, split, parts)
        return split, parts[split]
    split = _chosen(place, split, package.get_dataset_split_names(place, revision=revision))
    return split, package.load_dataset(place, split=split, revision=revision)


def _chosen(place: str, split: str | None, there: Iterable[str]) -> str:
    there = [str(name) for name in there]
    split = split or next((name for name in SPLITS if name in there), there[0])
    if split not in there:
        raise DataError(f"hf-dataset:{place} has no split {split!r}", way_out=f"its splits are {', '.join(there)}")
    return split


def _image_columns(package: Any, features: Mapping[str, Any]) -> set[str]:
    return {name for name, feature in features.items() if isinstance(feature, package.Image)}


def _class_columns(package: Any, features: Mapping[str, Any]) -> dict[str, list[str]]:
    """Class names of each column whose cells are rows of rows of ``ClassLabel``."""
    found = {}
    for name, feature in features.items():
        inner, depth = feature, 0
        while not isinstance(inner, package.ClassLabel) and (isinstance(inner, list) or hasattr(inner, "feature")):
            inner, depth = inner[0] if isinstance(inner, list) else inner.feature, depth + 1
        if depth == 2 and isinstance(inner, package.ClassLabel):
            found[name] = list(inner.names)
    return found


def _column(repo: str, said: str | None, usual: Sequence[str], there: Iterable[str], role: str) -> str:
    """The column that was named, or the only one that is named as usual, or the only one.

    :raises DataError: it is not there, or there are several.
    """
    there = sorted(there)
    named = [name for name in there if name in usual] or there
    if said is not None and said not in there:
        raise DataError(f"hf-dataset:{repo} has no {role} column {said!r}", way_out=f"it has {', '.join(there) or 'none'}")
    if said is None and len(named) != 1:
        way_out = f"say `{role}: COLUMN` in a YAML file, and give it as --data FILE.yaml"
        raise DataError(f"hf-dataset:{repo}: which column is the {role}: {' or '.join(named) or 'there is none'}?", way_out=way_out)
    return said or named[0]


def _own_labels(repo: str, name: str, names: Sequence[str] | None, place: str, revision: str | None) -> LabelSpace:
    """The labels that the dataset itself names.

    :raises DataError: it names none.
    """
    by_id = dict(enumerate(names)) if names else _id2label(repo, place, revision)
    classes = tuple(LabelClass(label, (number,), voc_color(number + 1), own_color=False) for number, label in sorted(by_id.items()))
    void = () if 255 in by_id or names else (LabelClass("void", (255,), (0, 0, 0), own_color=False),)
    try:
        return LabelSpace(name, classes, void)
    except LabelError as error:
        raise DataError(f"hf-dataset:{repo}: {error}", way_out="say which classes there are in a YAML file, --data FILE.yaml") from error


def _id2label(repo: str, place: str, revision: str | None) -> dict[int, str]:
    way_out = "say which classes there are in a YAML file, --data FILE.yaml: `labels: cityscapes`, or `classes: [...]`"
    path = Path(place) / NAMES_FILE
    if revision is not None:
        hub = _package("huggingface_hub")
        try:
            path = Path(hub.hf_hub_download(place, NAMES_FILE, repo_type="dataset", revision=revision))
        except Exception as error:  # there is no such file, or no network
            raise DataError(f"hf-dataset:{repo}: nothing names its classes ({NAMES_FILE}: {error})", way_out=way_out) from error
    try:
        return {int(number): str(label) for number, label in json.loads(read_text(path)).items()}
    except FileNotFoundError:
        raise DataError(f"hf-dataset:{repo}: nothing names its classes; there is no {NAMES_FILE}", way_out=way_out) from None
    except (OSError, ValueError, AttributeError) as error:
        raise DataError(f"{path}: this must be a mapping of ids to names ({error})", way_out=way_out) from error


def _cells(package: Any, table: Any, column: str) -> list[Cell]:
    """The column's cells, which read that column alone; images stay encoded."""
    alone = table.select_columns([column])
    if isinstance(table.features[column], package.Image):
        alone = alone.cast_column(column, package.Image(decode=False))
    return [Cell(alone, column, row) for row in range(len(table))]


def _nested_reader(table: Any, column: str) -> Any:
    """Reads targets that are rows of rows of class numbers."""
    alone = table.select_columns([column])

    def read(sample: Sample) -> NDArray[np.uint8]:
        numbers = np.array(alone[int(sample.id)][column])
        if numbers.ndim != 2 or numbers.min() < 0 or numbers.max() > 255:
            raise ImageError(sample.target, "a target is rows of one length, of class numbers in 0..255")
        return numbers.astype(np.uint8)

    return read
