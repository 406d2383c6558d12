"""Small pictures of the images on which a model fails, for its view on the page: ``gallery/NAME/*.webp`` for ``records/NAME.json``.

They are inputs of the page like the records: whoever runs a model has the images, the page has not. A picture is one strip: image,
target, prediction, errors.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from segbench.errors import DataError
from segbench.files.names import shown
from segbench.labels.space import LabelSpace
from segbench.leaderboards.board import Measured
from segbench.metrics.image_scores import image_miou
from segbench.records.per_image import read_per_image
from segbench.report.plots.gallery import Failure
from segbench.report.plots.samples import panels_of
from segbench.report.tables.numbers import percent

STRIPS = 3
WIDTH, GAP = 256, 4  # pixels: of a panel at most, and between two
LARGEST = 60_000  # bytes of a strip: three of them for 15 models still make a page that a phone loads


def write_strips(folder: Path, failures: Sequence[Failure], labels: LabelSpace) -> None:
    """Write the first failures as ``1-ID.webp``, ``2-ID.webp``, ...; what lay in the folder goes."""
    folder.mkdir(parents=True, exist_ok=True)
    for old in shown(folder, "*.webp"):
        old.unlink()
    for number, failure in enumerate(failures[:STRIPS], 1):
        path = folder / f"{number}-{Path(failure.id).name}.webp"
        Image.fromarray(_strip(failure, labels)).save(path, quality=60, method=6)


def strips_of(measured: Measured) -> list[dict[str, str]]:
    """The pictures of a record as ``id`` (the last part of the image's), ``caption`` and ``src`` (a data URI); none without a gallery.

    :raises DataError: a picture is too large for the page, a link to somewhere else, or no picture: the page holds its bytes.
    """
    folder = measured.path.parents[1] / "gallery" / measured.path.stem
    paths = shown(folder, "*.webp")
    if foreign := [str(path) for path in paths if path.is_symlink() or not path.is_file() or not _is_webp(path)]:
        raise DataError(
            "files of a gallery that are no WebP pictures of its own", foreign, "remove them; segbench run --gallery writes pictures"
        )
    if large := [f"{path}: {path.stat().st_size} bytes" for path in paths if path.stat().st_size > LARGEST]:
        raise DataError(f"pictures of more than {LARGEST} bytes", large, "segbench run --gallery writes small ones")
    scores = _scores(measured) if paths else {}
    strips = []
    for path in paths:
        name = path.stem.partition("-")[2]
        score = f", mIoU {percent(scores[name])} %" if name in scores else ""
        src = f"data:image/webp;base64,{base64.b64encode(path.read_bytes()).decode()}"
        strips.append({"id": name, "caption": f"{name}{score}: image, target, prediction, errors", "src": src})
    return strips


def strip_png(failure: Failure, labels: LabelSpace) -> bytes:
    """One image, target, prediction and errors side by side, twice as large as in a gallery."""
    out = BytesIO()
    Image.fromarray(_strip(failure, labels, 2 * WIDTH)).save(out, "PNG")
    return out.getvalue()


def _is_webp(path: Path) -> bool:
    with path.open("rb") as file:
        head = file.read(12)
    return head[:4] == b"RIFF" and head[8:] == b"WEBP"


def _scores(measured: Measured) -> dict[str, float]:
    """The mIoU of each image by the last part of its id, where its matrices lie beside the record."""
    if measured.matrices is None:
        return {}
    ids, counted = read_per_image(measured.matrices)
    return {Path(id).name: value for id, value in zip(ids, image_miou(counted.matrices).tolist(), strict=True)}


def _strip(failure: Failure, labels: LabelSpace, width: int = WIDTH) -> NDArray[np.uint8]:
    step = math.ceil(failure.image.shape[1] / width)
    image, target, pred = (plane[::step, ::step] for plane in (failure.image, failure.target, failure.pred))
    panels, *_ = panels_of(image, target, pred, labels)
    gap = np.full((panels[0][1].shape[0], GAP, 3), 128, np.uint8)
    parts = [part for _, pixels in panels for part in (pixels, gap)]
    return np.concatenate(parts[:-1], axis=1)
