"""A local server that speaks S3, with latency and requests that fail: the scores of a folder, and errors that name the URL.

``tox -e s3`` brings s3fs and moto, which bound versions that the other tests have newer; elsewhere these tests are skipped.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from segbench.cli.main import main
from segbench.files import stores as module

pytest.importorskip("s3fs", reason="tox -e s3 brings it")
pytest.importorskip("moto", reason="tox -e s3 brings it")

LATENCY = 0.03  # seconds
pytestmark = pytest.mark.filterwarnings("default")  # of packages that are not ours


class Shaky:
    """A WSGI application before moto's: it waits, and fails the first requests for each object."""

    def __init__(self, inner: Callable[..., Any]) -> None:
        self.inner, self.failures, self.asked = inner, 0, Counter[str]()
        self.at_once, self.most, self.lock = 0, 0, threading.Lock()

    def __call__(self, environ: dict[str, Any], start: Callable[..., Any]) -> Any:
        path = environ["PATH_INFO"]
        is_read = environ["REQUEST_METHOD"] == "GET" and path.endswith(".png")
        with self.lock:
            self.asked.update([path] if is_read else [])
            self.at_once += 1
            self.most = max(self.most, self.at_once)
        try:
            time.sleep(LATENCY)
            if is_read and self.asked[path] <= self.failures:
                start("503 Slow Down", [("Content-Type", "application/xml")])
                return [b"<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>"]
            return self.inner(environ, start)
        finally:
            with self.lock:
                self.at_once -= 1


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Shaky]:
    from moto.server import DomainDispatcherApplication, create_backend_app
    from werkzeug.serving import make_server

    application = Shaky(DomainDispatcherApplication(create_backend_app))
    server = make_server("127.0.0.1", 0, application, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    for name, value in {
        "AWS_ACCESS_KEY_ID": "nobody",
        "AWS_SECRET_ACCESS_KEY": "nothing",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{server.server_port}",
        "AWS_MAX_ATTEMPTS": "1",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(module, "FIRST_PAUSE", 0.01)
    import s3fs

    s3fs.S3FileSystem.clear_instance_cache()
    monkeypatch.setattr(s3fs.S3FileSystem, "retries", 1)
    yield application
    s3fs.S3FileSystem.clear_instance_cache()
    server.shutdown()
    thread.join()
    server.server_close()


def upload(folder: Path, bucket: str) -> str:
    import s3fs

    store = s3fs.S3FileSystem()
    store.mkdir(bucket)
    for file in sorted(folder.rglob("*.png")):
        store.pipe_file(f"{bucket}/data/{file.relative_to(folder)}", file.read_bytes())
    return f"s3://{bucket}/data"


def type_in(*words: Any) -> Result:
    return CliRunner().invoke(main, [str(word) for word in words], catch_exceptions=False)


def test_a_bucket_that_answers_late_and_fails_at_times_gives_the_record_of_a_folder(
    server: Shaky, cityscapes_set: Path, tmp_path: Path
) -> None:
    whole = type_in("score", cityscapes_set / "results", "--data", cityscapes_set, "--dataset", "cityscapes", "--json", tmp_path / "a.json")
    top = upload(cityscapes_set, "labels")
    server.failures = 2
    server.most = 0
    there = type_in("score", f"{top}/results", "--data", top, "--dataset", "cityscapes", "--json", tmp_path / "b.json")
    assert there.exit_code == 0, there.output
    assert there.stdout == whole.stdout
    assert (tmp_path / "b.json").read_bytes() == (tmp_path / "a.json").read_bytes()
    assert set(server.asked.values()) == {3}
    assert server.most > 2  # read ahead


def test_what_a_bucket_does_not_give_is_named_by_its_url(server: Shaky, cityscapes_set: Path) -> None:
    top = upload(cityscapes_set, "others")
    server.failures = 1000
    done = type_in("score", f"{top}/results", f"{top}/gtFine/val")
    assert done.exit_code == 2
    assert "3 of 3 pairs cannot be scored" in done.stderr
    assert f"{top}/results/" in done.stderr
    assert "reduce your request rate" in done.stderr
    nowhere = type_in("score", "s3://nowhere/preds", cityscapes_set / "gtFine" / "val")
    assert nowhere.exit_code == 2
    assert "s3://nowhere/preds: there is no such folder" in nowhere.stderr
