"""Colour-coded maps against the same maps as ids: read alone, scored in a running process, and scored by a whole command.

One label space with a colour of its own for every label, since two of Cityscapes' labels share theirs. What is read is compared first. Even
inflating takes twice as long for three bytes a pixel as for one.
"""

from __future__ import annotations

import shutil
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import yaml
from numpy.typing import NDArray
from PIL import Image

from segbench.datasets.base import Dataset
from segbench.datasets.cityscapes import LABELS, read_layout
from segbench.images.colors import read_colored
from segbench.images.files import read_labels, write_image, write_labels
from segbench.labels.space import LabelClass, LabelSpace
from segbench.scoring.folder import score_folder
from tests.bench.data import bench_set, paths
from tests.bench.process_bench import run
from tests.bench.rows import Row

PAIRS, MANY, TIMES, ASKED = 24, 240, 10, 1 / 1.3


def distinct(labels: LabelSpace) -> LabelSpace:
    """The labels that have ids, each in a colour of its own, none of them a shade of grey."""

    def recolored(index: int, label: LabelClass) -> LabelClass:
        return replace(label, color=(index * 37 % 256, 255 - index * 37 % 256, index * 91 % 256))

    classes = tuple(recolored(index, label) for index, label in enumerate(labels.classes))
    void = [label for label in labels.void if label.byte_ids]
    return LabelSpace("distinct", classes, tuple(recolored(len(classes) + index, label) for index, label in enumerate(void)))


SPACE = distinct(LABELS)


def measure(quick: bool) -> list[Row]:
    """Milliseconds a map, a pair and a command."""
    pairs, many = (4, 8) if quick else (PAIRS, MANY)
    rounds = 2 if quick else 5
    return [*_reading(_colored(pairs), rounds), _scoring(_colored(pairs), rounds), _command(_colored(many), many, rounds)]


def _colored(pairs: int) -> Path:
    """A set whose predictions are there once more in ``colors`` and in ``palette``, with targets of their names and ``labels.yaml``."""
    root = bench_set(pairs)
    if not (root / "labels.yaml").exists():
        colors = np.zeros((256, 3), np.uint8)
        for label in SPACE.labels:
            colors[list(label.byte_ids)] = label.color
        drawn: dict[bytes, Path] = {}
        for folder in ("colors", "palette", "targets"):
            shutil.rmtree(root / folder, ignore_errors=True)
            (root / folder).mkdir()
        for target, pred in paths(root):
            (root / "targets" / pred.name).symlink_to(target)
            content = pred.read_bytes()
            rgb, palette = root / "colors" / pred.name, root / "palette" / pred.name
            if (like := drawn.setdefault(content, pred)) == pred:
                write_image(rgb, colors[read_labels(pred)])
                write_labels(palette, read_labels(pred), colors)
            else:
                shutil.copyfile(rgb.with_name(like.name), rgb)
                shutil.copyfile(palette.with_name(like.name), palette)
        (root / "labels.yaml").write_text(yaml.safe_dump(SPACE.to_dict()), encoding="utf-8")
    return root


def _reading(root: Path, rounds: int) -> list[Row]:
    """Every map of a set, on this thread."""
    preds = [pred for _, pred in paths(root)]
    table = np.zeros(1 << 24, np.uint8)
    for label in SPACE.labels:
        red, green, blue = label.color
        table[red << 16 | green << 8 | blue] = label.byte_ids[0]

    def with_numpy(path: Path) -> NDArray[np.uint8]:
        with Image.open(path) as image:
            pixels = np.asarray(image).astype(np.uint32)
        return table[pixels[..., 0] << 16 | pixels[..., 1] << 8 | pixels[..., 2]]

    ways: dict[str, Callable[[Path], NDArray[np.uint8]]] = {
        "ids": read_labels,
        "numpy": lambda pred: with_numpy(root / "colors" / pred.name),
        "RGB": lambda pred: read_colored(root / "colors" / pred.name, SPACE),
        "palette": lambda pred: read_colored(root / "palette" / pred.name, SPACE),
    }
    for pred in preds:
        ids = read_labels(pred).copy()
        assert all(np.array_equal(way(pred), ids) for way in ways.values()), f"{pred}: other ids"
    took = _in_turn([lambda way=way: [way(pred) for pred in preds] for way in ways.values()], rounds)
    ms = dict(zip(ways, (seconds * 1e3 / len(preds) for seconds in took), strict=True))
    return [
        Row("colour-coded map, RGB", "Pillow and a table of 2^24 in numpy", ms["RGB"], ms["numpy"], 10, "the same ids"),
        Row("colour-coded map, RGB", "the same map as ids", ms["RGB"], ms["ids"], None, "three times as many bytes to inflate"),
        Row("colour-coded map, palette", "the same map as ids", ms["palette"], ms["ids"], ASKED, "the same ids"),
    ]


def _scoring(root: Path, rounds: int) -> Row:
    dataset = read_layout("cityscapes", root, "val")
    dataset = replace(dataset, labels=SPACE, instances=None, samples=dataset.samples * TIMES)
    assert np.array_equal(_pairs(root / "results", dataset, "ids"), _pairs(root / "colors", dataset, "color"))
    ids, colors = _in_turn([lambda: _pairs(root / "results", dataset, "ids"), lambda: _pairs(root / "colors", dataset, "color")], rounds)
    per_pair = 1e3 / len(dataset.samples)
    return Row(
        "scoring, predictions in colours, a pair", "as ids", colors * per_pair, ids * per_pair, None, "in a running process, no iIoU"
    )


def _pairs(folder: Path, dataset: Dataset, encoding: str) -> NDArray[np.int64]:
    return score_folder(folder, dataset, encoding=encoding).pairs  # type: ignore[arg-type]


def _command(root: Path, pairs: int, rounds: int) -> Row:
    command = [sys.executable, "-m", "segbench", "score"]
    took: dict[str, list[float]] = {"ids": [], "color": []}
    for _ in range(rounds + 1):
        for encoding, folder in (("ids", "results"), ("color", "colors")):
            options = (root / "targets", "--labels", root / "labels.yaml", "--encoding", encoding)
            took[encoding].append(run([*command, root / folder, *options]).seconds)
    ids, colors = (1e3 * statistics.median(seconds[1:]) for seconds in took.values())
    return Row(f"whole process, {pairs} pairs, predictions in colours", "as ids", colors, ids, ASKED, "the same record")


def _in_turn(calls: Sequence[Callable[[], object]], rounds: int) -> list[float]:
    """Median seconds of each call, after one that is not measured."""
    seconds: list[list[float]] = [[] for _ in calls]
    for _ in range(rounds + 1):
        for index, call in enumerate(calls):
            start = time.perf_counter()
            call()
            seconds[index].append(time.perf_counter() - start)
    return [statistics.median(each[1:]) for each in seconds]
