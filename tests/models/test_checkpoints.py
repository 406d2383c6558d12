"""Foreign files: what can be in them, what is taken out, and what is not opened."""

from __future__ import annotations

import os
import pickle
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from segbench.errors import WeightsError
from segbench.models.checkpoints import read_state

STATE = OrderedDict(
    {"conv.weight": torch.arange(4.0).view(1, 1, 2, 2), "bn.running_var": torch.ones(3), "bn.num_batches_tracked": torch.tensor(5)}
)


def prefixed(*prefixes: str) -> dict[str, Tensor]:
    return {"".join(prefixes) + key: value for key, value in STATE.items()}


def is_state(found: dict[str, Tensor]) -> bool:
    return list(found) == list(STATE) and all(torch.equal(found[key], STATE[key]) for key in STATE)


@pytest.mark.parametrize(
    "content",
    [
        STATE,
        {"state_dict": STATE, "epoch": 3},
        {"model": STATE, "optimizer": {"state": {0: {"momentum_buffer": torch.ones(2)}}, "param_groups": [{"lr": 0.1, "params": [0]}]}},
        {"model_state": STATE, "best_prec1": 0.5},
        {"state_dict": {"model": STATE}, "meta": {"classes": ["a", "b"]}},
        {"epoch": 1, "unusual": STATE},
        prefixed("module."),
        prefixed("model."),
        prefixed("module.", "model."),
        {"state_dict": prefixed("_orig_mod.", "module."), "arch": None},
        {"state_dict": STATE, "miou": np.float64(0.7), "best": np.float32(1), "steps": np.int64(9)},
    ],
    ids=lambda content: " ".join(list(content)[:2]),
)
def test_the_state_is_found_and_unwrapped(content: dict[str, Any], tmp_path: Path) -> None:
    torch.save(content, tmp_path / "file.pth")
    assert is_state(read_state(tmp_path / "file.pth"))


def test_old_files_that_are_no_archives_are_read(tmp_path: Path) -> None:
    torch.save({"state_dict": STATE}, tmp_path / "old.pth.tar", _use_new_zipfile_serialization=False)
    assert is_state(read_state(tmp_path / "old.pth.tar"))


def test_numbers_of_an_older_numpy_are_read(tmp_path: Path) -> None:
    """Old files name NumPy's constructor of numbers in another module."""
    torch.save({"state_dict": STATE, "best": np.float64(1)}, tmp_path / "new.pth", _use_new_zipfile_serialization=False)
    content = (tmp_path / "new.pth").read_bytes()
    assert content.count(b"numpy._core.multiarray") == 1
    (tmp_path / "old.pth").write_bytes(content.replace(b"numpy._core.multiarray", b"numpy.core.multiarray"))
    assert is_state(read_state(tmp_path / "old.pth"))


@pytest.mark.parametrize("name", ["file.safetensors", "file.bin"])
def test_safetensors_are_known_by_their_content(name: str, tmp_path: Path) -> None:
    save_file(prefixed("model."), tmp_path / name)
    found = read_state(tmp_path / name)
    assert set(found) == set(STATE)
    assert torch.equal(found["conv.weight"], STATE["conv.weight"])


def test_names_beside_the_wrapper_stay_as_they_are(tmp_path: Path) -> None:
    torch.save(prefixed("model.") | {"loss.weight": torch.ones(2)}, tmp_path / "file.pth")
    assert set(read_state(tmp_path / "file.pth")) == {*STATE, "loss.weight"}


class Opens:
    """A pickle that would make a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return os.mkdir, (str(self.folder),)


@pytest.mark.parametrize("protocol", [2, 4])
def test_code_in_a_pickle_is_not_run(protocol: int, tmp_path: Path) -> None:
    (tmp_path / "file.pth").write_bytes(pickle.dumps({"trap": Opens(tmp_path / "made")}, protocol))
    with pytest.raises(WeightsError, match=r"file\.pth: (not a PyTorch file of tensors|refers to code)"):
        read_state(tmp_path / "file.pth")
    assert not (tmp_path / "made").exists()


def test_code_beside_the_state_is_named_and_not_run(tmp_path: Path) -> None:
    torch.save({"state_dict": STATE, "trap": Opens(tmp_path / "made")}, tmp_path / "file.pth")
    with pytest.raises(WeightsError, match=r"file\.pth: refers to code \(\w+\.mkdir\), so it is not opened; where it was made"):
        read_state(tmp_path / "file.pth")
    assert not (tmp_path / "made").exists()


def test_no_refusal_tells_how_to_run_the_code_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "file.pth").write_bytes(b"nonsense")
    with pytest.raises(WeightsError) as caught:
        read_state(tmp_path / "file.pth")
    assert "weights_only" not in str(caught.value)


def test_a_pickled_network_is_refused_with_the_way_out(tmp_path: Path) -> None:
    torch.save(nn.Sequential(nn.Linear(1, 1)), tmp_path / "whole.pth")
    with pytest.raises(WeightsError, match=r"refers to code \(torch\.nn\.modules\.\w+\.\w+.*torch\.save\(model\.state_dict\(\), FILE\)"):
        read_state(tmp_path / "whole.pth")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (torch.ones(2), "holds a Tensor, not a state dict"),
        ([STATE], "holds a list, not a state dict"),
        ({"epoch": 3, "lr": 0.1}, "holds no tensors, only epoch, lr"),
        ({}, "holds no tensors, only nothing"),
        ({"generator": STATE, "discriminator": STATE}, "holds several state dicts, generator, discriminator"),
    ],
)
def test_what_holds_no_state_or_several_is_refused(content: Any, message: str, tmp_path: Path) -> None:
    torch.save(content, tmp_path / "file.pth")
    with pytest.raises(WeightsError, match=message):
        read_state(tmp_path / "file.pth")


@pytest.mark.parametrize("content", [b"", b"nonsense", b"PK\x03\x04 a broken archive", b"12345678{ no header", b"\x80\x02}q\x00."])
def test_what_is_no_weights_file_is_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "file.pth").write_bytes(content)
    with pytest.raises(WeightsError, match=r"file\.pth: (not a|holds no tensors)"):
        read_state(tmp_path / "file.pth")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"absent\.pth: the weights file is missing"):
        read_state(tmp_path / "absent.pth")
