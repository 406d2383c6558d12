"""`segbench weights import`: from a foreign file to a result, and what stands in its way."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner, Result

from segbench.cli.main import main
from segbench.console.weights import parse_normalize
from segbench.errors import UnknownNameError
from segbench.models.segmenter import Normalize
from segbench.models.weights import describe, load
from segbench.records.run_record import read_run
from tests.models import standins
from tests.models.references import ResNet
from tests.tiny import LABELS


def segbench(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments], catch_exceptions=False)


@pytest.fixture
def fast_scnn(tmp_path: Path) -> Path:
    path = tmp_path / "fast_scnn_citys.pth"
    torch.save({f"module.{key}": value for key, value in standins.filled(standins.shapes("fast_scnn")).items()}, path)
    return path


@pytest.fixture
def resnet18(tmp_path: Path) -> Path:
    path = tmp_path / "resnet18-f37072fd.pth"
    torch.save(ResNet(18).state_dict(), path)
    return path


def test_imported_weights_run_and_the_record_says_where_they_are_from(fast_scnn: Path, small_minicity: Path, tmp_path: Path) -> None:
    ours = tmp_path / "ours.safetensors"
    result = segbench("weights", "import", "fast_scnn", fast_scnn, "--out", ours)
    assert result.exit_code == 0, result.output
    assert f"segbench run --models fast_scnn --dataset cityscapes --weights fast_scnn={ours}" in result.stderr.replace("\n", "")
    result = segbench(
        *("run", "--models", "fast_scnn", "--dataset", "cityscapes", "--data", small_minicity, "--weights", f"fast_scnn={ours}"),
        *("--out", tmp_path / "out", "--repeats", 0, "--limit", 1, "--device", "cpu"),
    )
    assert result.exit_code == 0, result.output
    trained_on = read_run(tmp_path / "out" / "records" / "fast_scnn.json").model["trained_on"]
    assert trained_on["dataset"] == "Cityscapes fine, train"
    assert trained_on["imported"]["source"] == "Tramac/Fast-SCNN-pytorch, Cityscapes"
    assert trained_on["imported"]["sha256"] == hashlib.sha256(fast_scnn.read_bytes()).hexdigest()
    assert trained_on["imported"]["file"] == "fast_scnn_citys.pth"


def test_the_written_file_holds_every_value_in_single_precision(fast_scnn: Path, tmp_path: Path) -> None:
    segbench("weights", "import", "fast_scnn", fast_scnn, "--out", tmp_path / "ours.safetensors")
    own = load(tmp_path / "ours.safetensors").network.state_dict()
    state = torch.load(fast_scnn, weights_only=True)
    assert torch.equal(own["downsample.0.0.weight"], state["module.learning_to_downsample.conv.conv.0.weight"])
    assert torch.equal(own["head.3.bias"], state["module.classifier.conv.1.bias"])


def test_a_trunk_starts_a_training_and_is_never_evaluated(resnet18: Path, small_minicity: Path, tmp_path: Path) -> None:
    start = tmp_path / "start.safetensors"
    result = segbench("weights", "import", "fanet18", resnet18, "--out", start)
    assert result.exit_code == 0, result.output
    assert "random: head" in result.stderr
    assert "segbench train fanet18" in result.stderr
    assert describe(start)["trained_on"]["start_only"] is True
    assert "trunk.layer1.0.downsample" in describe(start)["trained_on"]["random"]
    data = ("--dataset", "cityscapes", "--data", small_minicity)
    result = segbench("run", "--models", "fanet18", *data, "--weights", f"fanet18={start}", "--out", tmp_path / "out", "--device", "cpu")
    assert result.exit_code == 2
    assert "the weights of fanet18 are a trunk's, and the rest is random" in result.stderr
    assert not (tmp_path / "out").exists()
    trained = tmp_path / "trained.safetensors"
    result = segbench(
        *("train", "fanet18", *data, "--split", "val", "--init", start, "--out", trained, "--steps", 1, "--batch-size", 2),
        *("--crop", "64x64", "--class-weights", "none", "--device", "cpu"),
    )
    assert result.exit_code == 0, result.output
    facts = describe(trained)["trained_on"]
    assert facts["continued_from"]["imported"]["source"] == "torchvision resnet18, ImageNet"
    assert "start_only" not in facts


def test_set_says_which_of_two_networks_a_file_is(tmp_path: Path) -> None:
    file, out = tmp_path / "x39.pth", tmp_path / "ours.safetensors"
    torch.save({"model": standins.filled(standins.shapes("torchseg_x39"))}, file)
    result = segbench("weights", "import", "bisenet_x39", file, "--out", out)
    assert result.exit_code == 2
    assert "say with --set" in result.stderr
    assert "port=full for TorchSeg cityscapes.bisenet.X39" in result.stderr
    assert not out.exists()
    for port, grid, words in (("full", "align_corners", "aligned corners"), ("speed", "asymmetric", "the first of its pixels")):
        result = segbench("weights", "import", "bisenet_x39", file, "--set", f"port={port}", "--out", out)
        assert result.exit_code == 0, result.output
        assert words in " ".join(result.stderr.split())
        assert (describe(out)["arguments"]["port"], load(out).grid) == (port, grid)


def test_labels_and_normalisation_can_be_given(fast_scnn: Path, tmp_path: Path) -> None:
    labels = tmp_path / "labels.yaml"
    labels.write_text(json.dumps({"name": "nineteen", "classes": [f"class {i}" for i in range(19)]}))
    out = tmp_path / "ours.safetensors"
    result = segbench("weights", "import", "fast_scnn", fast_scnn, "--out", out, "--labels", labels, "--normalize", "1,2,3/4,5,6/BGR")
    assert result.exit_code == 0, result.output
    segmenter = load(out)
    assert segmenter.labels.class_names[18] == "class 18"
    assert segmenter.normalize == Normalize((1.0, 2.0, 3.0), (4.0, 5.0, 6.0), "BGR")


@pytest.mark.parametrize(("text", "expected"), [("imagenet", Normalize()), ("unit", Normalize((0.0, 0.0, 0.0), (255.0, 255.0, 255.0)))])
def test_named_normalisations(text: str, expected: Normalize) -> None:
    assert parse_normalize(text) == expected


@pytest.mark.parametrize("text", ["", "caffe", "1,2,3", "1,2/4,5,6/RGB", "1,2,3/4,5,6/GBR", "1,2,x/4,5,6/RGB", "1,2,3/4,0,6/RGB"])
def test_a_normalisation_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(UnknownNameError, match="is not imagenet, unit"):
        parse_normalize(text)


def test_a_foreign_network_shows_its_first_ten_tensors_and_how_it_runs_as_it_is(resnet18: Path, tmp_path: Path) -> None:
    result = segbench("weights", "import", "fast_scnn", resnet18, "--out", tmp_path / "w.safetensors")
    assert result.exit_code == 2
    lines = result.stderr.splitlines()
    assert lines[1] == "  conv1.weight [64, 3, 7, 7]"
    assert [line.startswith("  ") for line in lines[1:13]] == [True] * 11 + [False]
    assert lines[11].startswith("  and ")
    assert "name it as file.py:net" in lines[12]


def test_what_does_not_fit_is_named_and_nothing_is_written(fast_scnn: Path, resnet18: Path, tmp_path: Path) -> None:
    labels = tmp_path / "labels.yaml"
    labels.write_text(json.dumps(LABELS.to_dict()))
    out = tmp_path / "ours.safetensors"
    for arguments, message in (
        (("fast_scnn", resnet18), "these are tensors of another network than 'fast_scnn', which can take: "),
        (("fast_scnn", tmp_path / "absent.pth"), "the weights file is missing"),
        (("fast_scnn", fast_scnn, "--labels", labels), "gives 19 scores, and label space 'tiny-3' has 3 classes"),
        (("fast_scnn", fast_scnn, "--labels", "cityscape"), "label space 'cityscape' is not registered"),
        (("unet", fast_scnn), "no public weights are known for model 'unet'"),
        (("fast_scnn", fast_scnn, "--normalize", "caffe"), "--normalize 'caffe' is not"),
    ):
        result = segbench("weights", "import", *arguments, "--out", out)
        assert result.exit_code == 2, arguments
        assert message in result.stderr
        assert not out.exists()


def test_the_source_is_not_overwritten(tmp_path: Path) -> None:
    from safetensors.torch import save_file

    path = tmp_path / "model.safetensors"
    save_file(standins.filled(standins.shapes("fast_scnn")), path)
    before = path.read_bytes()
    result = segbench("weights", "import", "fast_scnn", path, "--out", path)
    assert result.exit_code == 2
    assert "would overwrite" in result.stderr
    assert path.read_bytes() == before


def test_our_own_file_needs_no_import(fast_scnn: Path, tmp_path: Path) -> None:
    segbench("weights", "import", "fast_scnn", fast_scnn, "--out", tmp_path / "ours.safetensors")
    result = segbench("weights", "import", "fast_scnn", tmp_path / "ours.safetensors", "--out", tmp_path / "again.safetensors")
    assert result.exit_code == 2
    assert "already" in result.stderr


def test_sources_are_listed_for_every_model_that_has_some() -> None:
    from segbench.models.public_weights import SOURCES

    result = segbench("weights", "sources")
    assert result.exit_code == 0
    assert all(model in result.output for model in SOURCES.table)
    assert "davidtvs" not in result.output
