"""Pictures of samples: what the network saw, what was there, what it said, and where it was wrong."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from numpy.typing import NDArray

from segbench.datasets.base import Dataset, Sample, read_photograph
from segbench.images.colors import color_table
from segbench.labels.space import LabelSpace
from segbench.report.plots.style import VERMILLION, VOID, drawing

OPACITY = 0.6


def sample_overlay(
    image: NDArray[np.uint8],
    target: NDArray[np.uint8],
    pred: NDArray[np.uint8],
    labels: LabelSpace,
    svg: Path | BinaryIO | None,
    png: Path | None = None,
) -> None:
    """Image uint8[H, W, 3], target, prediction (class indices uint8[H, W]) and errors. Targets of C or more are void: grey."""
    step = math.ceil(image.shape[1] / 1024)
    panels, present, extra = panels_of(image[::step, ::step], target[::step, ::step], pred[::step, ::step], labels)
    width = 12.0
    height = width / 4 * image.shape[0] / image.shape[1]
    with drawing(svg, png, width, height + 0.3 + 0.22 * math.ceil((len(present) + len(extra)) / 8), photo=True) as figure:
        for axes, (title, pixels) in zip(figure.subplots(1, 4), panels, strict=True):
            show(axes, pixels, title)
        legend(figure, labels, present, extra, columns=8)


def panels_of(
    image: NDArray[np.uint8], target: NDArray[np.uint8], pred: NDArray[np.uint8], labels: LabelSpace
) -> tuple[list[tuple[str, NDArray[np.uint8]]], list[int], dict[str, Any]]:
    """Titles and pixels of the four panels, the classes in them, and what else a legend must explain: colour by name."""
    classes = len(labels.classes)
    void = target >= classes
    wrong = ~void & (np.minimum(pred, classes) != target)
    backdrop = np.repeat((150 + 0.4 * image.mean(axis=2, keepdims=True)).astype(np.uint8), 3, axis=2)
    errors = np.where(wrong[..., None], np.array(_bytes(VERMILLION)), np.where(void[..., None], np.array(VOID), backdrop)).astype(np.uint8)
    panels = {"image": image, "target": _paint(target, labels, VOID), "prediction": _paint(pred, labels, (0, 0, 0)), "errors": errors}
    present = np.union1d(target[~void], np.minimum(pred, classes))
    special: dict[str, tuple[Any, NDArray[np.bool_]]] = {
        "wrong": (VERMILLION, wrong),
        "void (not evaluated)": (VOID, void),
        "no class": ((0, 0, 0), pred >= classes),
    }
    extra = {name: color for name, (color, where) in special.items() if where.any()}
    return list(panels.items()), [int(index) for index in present if index < classes], extra


def contact_sheet(path: Path, dataset: Dataset, samples: int) -> None:
    """Write a PNG with ``samples`` samples spread evenly over the split: image on the left, target colours over it on the right."""
    chosen = [dataset.samples[i] for i in np.unique(np.linspace(0, len(dataset) - 1, samples).round().astype(int))]
    pairs = [(read_photograph(sample), _index(dataset, sample)) for sample in chosen]
    height, width = pairs[0][1].shape
    present = sorted({int(i) for _, index in pairs for i in np.unique(index) if i < len(dataset.labels.classes)})
    inches = 5.0 * height / width + 0.25
    with drawing(None, path, 10.0, inches * len(chosen) + 0.25 * math.ceil(len(present) / 7), photo=True) as figure:
        rows = figure.subplots(len(chosen), 2, squeeze=False)
        for (left, right), sample, (image, index) in zip(rows, chosen, pairs, strict=True):
            show(left, image, sample.id)
            show(right, overlay(image, index, dataset.labels), "")
        legend(figure, dataset.labels, present, {}, columns=7)


def overlay(image: NDArray[np.uint8], index: NDArray[np.uint8], labels: LabelSpace) -> NDArray[np.uint8]:
    """uint8[H, W, 3]: class colours over the image; what is no class keeps the image, darkened."""
    colors = color_table(labels)[index].astype(np.float64)
    opacity = np.where(index < len(labels.classes), OPACITY, 0.5)[..., None]
    return np.asarray((image * (1 - opacity) + colors * opacity).round(), dtype=np.uint8)


def _index(dataset: Dataset, sample: Sample) -> NDArray[np.uint8]:
    return dataset.labels.index_of_id[dataset.read_target(sample)]


def show(axes: Axes, pixels: NDArray[np.uint8], title: str) -> None:
    """Pixels without a frame."""
    axes.imshow(pixels, interpolation="none")
    axes.set_axis_off()
    axes.set_title(title, fontsize=9, loc="left")


def legend(figure: Figure, labels: LabelSpace, present: Sequence[int], extra: dict[str, Any], *, columns: int) -> None:
    """The colours of the classes ``present`` and of ``extra``, below everything."""
    entries = {labels.classes[index].name: labels.classes[index].color for index in present} | extra
    patches = [Patch(facecolor=_rgb(color), edgecolor="#8A8A8A", linewidth=0.5, label=name) for name, color in entries.items()]
    legend = figure.legend(handles=patches, loc="outside lower center", ncols=columns, fontsize=8, handlelength=1.2, columnspacing=1.4)
    legend.set_frame_on(False)


def _paint(index: NDArray[np.uint8], labels: LabelSpace, other: tuple[int, int, int]) -> NDArray[np.uint8]:
    table = color_table(labels).copy()
    table[len(labels.classes) :] = other
    return table[index]


def _rgb(color: Any) -> Any:
    return color if isinstance(color, str) else tuple(channel / 255 for channel in color)


def _bytes(color: str) -> tuple[int, ...]:
    return tuple(bytes.fromhex(color[1:]))
