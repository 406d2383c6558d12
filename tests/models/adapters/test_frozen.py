"""What frozen files say of themselves: outputs, batches, precision, sizes, and weights that lie elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from torch import Tensor, nn

from segbench.cli.main import main
from segbench.errors import NetworkError, ProtocolError, SegbenchError, WeightsError
from segbench.models.adapters.base import feeds
from segbench.models.adapters.description import sidecar
from segbench.models.facts import model_facts
from segbench.models.segmenter import Segmenter, predict
from segbench.models.size import weight_bytes
from segbench.models.weights import build
from tests.tiny import LABELS

SIDE = "labels: [a, b]\nnormalize: {mean: [0, 0, 0], std: [255, 255, 255], order: RGB}\n"
KINDS = ["onnx", "torchscript", "exported"]
IMAGE = torch.zeros(1, 3, 16, 24)
pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning", "ignore::UserWarning")


class Head(nn.Module):
    """Two scores for each pixel; ``answer`` says how they are returned."""

    def __init__(self, answer: str = "plain", scores: int = 2) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.head, self.answer = nn.Conv2d(3, scores, 1), answer

    def forward(self, x: Tensor) -> Any:
        z = self.head(x)
        if self.answer == "plain":
            return z
        return (-z, z) if self.answer == "pair" else {"aux": -z, "out": z}


def write(kind: str, path: Path, network: nn.Module, image: Tensor = IMAGE, more: str = "", **options: Any) -> Segmenter:
    network = network.eval()
    if kind == "torchscript":
        trace = torch.jit.trace(network, image, strict=False)
        torch.jit.save(torch.jit.freeze(trace) if options.get("freeze") else trace, path)
    elif kind == "exported":
        torch.export.save(torch.export.export(network, (image,), dynamic_shapes=options.get("shapes")), path)
    else:
        pytest.importorskip("onnxruntime")
        pytest.importorskip("onnxscript")
        torch.onnx.export(  # type: ignore[call-overload]
            network, (image,), path, dynamo=True, external_data=False, verbose=False, output_names=options.get("names"),
            dynamic_shapes=options.get("shapes"),
        )  # fmt: skip
    sidecar(path).write_text(SIDE + more)
    return build(f"{kind}:{path}", LABELS)


def images(number: int = 1, size: tuple[int, int] = (16, 24)) -> np.ndarray[Any, np.dtype[np.uint8]]:
    return np.random.default_rng(0).integers(0, 256, (number, *size, 3), dtype=np.uint8)


def right(network: nn.Module, number: int = 1, size: tuple[int, int] = (16, 24)) -> Any:
    with torch.no_grad():
        return network(torch.from_numpy(images(number, size)).permute(0, 3, 1, 2) / 255).argmax(1).byte().numpy()


@pytest.mark.parametrize("kind", KINDS)
def test_of_two_outputs_one_must_be_chosen_and_the_file_beside_chooses_it(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "pair.file"
    segmenter = write(kind, path, Head("pair"))
    with pytest.raises(NetworkError, match=r"gives 2 outputs, .* is not said: `output: \w+` in pair\.file\.yaml or `output: \w+` in"):
        predict(segmenter, images())
    second = segmenter.network.session.get_outputs()[1].name if kind == "onnx" else "1"
    sidecar(path).write_text(SIDE + f"output: {second}\n")
    chosen = build(f"{kind}:{path}", LABELS)
    assert f"output '{second}'" in feeds(chosen)
    np.testing.assert_array_equal(predict(chosen, images()), right(Head()))


@pytest.mark.parametrize("kind", KINDS)
def test_the_output_that_is_called_out_is_the_main_one_wherever_it_stands(kind: str, tmp_path: Path) -> None:
    segmenter = write(kind, tmp_path / "named.file", Head("pair" if kind == "onnx" else "named"), names=["aux", "out"])
    np.testing.assert_array_equal(predict(segmenter, images()), right(Head()))


@pytest.mark.parametrize("kind", KINDS)
def test_one_score_for_two_classes_takes_a_threshold(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "one.file"
    network = Head(scores=1)
    segmenter = write(kind, path, network)
    with pytest.raises(NetworkError, match=r"one score for two classes.*`threshold: 0` into one\.file\.yaml"):
        predict(segmenter, images())
    with torch.no_grad():
        scores = network(torch.from_numpy(images()).permute(0, 3, 1, 2) / 255)
    middle = float(scores.median())
    sidecar(path).write_text(SIDE + f"threshold: {middle!r}\n")
    found = predict(build(f"{kind}:{path}", LABELS), images())
    np.testing.assert_array_equal(found, (scores > middle)[:, 0].byte().numpy())
    assert 0 < found.mean() < 1


@pytest.mark.parametrize("kind", ["onnx", "exported"])
def test_a_batch_that_is_fixed_is_filled_and_its_copies_are_left_out(kind: str, tmp_path: Path) -> None:
    segmenter = write(kind, tmp_path / "four.file", Head(), torch.zeros(4, 3, 16, 24))
    assert "4 images at once, filled with copies of one" in feeds(segmenter)
    np.testing.assert_array_equal(predict(segmenter, images(6)), right(Head(), 6))
    if kind == "exported":
        assert model_facts(segmenter, (16, 24))["macs"] == 16 * 24 * 6


@pytest.mark.parametrize("kind", KINDS)
def test_half_precision_is_read_from_the_file(kind: str, tmp_path: Path) -> None:
    segmenter = write(kind, tmp_path / "half.file", Head().half(), IMAGE.half())
    assert "in float16" in feeds(segmenter)
    found, full = predict(segmenter, images()), right(Head())
    assert (found != full).mean() < 0.02


def test_ranges_of_sizes_are_read_from_an_exported_program(tmp_path: Path) -> None:
    height, width = torch.export.Dim("h", min=2, max=8), torch.export.Dim("w", min=2, max=20)
    segmenter = write("exported", tmp_path / "r.pt2", Head(), IMAGE, shapes={"x": {2: 8 * height, 3: 8 * width}})
    assert "height of 16 to 64 in steps of 8 and a width of 16 to 160 in steps of 8" in feeds(segmenter)
    assert segmenter.runtime.fitting((100, 100)) == (64, 100)
    np.testing.assert_array_equal(predict(segmenter, images(1, (32, 24))), right(Head(), 1, (32, 24)))
    assert predict(segmenter, images(1, (30, 21))).shape == (1, 30, 21)  # mirrored outwards
    with pytest.raises(ProtocolError, match=r"16 to 64 in steps of 8 .* pixels only: bring images to such a size with --input-size HxW"):
        predict(segmenter, images(1, (72, 24)))


@pytest.mark.parametrize("kind", ["onnx", "exported"])
def test_a_side_that_is_fixed_alone_is_said(kind: str, tmp_path: Path) -> None:
    segmenter = write(kind, tmp_path / "h.file", Head(), IMAGE, shapes={"x": {3: torch.export.Dim("w", min=2, max=500)}})
    np.testing.assert_array_equal(predict(segmenter, images(1, (16, 40))), right(Head(), 1, (16, 40)))
    with pytest.raises(ProtocolError, match="tensors of a height of 16 and a width of"):
        predict(segmenter, images(1, (20, 24)))


def test_a_trace_that_cannot_be_run_is_one_clear_error(tmp_path: Path) -> None:
    class Sized(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x[:, :2] + torch.ones(1, 2, 16, 24)

    segmenter = write("torchscript", tmp_path / "sized.pt", Sized())
    with pytest.raises(NetworkError, match=r"sized\.pt cannot be run on images 1x3x20x24 .*`size: \[height, width\]`, `batch: 4`"):
        predict(segmenter, images(1, (20, 24)))
    sidecar(tmp_path / "sized.pt").write_text(SIDE + "size: [16, 24]\n")
    with pytest.raises(ProtocolError, match="images of 16x24 only"):
        predict(build(f"torchscript:{tmp_path / 'sized.pt'}", LABELS), images(1, (20, 24)))


def test_parameters_of_a_frozen_graph_are_unknown_and_not_none_at_all(tmp_path: Path) -> None:
    plain, frozen = (write("torchscript", tmp_path / f"{name}.pt", Head(), freeze=name == "frozen") for name in ("plain", "frozen"))
    assert model_facts(plain, (16, 24))["params"] == 8
    facts = model_facts(frozen, (16, 24))
    assert facts["params"] is None
    assert facts["macs"] == 16 * 24 * 6
    assert weight_bytes(frozen) == (tmp_path / "frozen.pt").stat().st_size
    np.testing.assert_array_equal(predict(frozen, images()), right(Head()))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_not_finite_are_refused_whatever_the_file(kind: str, value: float, tmp_path: Path) -> None:
    network = Head()
    with torch.no_grad():
        network.head.bias[1] = value
    with pytest.raises(SegbenchError, match=r"tensors with NaN or infinite numbers: .*bias"):
        predict_checked(write(kind, tmp_path / "n.file", network))


def predict_checked(segmenter: Segmenter) -> None:
    from segbench.models.finite import refuse_infinite_weights

    refuse_infinite_weights(segmenter)


@pytest.mark.parametrize("value", [float("nan"), float("-inf")])
def test_frozen_constants_that_are_not_finite_are_refused(value: float, tmp_path: Path) -> None:
    network = Head()
    with torch.no_grad():
        network.head.weight[0, 0] = value
    with pytest.raises(WeightsError, match="NaN or infinite"):
        write("torchscript", tmp_path / "n.pt", network, freeze=True)


def with_external_data(folder: Path, sign: float) -> Path:
    onnx = pytest.importorskip("onnx")
    network = Head()
    with torch.no_grad():
        network.head.weight.mul_(sign)
    folder.mkdir()
    write("onnx", folder / "net.onnx", network)
    onnx.save(onnx.load(folder / "net.onnx"), folder / "net.onnx", save_as_external_data=True, location="net.data", size_threshold=0)
    return folder / "net.onnx"


def test_external_data_are_part_of_checksum_and_size(tmp_path: Path) -> None:
    files = [with_external_data(tmp_path / name, sign) for name, sign in (("good", 1.0), ("bad", -1.0))]
    assert files[0].read_bytes() == files[1].read_bytes()
    networks = [build(f"onnx:{file}", LABELS) for file in files]
    assert networks[0].weights_sha256 != networks[1].weights_sha256
    assert weight_bytes(networks[0]) == sum((files[0].parent / name).stat().st_size for name in ("net.onnx", "net.data"))


def test_external_data_that_are_not_there_are_named(tmp_path: Path) -> None:
    file = with_external_data(tmp_path / "net", 1.0)
    (file.parent / "net.data").unlink()
    with pytest.raises(WeightsError, match=r"net\.data"):
        build(f"onnx:{file}", LABELS)


def test_onnxruntime_says_nothing_before_our_message(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    from segbench.models.adapters.onnx import start

    onnx = pytest.importorskip("onnx")
    write("onnx", tmp_path / "n.onnx", Head())
    model = onnx.load(tmp_path / "n.onnx")
    for number in range(5):  # initialisers that nothing uses are warned of one by one
        model.graph.initializer.append(onnx.numpy_helper.from_array(np.ones(3, np.float32), f"unused{number}"))
    onnx.save(model, tmp_path / "n.onnx")
    capfd.readouterr()
    start(tmp_path / "n.onnx", torch.device("cpu"))
    assert capfd.readouterr().err == ""


def test_what_runs_code_of_its_own_is_said_once_on_standard_error(tmp_path: Path) -> None:
    result = CliRunner().invoke(main, ["profile", "tests/tiny.py:tiny,enet", "--size", "32x64", "--repeats", "1", "--seconds", "0.01"])
    assert result.exit_code == 0, result.output
    assert result.stderr.count("tests/tiny.py:tiny: runs its own code") == 1
    assert "runs its own code" not in result.stdout
    assert "enet: runs" not in result.stderr
