"""Label maps to the archive that a test server takes. Servers say little of what they refuse, and count attempts: it is checked here.

There are no targets, so what can be checked is names, sizes, values, and whether the bytes are label ids: train ids show by most of
their pixels, which would be void if they were label ids.
"""

from __future__ import annotations

import io
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from segbench.datasets.base import Sample
from segbench.errors import DataError, ImageError
from segbench.files.atomic import replacing
from segbench.images.files import encode_labels
from segbench.images.label_maps import LabelMaps, advice_of_option
from segbench.images.library import size_of
from segbench.labels.encodings import Encoding, foreign_bytes, id_of_byte, suspect_target
from segbench.parallel import map_ordered
from segbench.scoring.pairing import pair_predictions
from segbench.scoring.test_servers import Server

Write = Callable[[str, bytes], None]


@dataclass(frozen=True)
class Packed:
    """``maps`` were checked; ``left_out`` files belong to no test image. ``void``: share of the pixels that stand for no class."""

    maps: int
    left_out: int
    void: float


@dataclass(frozen=True)
class _Checked:
    """A map as the server wants it, or what is wrong with it. ``bytes_of`` int64[256]: its bytes as they were."""

    sample: Sample
    bytes_of: NDArray[np.int64]
    content: bytes = b""
    problem: str | None = None
    way_out: str = ""


def pack(
    preds: Path,
    server: Server,
    data: Path,
    out: Path | None,
    *,
    encoding: Encoding = "auto",
    workers: int = 2,
    on_map: Callable[[], None] = lambda: None,
) -> Packed:
    """Check a folder of label maps against a server's test images in ``data``, and write them to ``out``; ``None`` only checks.

    :param encoding: of the predictions; ``auto`` is label ids, and refuses what looks like train ids or shows other labels' colours.
    :raises DataError: naming every map that is missing, ambiguous, unreadable, of another size or holds ids that there are not. Nothing is
        written then.
    """
    dataset = server.dataset(data)
    pairing = pair_predictions(preds, dataset)
    problems, ways_out = list(pairing.problems), dict[str, None]()
    said: Encoding = "ids" if encoding == "auto" else encoding
    maps = LabelMaps(server.labels, said, insists=encoding == "ids", predicted=True, advice=advice_of_option("--encoding"))
    table = id_of_byte(server.labels, encoding)
    total = np.zeros(256, np.int64)
    with _archive(out) as write:
        for checked in map_ordered(lambda pair: _check(*pair, server, maps, table), pairing.pairs, workers):
            on_map()
            total += checked.bytes_of
            if checked.problem:
                problems.append(f"{checked.sample.id}: {checked.problem}")
                ways_out |= dict.fromkeys([checked.way_out] if checked.way_out else [])
            else:
                write(server.path(checked.sample.id), checked.content)
        if encoding == "auto" and suspect_target(server.labels, np.diag(total)):
            way_out = "pack them with --encoding train-ids, which writes label ids, or insist with --encoding ids"
            raise DataError(f"these predictions look like train ids; {server.name} takes label ids", problems, way_out)
        if problems:
            summary = f"{len(problems)} of {len(dataset)} maps cannot be submitted, so nothing is packed:"
            usual = "every test image needs exactly one map of its own size, in the labels' ids"
            raise DataError(summary, problems, "\n".join(ways_out) or usual)
    known = table[table >= 0], total[table >= 0]
    void = int(known[1][server.labels.index_of_id[known[0]] >= len(server.labels.classes)].sum())
    return Packed(len(pairing.pairs), len(pairing.files) - len(pairing.pairs), void / max(int(total.sum()), 1))


def _check(sample: Sample, path: Path, server: Server, maps: LabelMaps, table: NDArray[np.int16]) -> _Checked:
    nothing = np.zeros(256, np.int64)
    assert sample.image is not None
    try:
        pred = maps.read(path)
        width, height = size_of(sample.image)
    except ImageError as error:
        return _Checked(sample, nothing, problem=error.summary, way_out=error.way_out)
    histogram = np.bincount(pred.reshape(-1), minlength=256)
    if pred.shape != (height, width):
        problem: str | None = f"{path}: size {pred.shape[1]}x{pred.shape[0]}, its image is {width}x{height} (width x height)"
    else:
        foreign = foreign_bytes(histogram, table)
        problem = f"{path}: ids {foreign} are not in {server.labels.name!r}" if foreign else None
    content = b"" if problem else encode_labels(table.astype(np.uint8)[pred], server.colors)
    return _Checked(sample, histogram, content, problem)


@contextmanager
def _archive(path: Path | None) -> Iterator[Write]:
    """How to add a file to a zip or to a gzipped tar, which takes its place when all went well; nowhere if ``path`` is ``None``."""
    if path is None:
        yield lambda name, content: None
    elif path.suffix == ".zip":
        with replacing(path) as partial, zipfile.ZipFile(partial, "w") as archive:
            yield archive.writestr
    else:
        with replacing(path) as partial, tarfile.open(partial, "w:gz") as tar:

            def add(name: str, content: bytes) -> None:
                info = tarfile.TarInfo(name)
                info.size = len(content)
                tar.addfile(info, io.BytesIO(content))

            yield add
