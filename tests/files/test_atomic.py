from __future__ import annotations

import errno
import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner

from segbench.cli.main import main
from segbench.errors import DataError
from segbench.files import atomic
from segbench.files.atomic import WAYS_OUT, alone_in, refusal, replacing, require_writable
from segbench.files.json_text import write_text
from segbench.files.names import shown
from tests.tiny import LABELS, tiny_dataset


@contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    """What a full disk feels like: writing more is refused."""
    resource, signal = pytest.importorskip("resource"), pytest.importorskip("signal")
    before, handler = resource.getrlimit(resource.RLIMIT_FSIZE), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)


def test_a_file_is_whole_or_it_is_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "r.json"
    write_text(path, "old")
    with files_of_at_most(100), pytest.raises(OSError, match="large"):
        write_text(path, "n" * 1000)
    assert path.read_text() == "old"
    assert list(path.parent.iterdir()) == [path]


def test_what_is_interrupted_leaves_nothing_behind(tmp_path: Path) -> None:
    def interrupted() -> None:
        with replacing(tmp_path / "x.npz") as partial:
            partial.write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert list(tmp_path.iterdir()) == []


def test_the_suffix_of_a_file_stays_while_it_is_written(tmp_path: Path) -> None:
    with replacing(tmp_path / "x.npz") as partial:
        assert partial.suffix == ".npz"
        partial.write_text("")
    assert [path.name for path in tmp_path.iterdir()] == ["x.npz"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs pipes with names")
def test_what_is_no_plain_file_is_written_to_and_not_replaced(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = subprocess.Popen([sys.executable, "-c", f"print(open({str(pipe)!r}).read())"], stdout=subprocess.PIPE, text=True)
    write_text(pipe, "through")
    assert reader.communicate(timeout=60)[0].strip() == "through"
    assert stat.S_ISFIFO(pipe.stat().st_mode)


def test_a_folder_that_cannot_be_written_to_is_refused_with_the_reason(tmp_path: Path) -> None:
    require_writable(tmp_path / "new" / "folder")
    assert list((tmp_path / "new" / "folder").iterdir()) == []
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match=r"file.out cannot be written to: Not a directory\n.*another folder"):
        require_writable(tmp_path / "file" / "out")


@pytest.mark.parametrize("code", sorted(WAYS_OUT))
def test_every_refusal_of_the_system_says_why_and_the_way_out(code: int) -> None:
    text = str(refusal(OSError(code, os.strerror(code), "there/x.png")))
    assert text.splitlines() == [f"there/x.png: {os.strerror(code)}", WAYS_OUT[code]]


def test_an_error_that_users_cannot_mend_keeps_its_traceback() -> None:
    assert refusal(OSError(errno.EBADF, "Bad file descriptor")) is None
    assert refusal(ConnectionError("no net")) is None


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Targets and a label space."""
    tiny_dataset(tmp_path / "data")
    write_text(tmp_path / "labels.yaml", str(LABELS.to_dict()))
    return tmp_path


def score(folder: Path, *options: object) -> list[str]:
    gts = folder / "data" / "targets"
    return [str(word) for word in ("score", gts, gts, "--labels", folder / "labels.yaml", *options)]


def test_score_says_before_it_scores_that_it_cannot_write(folder: Path) -> None:
    (folder / "file").touch()
    result = CliRunner().invoke(main, score(folder, "--json", folder / "file" / "r.json"), catch_exceptions=False)
    assert result.exit_code == 2
    assert "cannot be written to: File exists" in result.stderr
    assert "mIoU" not in result.stdout


@pytest.mark.filterwarnings("ignore:compiled kernels cannot be kept")  # nor can they, where none were compiled before
def test_a_full_disk_costs_the_record_and_not_the_scores(folder: Path) -> None:
    with files_of_at_most(200):
        result = CliRunner().invoke(main, score(folder, "--json", folder / "out" / "r.json"), catch_exceptions=False)
    assert result.exit_code == 2
    assert "mIoU 100.0" in result.stdout
    assert ": File too large" in result.stderr
    assert list((folder / "out").iterdir()) == []


def test_what_a_killed_writer_left_is_removed_by_the_next_one_and_a_living_writers_file_stays(tmp_path: Path) -> None:
    dying = (
        "import os, sys; from pathlib import Path; from segbench.files.atomic import replacing\n"
        "with replacing(Path(sys.argv[1])) as partial:\n    partial.write_text('half'); os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", dying, str(tmp_path / "one.json")], check=False)
    (left,) = tmp_path.iterdir()
    assert left.name.startswith(".one.")
    with replacing(tmp_path / "two.json") as mine:
        mine.write_text("whole")
        assert not left.exists()
        atomic._swept.clear()
        atomic.sweep(tmp_path)
        assert mine.exists()
    assert [path.name for path in tmp_path.iterdir()] == ["two.json"]


def test_half_written_files_of_other_machines_are_removed_when_they_are_old(tmp_path: Path) -> None:
    others = tmp_path / ".one.00000000-1.partial.json"
    others.write_text("half")
    atomic.sweep(tmp_path)
    assert others.exists()
    os.utime(others, (0, 0))
    atomic._swept.clear()
    atomic.sweep(tmp_path)
    assert not others.exists()


def test_what_is_hidden_is_not_listed(tmp_path: Path) -> None:
    for name in ("b.json", "a.json", ".a.00000000-1.partial.json", "._a.json"):
        (tmp_path / name).touch()
    assert [path.name for path in shown(tmp_path, "*.json")] == ["a.json", "b.json"]


def test_one_process_at_a_time_writes_to_a_folder(tmp_path: Path) -> None:
    pytest.importorskip("fcntl")
    code = (
        "import sys, time; from pathlib import Path; from segbench.files.atomic import alone_in\n"
        "with alone_in(Path(sys.argv[1])): print('in', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "in\n"
        with pytest.raises(DataError, match=r"another process writes here\nrepeat the command"), alone_in(tmp_path, seconds=0.2):
            pass
        other.kill()
    with alone_in(tmp_path, seconds=5):
        assert list(tmp_path.iterdir()) == [], "the lock leaves no file"
