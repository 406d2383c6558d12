"""The catalogue of errors: each message is what segbench says when the documents are built, so that it is never an old one."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import click
import numpy as np
from click.testing import CliRunner

from docs.extension.example_folder import write_example_folder
from docs.extension.text import fenced, markdown
from segbench import errors
from segbench.cli import main as cli
from segbench.errors import SegbenchError

HEAD = """# Errors

Every error that is the input's fault is a `segbench.SegbenchError`: one clear message that names each bad file or value, and a way out that
exists in the command at hand. The command line prints it without a traceback and exits with status 2. A traceback is a fault of segbench
itself. The classes are in the module `segbench.errors`; catch `segbench.SegbenchError` for all of them.

The messages below were made while this page was built.

"""


@dataclass(frozen=True)
class Example:
    """What somebody does wrong: a command, or Python; the class of the error, and the way out in words."""

    kind: str
    what: str
    way_out: str


NETWORK = """import torch
from segbench import Segmenter


class Net(torch.nn.Conv2d):
    def forward(self, x):
        return {returned}


def net(labels):
    return Segmenter("net", Net(3, len(labels.classes), 1), labels, trained_on={{"dataset": "mydata"}})
"""
DAMAGED = "images: images/*.png\ntargets: damaged/*.png\nclasses: [road, car, person]\nignore: [255]\n"
EXAMPLES = (
    Example("UsageError", "segbench.Meter(3, ignore_index=1)", "Give a value that is no class index; losses in PyTorch use 255 or -100."),
    Example(
        "UsageError",
        "import torch\nsegbench.Meter(3).update(torch.zeros(2, 5, 8, 8), torch.zeros(2, 16, 16, dtype=torch.long))",
        "Give the meter as many classes as the network has, or the network as many as the data.",
    ),
    Example("UnknownNameError", "segbench run --models enett", "`segbench models` and `segbench data list` print the names."),
    Example(
        "UnknownNameError",
        "segbench run --models mynet.py:net --dataset mydata.yaml",
        "The path is relative to the folder that the command is started in; behind the colon stands a function of that file.",
    ),
    Example(
        "LabelError",
        'road, car = segbench.LabelClass("road", (1,), (128, 64, 128)), segbench.LabelClass("car", (1,), (0, 0, 142))\n'
        'segbench.LabelSpace("mine", (road, car))',
        "Give each class ids of its own.",
    ),
    Example(
        "LabelError",
        "import numpy\nmeter = segbench.Meter(3)\n"
        "meter.update(numpy.zeros((1, 2, 2), int), numpy.array([[[0, 1], [2, 7]]]))\nmeter.compute()",
        'Say which value is not evaluated (`ignore_index`), or translate label ids with `encoding="ids"`.',
    ),
    Example(
        "LabelError",
        "segbench score preds --dataset mydata.yaml --map by-name --pred-labels isbi2012",
        "Write which class stands for which into a [mapping](yaml.md#mapping).",
    ),
    Example(
        "DataError",
        "segbench score few gts --labels labels.yaml",
        "Predict the missing images, or score against a folder of the targets that you have predictions for.",
    ),
    Example(
        "DataError",
        "segbench score official/results_train_ids official/gtFine/val",
        "Say how the predictions are written: `--encoding train-ids`.",
    ),
    Example("DataError", "segbench check typo.yaml", "Mend each line that is named; [](yaml.md) lists the keys."),
    Example("DataError", "segbench data check camvid --data preds", "`--data` is the folder of the download, as the message describes it."),
    Example(
        "ImageError",
        'dataset = segbench.open_dataset("damaged.yaml")\ndataset.read_target(dataset.samples[0])',
        "Write or download the file again. `segbench data check` finds all files of this kind at once.",
    ),
    Example(
        "NetworkError",
        "segbench run --models argmax.py:net --dataset mydata.yaml",
        "Return the scores, before the argmax; segbench takes it at the target's size.",
    ),
    Example(
        "NetworkError",
        "segbench run --models nan.py:net --dataset mydata.yaml",
        "Look for the first layer whose output is not finite: a diverged training, a division by zero.",
    ),
    Example("WeightsError", 'segbench.load_model(Path("absent.safetensors"))', "Give the file that `segbench train --out FILE` wrote."),
    Example(
        "WeightsError",
        "segbench run --models segnet --dataset mydata.yaml --weights segnet=enet.safetensors",
        "Name the model that the file says it is of.",
    ),
    Example("ProtocolError", "segbench.Protocol(crop=(512, 512))", "Give a stride too; it is at most as large as the crop."),
    Example("ProtocolError", "segbench.Protocol(scales=())", "Give at least one positive number."),
    Example("RecordError", 'segbench.read_run(Path("absent.json"))', "Give the file that `run` or `score --json` wrote."),
    Example(
        "RecordError",
        "segbench compare ours.json theirs.json",
        "Run both under one protocol on one set of images; the message names what is not the same.",
    ),
    Example(
        "TrainingError",
        'raise segbench.errors.TrainingError(step=120, learning_rate=0.1, checkpoint=Path("enet.safetensors.ckpt"), saved=100)',
        "Begin again with a lower learning rate; `--resume` goes on from the last good state.",
    ),
    Example(
        "MissingPackageError",
        'raise segbench.errors.MissingPackageError("datasets", "hf-dataset:REPO", "datasets")',
        "Install the package into the same environment.",
    ),
)


def page() -> str:
    """A section for each class of errors, with its docstring and its examples."""
    found = messages()
    parts = [HEAD]
    for kind in kinds():
        parts.append(f"## {kind.__name__}\n\n{markdown((kind.__doc__ or '').strip())}\n")
        for example, message in found:
            if example.kind == kind.__name__:
                is_command = example.what.startswith("segbench ")
                code = fenced("text", f"$ {example.what}") if is_command else fenced("python", example.what)
                answer = fenced("{code-block} text", f":class: message\n\n{message}")
                parts.append(f"{code}\n{answer}\n**Way out.** {example.way_out}\n")
    return "\n".join(parts)


def kinds() -> list[type[SegbenchError]]:
    """Every class of errors below SegbenchError, in the order of the module."""
    classes = [each for each in vars(errors).values() if isinstance(each, type)]
    return [each for each in classes if issubclass(each, SegbenchError) and each is not SegbenchError]


def messages() -> list[tuple[Example, str]]:
    """What segbench says to every example, in a folder that is made for it."""
    with tempfile.TemporaryDirectory() as folder, _inside(Path(folder)):
        _prepare(Path())
        return [(example, message_of(example)) for example in EXAMPLES]


def message_of(example: Example) -> str:
    """The message of an example.

    :raises AssertionError: it is no error of its class.
    """
    error = _command(example.what) if example.what.startswith("segbench ") else _python(example.what)
    assert type(error).__name__ == example.kind, f"{example.what}: {type(error).__name__}: {error}"
    return str(error)


def _command(line: str) -> BaseException | None:
    shown, cli._Main.invoke = cli._Main.invoke, click.Group.invoke  # type: ignore[method-assign]
    try:
        return CliRunner().invoke(cli.main, line.split()[1:]).exception
    finally:
        cli._Main.invoke = shown  # type: ignore[method-assign]


def _python(code: str) -> BaseException | None:
    import segbench

    try:
        exec(code, {"segbench": segbench, "Path": Path})
    except Exception as error:
        return error
    return None


@contextmanager
def _inside(folder: Path) -> Iterator[None]:
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


def _prepare(root: Path) -> None:
    """Files that are right, and files with one fault each."""
    import segbench
    from segbench.datasets.minicity import _write_scene
    from segbench.images.files import read_labels, write_labels
    from segbench.models.weights import save

    write_example_folder(root)
    (root / "labels.yaml").write_text("name: mine\nclasses: [road, car, person]\nvoid: [{name: void, ids: [255]}]\n")
    (root / "typo.yaml").write_text("images: images/*.png\ntargets: gts/*.png\nclases: [road, car, person]\nencoding: id\n")
    (root / "few").mkdir()
    shutil.copy(root / "preds" / "a.png", root / "few")
    (root / "damaged").mkdir()
    for name in "abc":
        whole = (root / "gts" / f"{name}.png").read_bytes()
        (root / "damaged" / f"{name}.png").write_bytes(whole[:60])
    (root / "damaged.yaml").write_text(DAMAGED)
    (root / "argmax.py").write_text(NETWORK.format(returned="super().forward(x).argmax(1)"))
    (root / "nan.py").write_text(NETWORK.format(returned="super().forward(x) * float('nan')"))
    labels = segbench.open_dataset("mydata.yaml").labels
    save(root / "enet.safetensors", segbench.build_model("enet", labels, width=0.125), trained_on={"dataset": "mydata"}, recipe={})
    (root / "yard.yaml").write_text((root / "mydata.yaml").read_text())
    for dataset, record in (("mydata.yaml", "ours.json"), ("yard.yaml", "theirs.json")):
        CliRunner().invoke(cli.main, ["score", "preds", "--dataset", dataset, "--json", record], catch_exceptions=False)
    for index in (0, 1):
        _write_scene(root / "official", "val", index)
    cityscapes = segbench.label_space("cityscapes")
    for target in (root / "official" / "gtFine" / "val").rglob("*_labelIds.png"):
        index = cityscapes.index_of_id[read_labels(target)]
        ids = np.where(index == len(cityscapes.classes), 255, index).astype(np.uint8)
        write_labels(root / "official" / "results_train_ids" / target.name.replace("_gtFine_labelIds", ""), ids)
