from __future__ import annotations

import copy
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from numpy.typing import NDArray
from torch import nn

from segbench.cli.main import main
from segbench.datasets.cityscapes import LABELS
from segbench.errors import DataError, NetworkError, ProtocolError, WeightsError
from segbench.models.adapters.description import sidecar
from segbench.models.adapters.frozen import Frozen
from segbench.models.exporting import WRITERS, difference, export
from segbench.models.facts import model_facts
from segbench.models.segmenter import InputRule, Normalize, Segmenter, predict
from segbench.models.weights import build
from segbench.models.zoo.rednet import rednet
from segbench.profiling.profiler import profile
from segbench.profiling.timing import Effort

SIZE = (64, 96)
YAML = "labels: [a, b]\nnormalize: {mean: [0, 0, 0], std: [255, 255, 255], order: RGB}\n"


def needs(kind: str) -> None:
    if kind == "onnx":
        for package in ("onnxruntime", "onnx", "onnxscript"):
            pytest.importorskip(package, reason=f"writing and reading ONNX takes {package}: pip install 'segbench[onnx]'")


def images(*size: int) -> NDArray[np.uint8]:
    return np.random.default_rng(1).integers(0, 256, (3, *size, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def enet() -> Segmenter:
    """A narrow ENet whose running statistics are those of its input, so that its logits are of the usual size."""
    torch.manual_seed(0)
    segmenter = replace(build("enet", LABELS, width=0.25), grid="align_corners")
    segmenter.network.train()
    for _ in range(5):
        segmenter.network(torch.randn(2, 3, *SIZE))
    segmenter.network.eval()
    return segmenter


@pytest.fixture(scope="module", params=list(WRITERS))
def exported(request: pytest.FixtureRequest, enet: Segmenter, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """(prefix of the adapter, file)."""
    needs(request.param)
    file = tmp_path_factory.mktemp("exported") / f"enet.{request.param}"
    export(enet, request.param, file, SIZE)
    return request.param, file


@pytest.fixture(scope="module")
def onnx_enet(enet: Segmenter, tmp_path_factory: pytest.TempPathFactory) -> Segmenter:
    needs("onnx")
    file = tmp_path_factory.mktemp("onnx") / "e.onnx"
    export(enet, "onnx", file, SIZE)
    return build(f"onnx:{file}", LABELS)


def opened(exported: tuple[str, Path]) -> Segmenter:
    return build(f"{exported[0]}:{exported[1]}", LABELS)


@pytest.mark.parametrize("size", [SIZE, (61, 90)], ids=["size", "padded"])
def test_an_exported_enet_gives_the_class_maps_of_the_network(exported: tuple[str, Path], enet: Segmenter, size: tuple[int, int]) -> None:
    own, again = predict(enet, images(*size)), predict(opened(exported), images(*size))
    assert len(np.unique(own)) > 3
    np.testing.assert_array_equal(own, again)


def test_the_file_describes_itself(exported: tuple[str, Path], enet: Segmenter) -> None:
    again = opened(exported)
    assert again.name == f"{exported[0]}:{exported[1].name}"
    assert (again.labels, again.normalize, again.input_rule, again.paper) == (enet.labels, enet.normalize, enet.input_rule, enet.paper)
    assert again.grid == enet.grid == model_facts(again, SIZE)["grid"] == "align_corners"
    assert again.weights_sha256 is not None
    assert again.trained_on == {"network": "enet", "weights_sha256": None}
    assert again.device == torch.device("cpu")


def test_another_size_is_refused_with_the_ways_to_get_there(exported: tuple[str, Path]) -> None:
    with pytest.raises(ProtocolError, match=r"images of 64x96 only: .*--input-size 64x96.*--crop 64x96 --stride"):
        predict(opened(exported), images(72, 96))


def test_mixed_precision_is_refused_instead_of_being_ignored(exported: tuple[str, Path]) -> None:
    with torch.autocast("cpu", torch.bfloat16), pytest.raises(ProtocolError, match="leave out --precision"):
        predict(opened(exported), images(*SIZE))


def test_training_is_refused(exported: tuple[str, Path]) -> None:
    with pytest.raises(WeightsError, match="cannot be trained"):
        opened(exported).network.train()


def test_size_and_speed_are_measured_and_what_is_hidden_is_not_made_up(exported: tuple[str, Path], enet: Segmenter) -> None:
    again = opened(exported)
    facts, measured, own = model_facts(again, SIZE), profile([again], SIZE, effort=Effort(repeats=1))[0], model_facts(enet, SIZE)
    expected = (None, None) if exported[0] == "onnx" else (own["params"], own["macs"])
    assert (facts["params"], facts["macs"]) == (measured.params, measured.macs) == expected
    assert measured.network_ms > 0


def test_the_description_of_another_file_beside_it_is_what_counts(exported: tuple[str, Path], tmp_path: Path) -> None:
    file = tmp_path / exported[1].name
    file.write_bytes(exported[1].read_bytes())
    sidecar(file).write_text(YAML)
    with pytest.raises(NetworkError, match=r"gives .*float32\[1, 19, 64, 96\]; it must give 2 floating-point scores .* in their order"):
        predict(build(f"{exported[0]}:{file}", LABELS), images(*SIZE))


def test_the_network_and_its_file_agree_on_a_random_image(exported: tuple[str, Path], enet: Segmenter) -> None:
    assert difference(enet, exported[0], exported[1], SIZE) == 0
    other = copy.deepcopy(enet.network)
    nn.init.normal_(other.score.weight)  # type: ignore[union-attr, arg-type]
    changed = Segmenter("enet", other, LABELS, input_rule=enet.input_rule)
    assert difference(changed, exported[0], exported[1], SIZE) > 0.1


def test_a_copy_of_an_onnx_network_starts_its_own_session(onnx_enet: Segmenter) -> None:
    again = Segmenter("copy", copy.deepcopy(onnx_enet.network), LABELS, input_rule=onnx_enet.input_rule)
    np.testing.assert_array_equal(predict(onnx_enet, images(*SIZE)), predict(again, images(*SIZE)))


def test_onnx_on_a_device_that_onnxruntime_does_not_know_is_refused_when_it_is_moved(onnx_enet: Segmenter) -> None:
    with pytest.raises(ProtocolError, match=r"does not run on meta: choose --device cpu or cuda"):
        copy.deepcopy(onnx_enet.network).to("meta")


def test_onnx_without_cuda_names_the_package_that_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    needs("onnx")
    from segbench.models.adapters.onnx import provider

    monkeypatch.setattr("onnxruntime.get_available_providers", lambda: ["CPUExecutionProvider"])
    with pytest.raises(ProtocolError, match="onnxruntime-gpu in place of onnxruntime, or choose --device cpu"):
        provider("e.onnx", torch.device("cuda"))


class Half(nn.Module):
    """Twice the first two channels, at half the size: scores of another stride."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return 2 * x[:, :2, ::2, ::2]


def onnx_file(path: Path, network: nn.Module, *inputs: torch.Tensor, dynamic: bool = False) -> Path:
    needs("onnx")
    shapes = {"dynamic_shapes": ({2: torch.export.Dim("h"), 3: torch.export.Dim("w")},)} if dynamic else {}
    torch.onnx.export(network.eval(), inputs, path, dynamo=True, external_data=False, verbose=False, **shapes)  # type: ignore[arg-type]
    sidecar(path).write_text(YAML)
    return path


@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning")
def test_a_foreign_onnx_file_with_yaml_takes_images_of_any_size(tmp_path: Path) -> None:
    file = onnx_file(tmp_path / "half.onnx", Half(), torch.randn(1, 3, 8, 8), dynamic=True)
    segmenter = build(f"onnx:{file}", LABELS)
    assert segmenter.labels.class_names == ("a", "b")
    own = Segmenter("half", nn.Sequential(Half(), nn.Identity()), segmenter.labels, normalize=Normalize((0, 0, 0), (255, 255, 255)))
    own.network.eval()
    own.network.register_buffer("device", torch.empty(0))
    for size in ((20, 30), (33, 17)):
        np.testing.assert_array_equal(predict(segmenter, images(*size)), predict(own, images(*size)))


@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning")
def test_graphs_that_take_or_give_something_else_are_refused(tmp_path: Path) -> None:
    channels_last = onnx_file(tmp_path / "last.onnx", nn.ReLU(), torch.randn(1, 8, 8, 3))
    with pytest.raises(WeightsError, match=r"tensor\(float\) \[1, 8, 8, 3\]; it must take one tensor .*\[N, 3, H, W\]"):
        build(f"onnx:{channels_last}", LABELS)

    class Classes(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x.argmax(1)

    of_indices = onnx_file(tmp_path / "indices.onnx", Classes(), torch.randn(1, 3, 8, 8))
    with pytest.raises(NetworkError, match=r"classes that are decided already; give 2 floating-point scores .* before the argmax"):
        predict(build(f"onnx:{of_indices}", LABELS), images(8, 8))
    sidecar(of_indices).write_text(YAML + "size: [16, 16]\n")
    with pytest.raises(WeightsError, match=r"the graph takes 8 by 8 only, its description says \(16, 16\)"):
        build(f"onnx:{of_indices}", LABELS)


@pytest.mark.parametrize("kind", WRITERS)
def test_a_file_of_another_kind_is_refused(kind: str, tmp_path: Path) -> None:
    needs(kind)
    (tmp_path / "no.file").write_text("no network")
    with pytest.raises(WeightsError, match=r"no\.file"):
        build(f"{kind}:{tmp_path / 'no.file'}", LABELS)


def test_a_network_with_depth_is_not_exported(tmp_path: Path) -> None:
    with torch.device("meta"):
        segmenter = rednet(LABELS)
    with pytest.raises(DataError, match="rednet takes rgb and depth"):
        export(segmenter, "exported", tmp_path / "r.pt2", SIZE)


def test_the_size_of_a_network_with_context_is_that_of_images(tmp_path: Path) -> None:
    class Valid(nn.Conv2d):
        """A 5x5 convolution without padding: it uses up two pixels on every side."""

    torch.manual_seed(0)
    network = Valid(3, 2, 5).eval()
    labels = build("enet", LABELS, width=0.25).labels
    segmenter = Segmenter("valid", network, type(labels)("two", labels.classes[:2]), input_rule=InputRule(context=2))
    export(segmenter, "torchscript", tmp_path / "v.pt", (20, 30))
    again = build(f"torchscript:{tmp_path / 'v.pt'}", LABELS)
    assert isinstance(again.network, Frozen)
    assert again.network.only_size == (20, 30)
    np.testing.assert_array_equal(predict(again, images(20, 30)), predict(segmenter, images(20, 30)))
    with pytest.raises(ProtocolError, match="--input-size 20x30"):
        predict(again, images(24, 34))


def test_what_is_inside_a_file_is_plain_json(enet: Segmenter, tmp_path: Path) -> None:
    description = export(enet, "exported", tmp_path / "e.pt2", SIZE)
    data = json.loads(description.to_json())
    assert data["schema"] == "segbench.exported/1"
    assert data["size"] == [64, 96]
    assert data["normalize"]["order"] == "RGB"
    assert [entry["name"] for entry in data["labels"]["classes"]] == list(LABELS.class_names)
    assert [path.name for path in tmp_path.iterdir()] == ["e.pt2"]


def test_the_contract_of_networks_that_are_built_is_not_asked_of_a_file(exported: tuple[str, Path]) -> None:
    result = CliRunner().invoke(main, ["check", f"{exported[0]}:{exported[1]}"], catch_exceptions=False)
    assert result.exit_code == 2
    assert "was trained elsewhere" in result.stderr
