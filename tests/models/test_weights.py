from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from segbench.errors import UnknownNameError, WeightsError
from segbench.kernels.bilinear import GRIDS, Grid
from segbench.models import MODELS
from segbench.models.segmenter import predict
from segbench.models.weights import build, bundled, describe, load, load_strictly, save
from tests.tiny import LABELS, TINY


@pytest.fixture
def file(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    path = tmp_path / "w.safetensors"
    save(path, build("tests/tiny.py:tiny", LABELS, channels=5), trained_on={"dataset": "tiny"}, recipe={"steps": 1}, half=False)
    return path


def test_a_weights_file_rebuilds_the_network_that_was_saved(file: Path) -> None:
    torch.manual_seed(0)
    original = build("tests/tiny.py:tiny", LABELS, channels=5)
    images = np.random.default_rng(0).integers(0, 256, (2, 9, 11, 3), dtype=np.uint8)
    np.testing.assert_array_equal(predict(load(file, TINY), images), predict(original, images))
    assert load(file, TINY).trained_on == {"dataset": "tiny", "recipe": {"steps": 1}}


@pytest.mark.parametrize("grid", GRIDS)
def test_a_weights_file_says_on_which_grid_its_network_was_trained(tmp_path: Path, grid: Grid) -> None:
    path = tmp_path / "w.safetensors"
    save(path, replace(build("tests/tiny.py:tiny", LABELS), grid=grid), trained_on={}, recipe={})
    assert load(path, TINY).grid == grid


def test_a_file_without_a_grid_was_trained_on_half_pixels_whatever_its_network_is_built_for_now(tmp_path: Path) -> None:
    old = bundled("fanet18", "minicity")
    assert old is not None
    assert "grid" not in describe(old)
    assert load(old).grid == "half_pixel"


def test_a_grid_that_is_not_known_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    save(path, replace(build("tests/tiny.py:tiny", LABELS), grid="cubic"), trained_on={}, recipe={})  # type: ignore[arg-type]
    with pytest.raises(WeightsError, match="lie on a grid 'cubic'; this segbench knows half_pixel, align_corners, asymmetric"):
        load(path, TINY)


def test_half_precision_halves_the_file_and_loads_as_float32(tmp_path: Path) -> None:
    segmenter = build("segnet", LABELS, width=0.125)
    for half in (False, True):
        save(tmp_path / f"{half}.safetensors", segmenter, trained_on={}, recipe={}, half=half)
    sizes = [(tmp_path / f"{half}.safetensors").stat().st_size for half in (False, True)]
    assert sizes[1] < 0.55 * sizes[0]
    assert all(p.dtype == torch.float32 for p in load(tmp_path / "True.safetensors").network.parameters())


def test_weights_of_another_model_are_refused(file: Path) -> None:
    with pytest.raises(WeightsError, match="not of 'segnet'"):
        load(file, expected_model="segnet")


def test_every_tensor_that_does_not_fit_is_named() -> None:
    network = torch.nn.Linear(2, 3)
    with pytest.raises(WeightsError, match=r"(?s)missing: bias.*left over: extra.*shape of weight"):
        load_strictly(network, {"weight": torch.zeros(1, 1), "extra": torch.zeros(1)}, "file")


@pytest.mark.parametrize("value", [torch.tensor([1, 2]), torch.tensor([1j, 2]), torch.tensor([True, False])])
def test_numbers_of_another_kind_than_the_network_has_are_refused(file: Path, value: torch.Tensor) -> None:
    network = torch.nn.BatchNorm2d(2)
    with pytest.raises(WeightsError, match=r"numbers of bias: (whole|complex) numbers, the network has floating-point numbers"):
        load_strictly(network, network.state_dict() | {"bias": value}, "file")
    with safe_open(file, framework="pt") as handle:
        state = {key: handle.get_tensor(key) for key in handle.keys()}  # noqa: SIM118 (not a mapping)
        metadata = handle.metadata()
    save_file(state | {"4.bias": state["4.bias"].to(value.dtype)}, file, metadata=metadata)
    with pytest.raises(WeightsError, match=r"numbers of 4\.bias: (whole|complex)"):
        load(file, TINY)


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_weights_that_are_not_finite_are_refused_with_their_names(tmp_path: Path, value: float) -> None:
    segmenter = build(TINY, LABELS)
    with torch.no_grad():
        segmenter.network[0].weight[0, 0, 0, 0] = value
    save(tmp_path / "w.safetensors", segmenter, trained_on={}, recipe={})
    with pytest.raises(WeightsError, match=r"w\.safetensors: 1 tensors with NaN or infinite numbers: 0\.weight"):
        load(tmp_path / "w.safetensors", TINY)


def test_what_half_precision_cannot_hold_is_kept_in_full(tmp_path: Path) -> None:
    segmenter = build(TINY, LABELS)
    with torch.no_grad():
        segmenter.network[1].running_var.fill_(1e6)
    save(tmp_path / "w.safetensors", segmenter, trained_on={}, recipe={})
    assert float(load(tmp_path / "w.safetensors", TINY).network[1].running_var.max()) == 1e6


def test_foreign_missing_and_broken_files_are_refused(tmp_path: Path) -> None:
    save_file({"a": torch.zeros(1)}, tmp_path / "foreign.safetensors")
    (tmp_path / "broken.safetensors").write_bytes(b"nonsense")
    for name, message in (("foreign", "does not describe itself"), ("broken", "not a safetensors file"), ("absent", "missing")):
        with pytest.raises(WeightsError, match=message):
            describe(tmp_path / f"{name}.safetensors")


def test_an_argument_that_the_model_does_not_take_is_named() -> None:
    with pytest.raises(UnknownNameError, match="widht"):
        build("segnet", LABELS, widht=1)


DEEPLABS = ("deeplab_v1", "deeplab_v2", "deeplab_v3", "deeplab_v3plus")
NOTES = {"fcn8s", "unet", "fusionnet", "deconvnet", "segnet", *DEEPLABS, "gcn", "dfn", "enet", "bisenet_r18", "fanet18", "rednet"}
BUNDLED = [name for name in MODELS.table if bundled(name, "minicity")]


def test_each_architecture_of_the_notes_comes_with_weights_and_all_together_are_small() -> None:
    files = [bundled(name, "minicity") for name in BUNDLED]
    assert set(BUNDLED) == NOTES
    assert sum(path.stat().st_size for path in files if path) <= 15_000_000


@pytest.mark.parametrize("name", BUNDLED)
def test_bundled_weights_are_small_narrow_and_say_where_they_come_from(name: str) -> None:
    path = bundled(name, "minicity")
    assert path is not None
    assert path.stat().st_size <= 1_500_000
    description = describe(path)
    assert description["model"] == name
    assert description["trained_on"]["dataset"] == "minicity"
    assert description["trained_on"]["images"] == 400
    assert description["arguments"]["width"] < 1 or name == "enet"  # which is small as it was published
    assert load(path, expected_model=name).trained_on is not None  # every tensor fits


def test_there_are_no_bundled_weights_for_other_data() -> None:
    assert bundled("segnet", "cityscapes") is None
