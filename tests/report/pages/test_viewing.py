"""A run is served on this machine alone: its page, and pictures of what it kept."""

from __future__ import annotations

import http.client
import io
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from segbench.datasets.base import Dataset, Sample
from segbench.errors import DataError
from segbench.files.json_text import write_text
from segbench.metrics.per_image import PerImage
from segbench.records.per_image import write_per_image
from segbench.report.pages.viewing import View, ViewServer
from tests.report.fakes import run_record
from tests.report.page_boards import LABELS

IDS = ("city/a", "city/b")


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    plane = np.arange(48, dtype=np.uint8).reshape(6, 8) % 4
    for id in IDS:
        for kind, pixels in (("images", np.stack([plane * 60] * 3, axis=2)), ("gts", plane)):
            path = tmp_path / kind / f"{id}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels).save(path)
    samples = tuple(Sample(id, tmp_path / "images" / f"{id}.png", tmp_path / "gts" / f"{id}.png") for id in IDS)
    return Dataset("toy", "val", LABELS, samples, tmp_path)


@pytest.fixture
def run(tmp_path: Path, dataset: Dataset) -> Path:
    """A run that kept the prediction of its first image, and a secret beside its folder of predictions."""
    folder = tmp_path / "run"
    counts = np.array([np.diag([9, 8, 7, 0])] * 2, np.int64)
    counts = np.concatenate([counts, np.zeros((2, 4, 1), np.int64)], axis=2)
    record = run_record("net", counts.sum(axis=0), labels=LABELS)
    write_text(folder / "records" / "net.json", record.to_json())
    write_per_image(folder / "records" / "net.npz", IDS, PerImage(counts))
    kept = folder / "predictions" / "net" / "city" / "a.png"
    kept.parent.mkdir(parents=True)
    Image.fromarray(np.zeros((6, 8), np.uint8)).save(kept)
    (kept.parent / "b.png").symlink_to(tmp_path / "gts" / "city" / "b.png")
    return folder


@pytest.fixture
def server(run: Path, dataset: Dataset) -> Iterator[ViewServer]:
    with ViewServer(View.of(run, dataset)) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def ask(server: ViewServer, path: str, method: str = "GET", **headers: str) -> tuple[int, str, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=30)
    connection.request(method, path, headers=headers)
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    return answer.status, answer.headers["Content-Type"], content


def test_the_page_is_that_of_the_boards_and_says_that_pictures_are_at_hand(server: ViewServer):
    status, kind, content = ask(server, "/")
    assert (status, kind) == (200, "text/html; charset=utf-8")
    assert b"img-src data: 'self'" in content
    assert b'"live":true' in content


def test_a_picture_is_drawn_of_an_image_whose_prediction_was_kept(server: ViewServer):
    status, kind, content = ask(server, "/strip/run/net/0.png")
    assert (status, kind) == (200, "image/png")
    assert Image.open(io.BytesIO(content)).size == (4 * 8 + 3 * 4, 6)


@pytest.mark.parametrize(
    "path",
    [
        "/strip/run/net/2.png",
        "/strip/run/net/1.png",  # a link out of the folder of predictions
        "/strip/run/nobody/0.png",
        "/strip/run/..%2F..%2Fnet/0.png",
        "/strip/run/net/-1.png",
        "/strip/run/net/0.png/../../../../records/net.json",
        "/records/net.json",
        "/../run/records/net.json",
        "/%2e%2e/%2e%2e/etc/passwd",
        "//etc/passwd",
        "/strip/run/net/99999999999999999999.png",
    ],
)
def test_nothing_else_is_served(server: ViewServer, path: str):
    status, _, content = ask(server, path)
    assert (status, content) == (404, b"nothing here")


def test_it_is_of_this_machine_alone_and_changes_nothing(server: ViewServer):
    assert server.server_address[0] == "127.0.0.1"
    assert ask(server, "/", Host="evil.example")[0] == 403
    assert ask(server, "/", Host=f"evil.example:{server.server_port}")[0] == 403
    assert ask(server, "/", Host=f"localhost:{server.server_port}")[0] == 200
    assert [ask(server, "/", method)[0] for method in ("POST", "PUT", "DELETE")] == [501] * 3


def test_a_prediction_that_cannot_be_read_is_said(server: ViewServer, run: Path):
    (run / "predictions" / "net" / "city" / "a.png").write_bytes(b"no picture")
    status, kind, content = ask(server, "/strip/run/net/0.png")
    assert (status, kind) == (500, "text/plain; charset=utf-8")
    assert b"a.png" in content


def test_a_run_of_other_labels_or_none_at_all_is_refused(run: Path, dataset: Dataset, tmp_path: Path):
    with pytest.raises(DataError, match="other labels"):
        View.of(run, replace(dataset, labels=replace(LABELS, name="another")))
    for folder in (tmp_path / "nothing", tmp_path / "images"):
        with pytest.raises(DataError, match="no records"):
            View.of(folder, None)


def test_a_run_that_averaged_over_some_classes_alone_is_shown(run: Path, dataset: Dataset):
    record = run_record("net", np.concatenate([np.diag([18, 16, 14, 0]), np.zeros((4, 1), int)], axis=1), labels=LABELS.averaging(["road"]))
    write_text(run / "records" / "net.json", record.to_json())
    assert View.of(run, dataset).picture("net", 0)


def test_the_command_serves_until_ctrl_c(run: Path):
    (run / "predictions").rename(run / "elsewhere")
    program = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); from segbench.cli.main import main; main()"
    command = [sys.executable, "-c", program, "view", str(run)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert "kept no predictions" in process.stdout.readline()
        address = re.match(r"http://127\.0\.0\.1:(\d+)/ shows .*run; Ctrl-C ends it", process.stdout.readline())
        assert address
        connection = http.client.HTTPConnection("127.0.0.1", int(address[1]), timeout=30)
        connection.request("GET", "/")
        assert b'"live":false' in connection.getresponse().read()
        connection.close()
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0
