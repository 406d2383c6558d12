"""What is registered, as tables in Markdown for the documents and as lines for a terminal: adapters of models, and datasets."""

from __future__ import annotations

import importlib
import inspect
import re
from importlib.metadata import metadata

from segbench.datasets import DATASETS
from segbench.datasets.opening import label_space
from segbench.models import MODELS
from segbench.registry import load

FUNCTIONS = {
    "file.py:attr": (
        "a function of a Python file: `f(labels, **arguments) -> Segmenter`",
        "segbench run --models mynet.py:mynet --dataset mydata.yaml",
    ),
    "pkg.mod:attr": ("the same, of a package that is installed", "segbench profile --models my_package.networks:mynet"),
}
PACKAGE = "segbench"
RUN = "segbench run --models NAMES --dataset"
BUILT_IN = ("minicity",)  # drawn by segbench itself: needs no folder


def adapters_table() -> str:
    """Every way to name a model that segbench did not build, from the first line of the module that opens it, and a command."""
    lines = ["| name | what it opens | needs | for example |", "|---|---|---|---|"]
    extras = metadata(PACKAGE).get_all("Provides-Extra") or ()
    for prefix, target in MODELS.adapters.items():
        module = importlib.import_module(target.partition(":")[0])
        form, _, what = _sentence(module).partition(": ")
        lines.append(f"| {form} | {what} | {f'`{PACKAGE}[{prefix}]`' if prefix in extras else ''} | `{module.EXAMPLE}` |")
    lines += [f"| `{form}` | {what} |  | `{example}` |" for form, (what, example) in FUNCTIONS.items()]
    return "\n".join(lines) + "\n"


def datasets_table() -> str:
    """Every dataset, from the first line of its factory, and the command that evaluates models on it."""
    lines = ["| dataset | what it is | classes | command |", "|---|---|--:|---|"]
    for name, target in DATASETS.table.items():
        where = "" if name in BUILT_IN else " --data DIR"
        lines.append(f"| `{name}` | {_sentence(load(target))} | {len(label_space(name).classes)} | `{RUN} {name}{where}` |")
    for form, what in _described().items():
        lines.append(f"| `{form}` | {what} | its own | `{RUN} {form}` |")
    return "\n".join(lines) + "\n"


def dataset_lines() -> list[str]:
    """A line for each registered dataset, those of plugins too: its name and what it is."""
    said = {name: _sentence(DATASETS.resolve(name)) for name in DATASETS.names()} | _described()
    width = max(map(len, said))
    return [f"{name:{width}}  {what}".rstrip() for name, what in said.items()]


def _described() -> dict[str, str]:
    """Every way to name a dataset that is described elsewhere, and what it is."""
    return {
        f"{prefix}:{next(iter(inspect.signature(load(target)).parameters)).upper()}": _sentence(load(target))
        for prefix, target in DATASETS.adapters.items()
    }


def _sentence(documented: object) -> str:
    """The first sentence of a docstring's first line, as Markdown."""
    line = (inspect.getdoc(documented) or "").partition("\n")[0].replace("``", "`")
    return re.split(r"\.(?= [A-Z]|$)", line)[0]
