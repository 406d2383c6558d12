"""The page of one run, served on this machine alone, with the picture of any image whose prediction the run kept.

A picture is drawn when it is asked for. What is asked for names a model and the number of an image; no part of it becomes a path, and
nothing is written. Requests that were sent to another name than this machine's own are refused, so that no web site reads through a
browser.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from segbench.datasets.base import Dataset, Sample, read_photograph
from segbench.errors import DataError, SegbenchError
from segbench.images.label_maps import LabelMaps
from segbench.labels.space import LabelSpace
from segbench.leaderboards.board import Board, read_board
from segbench.records.per_image import read_per_image
from segbench.report.pages.html import boards_page, models_by_id
from segbench.report.plots.gallery import Failure
from segbench.report.plots.strips import strip_png
from segbench.report.tables.board_rows import rows_of
from segbench.report.tables.frames import Group

LOOPBACK = "127.0.0.1"
PREDICTIONS = "predictions"
_STRIP = re.compile(r"/strip/[^/]+/([^/]+)/(\d{1,9})\.png")


@dataclass(frozen=True, eq=False)
class View:
    """A run's folder and the data that it was run on; without them there are no pictures but those of its gallery."""

    board: Board
    dataset: Dataset | None

    @classmethod
    def of(cls, folder: Path, dataset: Dataset | None) -> View:
        """The run of a folder.

        :raises DataError: it holds no record of a run, or its records are of other labels than the data.
        :raises RecordError: a record cannot be read.
        """
        board = read_board(folder) if folder.is_dir() else None
        if board is None or not board.measured:
            raise DataError(f"{folder}: no records/*.json of a run here", way_out="segbench run --save-predictions --out FOLDER makes one")
        if dataset and (others := [str(each.path) for each in board.measured if not _alike(each.record.labels, dataset.labels)]):
            raise DataError(f"{dataset.title} has other labels than these records", others, "name their --dataset")
        return cls(board, dataset)

    @cached_property
    def page(self) -> bytes:
        """The page of the boards, of this one."""
        return boards_page(self.board.rules.title, [(self.board, self._rows)], live=self.dataset is not None).encode()

    @cached_property
    def _rows(self) -> list[Group]:
        return rows_of(self.board)

    @cached_property
    def _samples(self) -> Mapping[str, Sample]:
        return {sample.id: sample for sample in self.dataset.samples} if self.dataset else {}

    @cached_property
    def _models(self) -> Mapping[str, Path]:
        files = {id(each.record): each.path for each in self.board.measured}
        return {name: files[id(record)] for name, record in models_by_id(self._rows).items()}

    @cached_property
    def _images(self) -> Mapping[str, list[str]]:
        known = {each.path: each.matrices for each in self.board.measured}
        return {name: read_per_image(file)[0] for name, path in self._models.items() if (file := known[path]) is not None}

    def picture(self, model: str, image: int) -> bytes | None:
        """PNG of an image, target, prediction and errors; ``None`` where the run has no such image or kept no prediction of it.

        :raises SegbenchError: a file of it cannot be read.
        """
        ids = self._images.get(model, [])
        sample = self._samples.get(ids[image]) if image < len(ids) else None
        if sample is None or self.dataset is None:
            return None
        folder = (self.board.folder / PREDICTIONS).resolve()
        file = (folder / self._models[model].stem / f"{sample.id}.png").resolve()
        if not file.is_relative_to(folder) or not file.is_file():
            return None
        labels = self.dataset.labels
        target, pred = (labels.index_of_id[ids] for ids in (self.dataset.read_target(sample), LabelMaps(labels).read(file)))
        return strip_png(Failure(sample.id, (), read_photograph(sample), target, pred), labels)


def _alike(labels: LabelSpace, of_data: LabelSpace) -> bool:
    """Whether the classes are the same, whichever of them a record averages."""
    return labels.averaging(labels.class_names) == of_data.averaging(of_data.class_names)


class ViewServer(ThreadingHTTPServer):
    """Serves a view on the loopback address; ``port`` 0 takes a free one."""

    daemon_threads = True

    def __init__(self, view: View, port: int = 0) -> None:
        self.view = view
        super().__init__((LOOPBACK, port), _Handler)

    @property
    def address(self) -> str:
        """What a browser opens."""
        return f"http://{LOOPBACK}:{self.server_port}/"


class _Handler(BaseHTTPRequestHandler):
    server: ViewServer
    server_version, sys_version = "segbench", ""

    def do_GET(self) -> None:
        if self.headers.get("Host") not in {f"{name}:{self.server.server_port}" for name in (LOOPBACK, "localhost")}:
            return self._answer(403, b"this page is for this machine alone")
        path = urlsplit(self.path).path
        if path in ("/", "/index.html"):
            return self._answer(200, self.server.view.page, "text/html; charset=utf-8")
        strip = _STRIP.fullmatch(path)
        try:
            picture = self.server.view.picture(unquote(strip[1]), int(strip[2])) if strip else None
        except (SegbenchError, OSError) as error:
            return self._answer(500, str(error).encode())
        return self._answer(404, b"nothing here") if picture is None else self._answer(200, picture, "image/png")

    def _answer(self, status: int, content: bytes, kind: str = "text/plain; charset=utf-8") -> None:
        self.send_response(status)
        for name, value in (("Content-Type", kind), ("Content-Length", str(len(content))), ("X-Content-Type-Options", "nosniff")):
            self.send_header(name, value)
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:
        """Requests are not told."""
