"""A ``.pt2`` file is somebody else's: what loading it would run is refused before it is loaded."""

from __future__ import annotations

import io
import json
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from segbench.errors import WeightsError
from segbench.models.adapters.description import sidecar
from segbench.models.adapters.pt2_contents import refuse_code
from segbench.models.weights import build
from tests.tiny import LABELS

RAN: list[str] = []


class Trap:
    """Runs when it is unpickled."""

    def __reduce__(self) -> Any:
        return RAN.append, ("unpickled",)


def program(path: Path) -> Path:
    height = torch.export.Dim("h", min=2, max=8)
    network = nn.Conv2d(3, 2, 1).eval()
    torch.export.save(torch.export.export(network, (torch.zeros(1, 3, 16, 16),), dynamic_shapes={"input": {2: 8 * height}}), path)
    sidecar(path).write_text("labels: [a, b]\nnormalize: {mean: [0, 0, 0], std: [1, 1, 1], order: RGB}\n")
    return path


def changed(path: Path, change: Callable[[str, bytes], bytes], more: dict[str, bytes] | None = None) -> Path:
    """The archive with its files changed, and others beside them."""
    with zipfile.ZipFile(path) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    top = next(iter(files)).partition("/")[0]
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for name, data in files.items():
            archive.writestr(name, change(name, data))
        for name, data in (more or {}).items():
            archive.writestr(f"{top}/{name}", data)
    return path


def saved(value: Any) -> bytes:
    buffer = io.BytesIO()
    torch.save(value, buffer)
    return buffer.getvalue()


def as_pickle(name: str, data: bytes) -> bytes:
    if name.endswith("weights/model_weights_config.json"):
        config = json.loads(data)
        for entry in config["config"].values():
            entry["use_pickle"] = True
        return json.dumps(config).encode()
    return saved(Trap()) if "/weights/weight_" in name else data


def as_sample(name: str, data: bytes) -> bytes:
    return saved(((Trap(),), {})) if name.endswith("sample_inputs/model.pt") else data


def as_object(name: str, data: bytes) -> bytes:
    return data.replace(b'"weight_0"', b'"opaque_obj_0"') if name.endswith("_config.json") else data


def as_expression(name: str, data: bytes) -> bytes:
    return data.replace(b"Integer(8)", b"Integer(__import__('os').getpid())") if name.endswith("models/model.json") else data


def as_guard(name: str, data: bytes) -> bytes:
    return data.replace(b'"guards_code": []', b'"guards_code": ["exec(chr(49))"]') if name.endswith("models/model.json") else data


def as_it_is(name: str, data: bytes) -> bytes:
    return data


@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning", "ignore::UserWarning")
def test_plain_tensors_and_sizes_run_nothing_and_are_read(tmp_path: Path) -> None:
    path = program(tmp_path / "n.pt2")
    refuse_code(path)
    assert build(f"exported:{path}", LABELS).labels.class_names == ("a", "b")


@pytest.mark.parametrize("change", [as_pickle, as_sample, as_object, as_expression, as_guard])
def test_a_program_that_would_run_something_is_refused_before_it_does(tmp_path: Path, change: Callable[[str, bytes], bytes]) -> None:
    path = program(tmp_path / "n.pt2")
    before = path.read_bytes()
    changed(path, change)
    assert path.read_bytes() != before
    with pytest.raises(WeightsError, match=r"loading it would run what it brings .*, so it is refused"):
        build(f"exported:{path}", LABELS)
    assert not RAN


@pytest.mark.parametrize(
    "name", ["data/weights/model.pt", "data/constants/model.pt", "data/constants/opaque_obj_0", "data/constants/custom_obj_0"]
)
def test_files_of_older_layouts_and_objects_are_looked_at_too(tmp_path: Path, name: str) -> None:
    data = saved(Trap()) if name.endswith(".pt") else pickle.dumps(Trap())
    path = changed(program(tmp_path / "n.pt2"), as_it_is, {name: data})
    with pytest.raises(WeightsError, match="so it is refused"):
        build(f"exported:{path}", LABELS)
    assert not RAN


@pytest.mark.parametrize("text", ["8*s0 + 1", "Mul(Integer(8), Symbol('s0', positive=True))", "Max(1, s0)", "L['x'].size()[2] % 8 == 0"])
def test_arithmetic_is_let_through(text: str) -> None:
    from segbench.models.adapters.pt2_contents import _is_arithmetic

    assert _is_arithmetic(text)


@pytest.mark.parametrize(
    "text", ["S('a b')", "sympify(x)", "().__class__", "f(1)", "[x for x in y]", "lambda: 1", "eval('x')", "Symbol('a b')", "x = 1"]
)
def test_what_is_more_than_arithmetic_is_not(text: str) -> None:
    from segbench.models.adapters.pt2_contents import _is_arithmetic

    assert not _is_arithmetic(text)
