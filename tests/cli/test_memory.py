from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from segbench.cli.memory import WAYS_OUT, too_little_memory
from segbench.images.files import write_labels
from tests.tiny import LABELS, tiny_dataset

resource = pytest.importorskip("resource")


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        OSError(errno.ENOMEM, os.strerror(errno.ENOMEM)),
        RuntimeError(
            "[enforce fail at alloc_cpu.cpp:127] err == 0. DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes"
        ),
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB."),
        RuntimeError("can't start new thread"),
        ImportError("libtorch.so: failed to map segment from shared object: Cannot allocate memory"),
        SystemError("<function _find_and_load> returned NULL without setting an exception"),
    ],
    ids=range(7),
)
def test_too_little_memory_is_recognised_however_a_library_says_it(error: Exception) -> None:
    said = too_little_memory(error, "score")
    assert said is not None
    assert said.splitlines()[0] == "there is not enough memory for this"
    assert "--workers 1" in said
    wrapped = ValueError("no shared object 'libllvmlite.so'")
    wrapped.__cause__ = error
    assert too_little_memory(wrapped, None) is not None


def test_other_errors_keep_their_traceback() -> None:
    for error in (RuntimeError("sizes differ"), OSError(errno.EBADF, "Bad file descriptor"), ValueError("out of memory"), ImportError("x")):
        assert too_little_memory(error, "run") is None


@pytest.mark.parametrize("command", sorted(WAYS_OUT))
def test_each_way_out_is_an_option_of_its_command(command: str) -> None:
    text = subprocess.run([sys.executable, "-m", "segbench", command, "--help"], capture_output=True, text=True, timeout=60).stdout
    for word in WAYS_OUT[command].split():
        if word.startswith("--"):
            assert word.strip(",;") in text


def segbench(*arguments: object, more: int, modules: str) -> subprocess.CompletedProcess[str]:
    """A command that may take ``more`` MB of memory beside what Python and some modules took when they were imported."""
    code = (
        f"import resource, sys, {modules}; from pathlib import Path; from segbench.cli.main import main\n"
        "taken = int(Path('/proc/self/statm').read_text().split()[0]) * resource.getpagesize()\n"
        f"resource.setrlimit(resource.RLIMIT_AS, (taken + ({more} << 20),) * 2); main()"
    )
    threads = os.environ | {"OMP_NUM_THREADS": "1"}  # libgomp ends the process itself where it can start none
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, env=threads)


def require_one_clear_error(result: subprocess.CompletedProcess[str]) -> None:
    assert result.returncode == 2, result.stderr
    assert "error: there is not enough memory for this" in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs /proc")
def test_a_score_without_memory_for_its_pictures_is_one_clear_error(tmp_path: Path) -> None:
    large = np.full((8000, 8000), 5, np.uint8)
    for folder in ("preds", "targets"):
        write_labels(tmp_path / folder / "a.png", large)
    (tmp_path / "labels.yaml").write_text(str(LABELS.to_dict()))
    modules = "segbench.console.score, segbench.datasets.target_folder, segbench.metrics.conventions, segbench.scoring.record"
    paths = (tmp_path / "preds", tmp_path / "targets", "--labels", tmp_path / "labels.yaml")
    require_one_clear_error(segbench("score", *paths, more=60, modules=modules))


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs /proc")
def test_a_training_without_memory_for_its_batches_is_one_clear_error(tmp_path: Path) -> None:
    tiny_dataset(tmp_path, images=2)
    splits = "{train: {images: images/*.png, targets: targets/*.png}, val: {images: images/*.png, targets: targets/*.png}}"
    classes = json.dumps([{"name": each.name, "ids": list(each.ids)} for each in LABELS.classes])
    (tmp_path / "tiny.yaml").write_text(f"splits: {splits}\nclasses: {classes}\nignore: [0]\n")
    arguments = ("enet", "--dataset", tmp_path / "tiny.yaml", "--out", tmp_path / "w.safetensors", "--device", "cpu")
    large = ("--steps", 1, "--crop", "1024x1024", "--batch-size", 200)
    modules = "torch, segbench.console.train, segbench.models.zoo.enet, segbench.datasets.yaml_dataset"
    result = segbench("train", *arguments, *large, more=900, modules=modules)
    require_one_clear_error(result)
    assert "train with a smaller --batch-size or --crop" in result.stderr
