"""The tables of README.md that are made from what is registered: each stands between two markers, and a test makes it again."""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Mapping
from importlib.metadata import metadata
from importlib.resources import files
from pathlib import Path

from segbench.datasets import DATASETS
from segbench.datasets.opening import label_space
from segbench.errors import DataError
from segbench.models import MODELS
from segbench.registry import load

README = Path(str(files("segbench"))).parent / "README.md"
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


def markers(name: str) -> tuple[str, str]:
    """The two lines between which a table stands."""
    command = "segbench data list --refresh" if name == "datasets" else "segbench models --refresh"
    return f"<!-- {name}: written by `{command}` -->\n", f"<!-- /{name} -->\n"


def readme(*names: str) -> str:
    """The text of README.md.

    :raises DataError: there is none beside the package, or it has no place for one of the tables.
    """
    text = README.read_text(encoding="utf-8") if README.is_file() else ""
    if absent := [name for name in names if not all(marker in text for marker in markers(name))]:
        raise DataError(
            f"{README}: there is no place for the table of {' and '.join(absent)}", way_out="run this in a checkout of segbench"
        )
    return text


def with_tables(text: str, tables: Mapping[str, str]) -> str:
    """A text with what stands between the markers of each table replaced."""
    for name, table in tables.items():
        start, end = markers(name)
        before, _, rest = text.partition(start)
        text = before + start + table + end + rest.partition(end)[2]
    return text


def rewrite(tables: Mapping[str, str]) -> Path:
    """Put tables into README.md.

    :raises DataError: it has no place for one of them.
    """
    README.write_text(with_tables(readme(*tables), tables), encoding="utf-8")
    return README


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
    for prefix, target in DATASETS.adapters.items():
        form = f"{prefix}:{next(iter(inspect.signature(load(target)).parameters)).upper()}"
        lines.append(f"| `{form}` | {_sentence(load(target))} | its own | `{RUN} {form}` |")
    return "\n".join(lines) + "\n"


def _sentence(documented: object) -> str:
    """The first sentence of a docstring's first line, as Markdown."""
    line = (inspect.getdoc(documented) or "").partition("\n")[0].replace("``", "`")
    return re.split(r"\.(?= [A-Z]|$)", line)[0]
