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
    elsewhere = [caching.UserProvidedCacheLocator]
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


@pytest.mark.skipif(shutil.which("setpriv") is None or os.geteuid() != 0, reason="only root can give up root's rights")
def test_a_user_without_a_home_scores_with_a_package_that_cannot_be_written_to(tmp_path: Path) -> None:
    package = tmp_path / "package"
    shutil.copytree(ROOT / "segbench", package / "segbench", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("preds/aachen_000000_000000", "gts/aachen_000000_000000_gtFine_labelIds"):
        write_labels(tmp_path / f"{name}.png", np.full((8, 8), 7, np.uint8))
    for folder in [package, *(path for path in package.rglob("*") if path.is_dir())]:
        folder.chmod(0o555)
    (tmp_path / "temporary").mkdir()
    variables = {"HOME": str(package), "TMPDIR": str(tmp_path / "temporary"), "PATH": os.environ["PATH"], "PYTHONPATH": str(package)}
    command = ["setpriv", "--bounding-set", "-dac_override,-dac_read_search", "--inh-caps", "-dac_override,-dac_read_search"]
    command += [sys.executable, "-m", "segbench", "score", "preds", "gts"]
    done = subprocess.run(command, cwd=tmp_path, env=variables, capture_output=True, text=True, check=False)
    for folder in [package, *(path for path in package.rglob("*") if path.is_dir())]:
        folder.chmod(0o755)
    assert done.returncode == 0, done.stderr
    assert "mIoU" in done.stdout
    assert "warning: compiled kernels are kept in" in done.stderr
    assert done.stderr.count("compiled kernels") == 1
    assert list((tmp_path / "temporary").rglob("*.nbc"))


def test_nothing_is_said_where_all_is_well(cache: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert kernel(twice)(3) == 6
