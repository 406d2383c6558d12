"""README.md is true: its tables are what is registered, its commands exist, and its examples run as they are printed."""

from __future__ import annotations

import re
import shlex
import sys
from pathlib import Path
from types import ModuleType

import click
import numpy as np
import pytest
import torch
from click.testing import CliRunner, Result
from torch import Tensor, nn

from segbench.benchmark.suite import preset_names, read_suite
from segbench.cli.main import main
from segbench.console import readme
from segbench.datasets import DATASETS, minicity
from segbench.datasets.cityscapes import LABELS
from segbench.datasets.yaml_dataset import read_own
from segbench.labels.files import read_label_space
from segbench.models import MODELS
from segbench.models.segmenter import predict
from segbench.models.weights import build
from segbench.records.run_record import read_run

TEXT = readme.readme("models", "adapters", "datasets")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
COMMANDS = [line for kind, text in BLOCKS if kind == "sh" for line in text.splitlines()]
COMMANDS += re.findall(r"^\|.*`(segbench [^`]*)` \|$", TEXT, re.MULTILINE)


def block(name: str) -> str:
    """The example that begins with a comment of its file's name."""
    (found,) = [text for _, text in BLOCKS if re.match(rf"# {re.escape(name)}\b", text)]
    return str(found)


def segbench(line: str) -> Result:
    program, *arguments = shlex.split(line)
    assert program == "segbench"
    return CliRunner().invoke(main, arguments, catch_exceptions=False)


def test_the_table_of_datasets_is_what_is_registered() -> None:
    assert readme.with_tables(TEXT, {"datasets": readme.datasets_table()}) == TEXT, "run `segbench data list --refresh`"
    rows = re.findall(r"^\| `([^`]+)` \|", readme.datasets_table(), re.MULTILINE)
    assert rows[: len(DATASETS.table)] == list(DATASETS.table)
    assert [row.partition(":")[0] for row in rows[len(DATASETS.table) :]] == list(DATASETS.adapters)


def test_the_table_of_adapters_is_what_is_registered() -> None:
    assert readme.with_tables(TEXT, {"adapters": readme.adapters_table()}) == TEXT, "run `segbench models --refresh`"
    rows = re.findall(r"^\| `([^`]+)`", readme.adapters_table(), re.MULTILINE)
    assert [row.partition(":")[0] for row in rows] == [*MODELS.adapters, "file.py", "pkg.mod"]


def test_every_row_says_what_it_is() -> None:
    for table in (readme.adapters_table(), readme.datasets_table()):
        for row in table.splitlines()[2:]:
            assert len(row.split(" | ")[1]) > 10, row


@pytest.mark.parametrize("line", [line for line in COMMANDS if line.startswith("segbench ")])
def test_a_printed_command_exists_with_its_options(line: str) -> None:
    command: click.Command = main
    arguments = shlex.split(line)[1:]
    while isinstance(command, click.Group) and arguments and (inner := command.get_command(click.Context(command), arguments[0])):
        command, arguments = inner, arguments[1:]
    context = command.make_context("segbench", arguments)
    models = context.params.get("models")
    for name in (models.split(",") if isinstance(models, str) else models or ()) if models != ("NAMES",) else ():
        assert name in MODELS.table or name.partition(":")[0] in {*MODELS.adapters, "mynet.py", "my_package.networks"}
    if dataset := context.params.get("dataset"):
        assert dataset in {*DATASETS.table, "mydata.yaml"} or dataset.partition(":")[0] in DATASETS.adapters


def test_a_network_and_data_of_ones_own_are_evaluated_from_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(minicity.SPLITS, "val", 6)  # of 60: what is printed is executed, on fewer scenes
    for name, lines in (("mydata.yaml", 10), ("mynet.py", 20)):
        (tmp_path / name).write_text(block(name))
        assert len(block(name).splitlines()) <= lines + 1, "a line for its name"
    (commands,) = [text for kind, text in BLOCKS if kind == "sh" and "mynet.py" in text]
    for line in commands.splitlines():
        result = segbench(line)
        assert result.exit_code == 0, (line, result.output)
    record = read_run(tmp_path / "runs" / "mydata-val" / "records" / "mynet.py-mynet.json")
    assert record.dataset["images"] == 6
    assert record.labels.class_names == ("ground", "building", "green", "sky", "object")
    assert record.scores.miou > 0.25  # one colour everywhere: under 0.1
    assert record.command == "segbench run --models mynet.py:mynet --dataset mydata.yaml --split val --data DIR"


class Mmseg(nn.Module):
    """A stand-in for a model of MMSegmentation 1.x: these names, and what its source does under them."""

    def __init__(self, *, bgr_to_rgb: bool) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.data_preprocessor = nn.Module()
        self.data_preprocessor.channel_conversion = bgr_to_rgb  # type: ignore[assignment]
        self.data_preprocessor.register_buffer("mean", torch.tensor([100.0, 110.0, 120.0]).view(-1, 1, 1), persistent=False)
        self.data_preprocessor.register_buffer("std", torch.tensor([50.0, 60.0, 70.0]).view(-1, 1, 1), persistent=False)
        self.dataset_meta = {"classes": LABELS.class_names, "palette": [list(label.color) for label in LABELS.classes]}
        self.head = nn.Conv2d(3, len(LABELS.classes), 3, stride=2, padding=1)

    def encode_decode(self, inputs: Tensor, batch_img_metas: list[dict[str, torch.Size]]) -> Tensor:
        assert len(batch_img_metas) == len(inputs)
        size = batch_img_metas[0]["pad_shape"]
        return nn.functional.interpolate(self.head(inputs), size=size, mode="bilinear", align_corners=False)

    def of_file(self, bgr: Tensor) -> Tensor:
        """Class map of one image as mmcv reads it: uint8[3, H, W], blue first."""
        fed = self.data_preprocessor
        inputs = bgr[[2, 1, 0]] if fed.channel_conversion else bgr
        inputs = ((inputs.float() - fed.mean) / fed.std)[None]
        return self.encode_decode(inputs, [{"pad_shape": inputs.shape[2:]}])[0].argmax(0)


@pytest.mark.parametrize("bgr_to_rgb", [True, False])
def test_the_file_for_mmsegmentation_gives_its_class_maps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bgr_to_rgb: bool) -> None:
    made = Mmseg(bgr_to_rgb=bgr_to_rgb)
    asked = []

    def init_model(config: str, checkpoint: str | None = None, device: str = "cuda:0", cfg_options: object = None) -> nn.Module:
        asked.append((config, checkpoint, device))
        return made.to(device).eval()

    package, apis = ModuleType("mmseg"), ModuleType("mmseg.apis")
    apis.init_model = init_model  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "mmseg", package)
    monkeypatch.setitem(sys.modules, "mmseg.apis", apis)
    monkeypatch.chdir(tmp_path)
    Path("mmseg_net.py").write_text(block("mmseg_net.py"))
    Path("checkpoint.pth").write_bytes(b"weights")
    segmenter = build("mmseg_net.py:net", LABELS)
    assert asked == [("config.py", "checkpoint.pth", "cpu")]
    assert segmenter.labels.class_names == LABELS.class_names
    assert segmenter.weights_sha256 is not None
    image = np.random.default_rng(0).integers(0, 256, (33, 47, 3), dtype=np.uint8)
    with torch.inference_mode():
        own = made.of_file(torch.from_numpy(image[..., ::-1].copy()).permute(2, 0, 1))
    np.testing.assert_array_equal(predict(segmenter, image[None])[0], own)


def test_the_files_that_are_shown_can_be_read(tmp_path: Path) -> None:
    for name in ("paper.yaml", "labels.yaml", "mydata.yaml"):
        (tmp_path / name).write_text(block(name))
    (tmp_path / "splits.yaml").write_text(block("segbench check mydata.yaml"))
    suite = read_suite(str(tmp_path / "paper.yaml"))
    assert suite.protocol["crop"] == (769, 769)
    assert [name in MODELS.table for name in suite.models] == [True, False]
    assert read_label_space(tmp_path / "labels.yaml").class_names == ("road", "building")
    assert list(read_own(tmp_path / "splits.yaml").splits) == ["train", "val"]
    presets = re.findall(r"there are `([^`]*)`, `([^`]*)`, `([^`]*)` and `([^`]*)`", TEXT)
    assert sorted(presets[0]) == preset_names()
