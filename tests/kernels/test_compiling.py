"""Kernels run where their machine code cannot be kept: a full disk, folders of others, damaged files."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import numba
import numpy as np
import pytest
from numba.core import caching

from segbench.images.files import write_labels
from segbench.kernels import compiling
from segbench.kernels.compiling import kernel, private_folder

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def said(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    monkeypatch.setattr(compiling, "_said", set())
    return compiling._said


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache folder of the test's own."""
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache"


def twice(x: int) -> int:
    return 2 * x


def test_machine_code_is_kept_and_read_again(cache: Path) -> None:
    assert kernel(twice)(3) == 6
    again = kernel(twice)
    assert again(3) == 6
    assert sum(again.stats.cache_hits.values()) == 1


def test_a_full_disk_costs_the_cache_and_not_the_result(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "cache.nbi")

    monkeypatch.setattr(caching.IndexDataCacheFile, "save", full)
    function = kernel(twice)
    with pytest.warns(RuntimeWarning, match=r"compiled kernels cannot be kept \(No space left on device: cache.nbi\)"):
        assert function(3) == 6
    assert function(1.5) == 3.0


@pytest.mark.parametrize("damage", [b"", b"\x80\x05nonsense", b"\x00" * 100], ids=["empty", "other bytes", "zeros"])
@pytest.mark.parametrize("suffix", [".nbi", ".nbc"])
def test_a_damaged_file_is_compiled_again(cache: Path, damage: bytes, suffix: str) -> None:
    assert kernel(twice)(3) == 6
    for file in cache.rglob(f"*{suffix}"):
        file.write_bytes(damage)
    assert kernel(twice)(3) == 6


def test_without_a_folder_of_its_own_a_process_uses_a_private_one_among_temporary_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(numba.config, "CACHE_DIR", "")
    elsewhere = [
        getattr(caching, "UserProvidedCacheLocator", None) or caching._UserProvidedCacheLocator
    ]  # its name since numba 0.62, and before
    monkeypatch.setattr(caching.CompileResultCacheImpl, "_locator_classes", elsewhere)
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path))
    with pytest.warns(RuntimeWarning, match="compiled kernels are kept in"):
        assert kernel(twice)(3) == 6
    assert list(tmp_path.rglob("*.nbc"))
    assert numba.config.CACHE_DIR == ""


def test_a_temporary_folder_that_others_could_write_to_is_not_used(tmp_path: Path) -> None:
    folder = private_folder(tmp_path)
    assert folder is not None
    assert folder.stat().st_mode & 0o777 == 0o700
    folder.chmod(0o777)
    assert private_folder(tmp_path) is None
    folder.rmdir()
    (tmp_path / "elsewhere").mkdir(mode=0o700)
    folder.symlink_to(tmp_path / "elsewhere")
    assert private_folder(tmp_path) is None


def without_a_home(folder: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    """A command of a user who can write to ``folder/temporary`` and where the output goes alone, on a machine that knows no Unicode."""
    package = folder / "package"
    shutil.copytree(ROOT / "segbench", package / "segbench", ignore=shutil.ignore_patterns("__pycache__"))
    for each in [package, *(path for path in package.rglob("*") if path.is_dir())]:
        each.chmod(0o555)
    (folder / "temporary").mkdir()
    variables = {"HOME": str(package), "TMPDIR": str(folder / "temporary"), "PATH": os.environ["PATH"], "PYTHONPATH": str(package)}
    command = ["setpriv", "--bounding-set", "-dac_override,-dac_read_search", "--inh-caps", "-dac_override,-dac_read_search"]
    command += [sys.executable, "-m", "segbench", *map(str, arguments)]
    plain = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    done = subprocess.run(command, cwd=folder, env=variables | plain, capture_output=True, text=True, check=False)
    for each in [package, *(path for path in package.rglob("*") if path.is_dir())]:
        each.chmod(0o755)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    return done


needs_root = pytest.mark.skipif(
    shutil.which("setpriv") is None or not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can give up root's rights"
)


@needs_root
def test_a_user_without_a_home_scores_with_a_package_that_cannot_be_written_to(tmp_path: Path) -> None:
    for name in ("preds/aachen_000000_000000", "gts/aachen_000000_000000_gtFine_labelIds"):
        write_labels(tmp_path / f"{name}.png", np.full((8, 8), 7, np.uint8))
    done = without_a_home(tmp_path, "score", "preds", "gts")
    assert "mIoU" in done.stdout
    assert "warning: compiled kernels are kept in" in done.stderr
    assert done.stderr.count("compiled kernels") == 1
    assert list((tmp_path / "temporary").rglob("*.nbc"))


@needs_root
def test_a_user_without_a_home_runs_networks(tmp_path: Path, small_minicity: Path) -> None:
    only = ("--data", small_minicity, "--limit", 1, "--repeats", 0, "--device", "cpu")
    done = without_a_home(tmp_path, "run", "--models", "enet", "--dataset", "minicity", *only, "--out", tmp_path / "out")
    assert "mIoU" in done.stdout
    assert (tmp_path / "out" / "records" / "enet.json").is_file()


@needs_root
def test_a_user_without_a_home_writes_boards(tmp_path: Path) -> None:
    (tmp_path / "board" / "records").mkdir(parents=True)
    for name in ("unet.json", "unet.npz"):
        shutil.copyfile(ROOT / "leaderboards" / "minicity-val" / "records" / name, tmp_path / "board" / "records" / name)
    without_a_home(tmp_path, "leaderboard", "board")
    assert (tmp_path / "board" / "leaderboard.md").is_file()


def test_nothing_is_said_where_all_is_well(cache: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert kernel(twice)(3) == 6
