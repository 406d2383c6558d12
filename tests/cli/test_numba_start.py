from __future__ import annotations

import gc
import json
import subprocess
import sys
from pathlib import Path

import numba
import pytest

from segbench.cli.numba_start import quick_start


def test_that_kernels_are_compiled_is_said_once_and_only_when_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    with quick_start():
        once = numba.njit(lambda x: x + 1)
        assert once(1) == 2
        assert once(1.5) == 2.5
    assert capsys.readouterr().err.count("compiling kernels, once") == 1
    with quick_start():
        assert once(1) == 2
    numba.njit(lambda x: x - 1)(1)
    assert capsys.readouterr().err == ""


def test_kernels_that_come_from_the_cache_are_not_said_to_be_compiled(tmp_path: Path) -> None:
    (tmp_path / "kernel.py").write_text("import numba\n@numba.njit(cache=True)\ndef double(x):\n    return 2 * x\n")
    code = "from segbench.cli.numba_start import quick_start\nwith quick_start():\n    import kernel\n    assert kernel.double(4) == 8\n"
    root = Path(__file__).parents[2]
    run = [sys.executable, "-c", f"import sys; sys.path[:0] = {[str(root), str(tmp_path)]!r}\n{code}"]
    first, second = (subprocess.run(run, capture_output=True, text=True, check=True, cwd=tmp_path).stderr for _ in range(2))
    assert first.count("compiling kernels, once") == 1
    assert second == ""


def test_garbage_is_collected_again_afterwards_even_after_an_error() -> None:
    assert gc.isenabled()
    with quick_start():
        assert not gc.isenabled()
    assert gc.isenabled()
    with pytest.raises(KeyError), quick_start():
        raise KeyError
    assert gc.isenabled()


def test_scipy_is_not_loaded_by_the_start_and_can_be_afterwards() -> None:
    pytest.importorskip("scipy")
    code = """
import json, sys
from segbench.cli.numba_start import quick_start
with quick_start():
    import numpy as np
    from segbench.kernels.counting import count_pairs
    count_pairs(np.zeros((1, 1), np.uint8), np.zeros((1, 1), np.uint8))
before = "scipy.linalg" in sys.modules
import numba, scipy.linalg
print(json.dumps([before, numba.njit(lambda a: a @ a)(np.eye(2)).tolist()]))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=Path(__file__).parents[2])
    assert json.loads(done.stdout) == [False, [[1.0, 0.0], [0.0, 1.0]]]
