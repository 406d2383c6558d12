"""The page of the YAML files: their keys, from where the code declares them."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import MISSING, fields
from importlib.resources import files
from typing import Any

from docs.extension.text import fenced, markdown, table
from segbench.benchmark import suite
from segbench.benchmark.suite import Suite, preset_names
from segbench.datasets import hf, yaml_dataset
from segbench.evaluation.protocol import Protocol
from segbench.files.settings import Location, Maybe, Number, OneOf, Setting, Truth, Whole, settings_of
from segbench.files.yaml_schema import Key
from segbench.labels import files as label_files
from segbench.labels import mapping
from segbench.leaderboards import rules
from segbench.leaderboards.board_scores import MORE, ORDINARY
from segbench.training.recipe import MINICITY, NAMES, PAPER, Recipe

HEAD = """# YAML files

Every file is read by one language: all problems of a file are named in one pass, each with its line, its key and the nearest key that
exists. Paths are relative to the file they stand in, but `out` of a suite, which is where the run is started.

Editors complete and check a suite or a board by its JSON Schema: `segbench schema --out .` writes them, and a line of the file says
which one it is, `# yaml-language-server: $schema=suite.schema.json`.

"""
FORMS = {"text": "text", "names": "a list of names, or text with commas", "parse_size": "`HxW`", "parse_input_size": "`HxW`, or a number"}
FORMS |= {
    "parse_scales": "a list of numbers",
    "group_rule": "`city`, `sequence`, `condition`, `folder`, a pattern with parentheses around the group, or a CSV of images and groups",
    "weight_files": "a mapping of models to files",
    "corruption_names": "`all`, or a list of names, or text with commas",
    "tolerances": "a number, or a list of them: pixels, or below 1 shares of the diagonal",
    "temperature_source": "a number above 0, or a file that `segbench temperature` wrote",
    "severities": "a number from 1 to 5, a list of them, or a range such as `1-5`",
    "titles": "a mapping of models to text",
    "arguments": "a mapping of models to mappings",
    "protocol_values": "a mapping of the [keys of a protocol](#protocol)",
    "_range": "a list of two numbers",
    "_factors": "a mapping of parts to numbers",
}


def page() -> str:
    """A section for each kind of file."""
    return HEAD + "\n".join(
        (
            _section("Dataset", "`--dataset mydata.yaml`", _example(yaml_dataset), _keys(yaml_dataset.KEYS)),
            _section("Label", "what `classes` and `void` are lists of", "", _keys(label_files.label_keys(label_files.ids))),
            _section("Label space", "`segbench score PREDS GTS --labels labels.yaml`", LABELS, _keys(label_files.SPACE_KEYS)),
            _section("Hugging Face dataset", "`--dataset hf-dataset:REPO --data classes.yaml`", _example(hf), _keys(hf.KEYS)),
            _section("Mapping", "`--map FILE`", _example(mapping), _keys(mapping.KEYS)),
            _section("Suite", "`segbench run --suite paper.yaml`", _example(suite), _settings(Suite)),
            _section("Protocol", "`protocol` of a suite, and options of `segbench run`", "", _settings(Protocol)),
            _section("Recipe", "`segbench train --recipe recipe.yaml`", "", _recipes() + "\n" + _settings(Recipe)),
            _section("Board", "`board.yaml` in the folder of a board", _example(rules), _keys(rules.KEYS) + "\n" + _board_scores()),
            _presets(),
        )
    )


def _board_scores() -> str:
    """What a board can show and be ranked by."""
    rows = [(name, score.said, score.needs, "less" if score.less else "more") for name, score in MORE.items()]
    lines = "".join(f"| `{name}` | {said} | {f'`{needs}`' if needs else ''} | {better} |\n" for name, said, needs, better in rows)
    usual = ", ".join(f"`{name}`" for name in ORDINARY)
    return f"""`rank` takes {usual}, which stand in every table whose records hold them, and those that `columns` takes too:

| score | what it is | counted by | better |
|---|---|---|---|
{lines}"""


LABELS = """name: roads
classes:
  - {name: road, ids: [1], color: [128, 64, 128]}
  - {name: building, ids: [2, 3], color: [70, 70, 70]}
void:
  - {name: unlabelled, ids: [0]}
"""


def _section(title: str, use: str, example: str, keys: str) -> str:
    return "\n".join([f"## {title}\n", f"For {use}.\n", *([fenced("yaml", example)] if example else []), keys])


def _example(module: Any) -> str:
    """The first indented block of a module's docstring."""
    lines = (inspect.getdoc(module) or "").splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith("    "))
    end = next((i for i, line in enumerate(lines) if i > start and line and not line.startswith("    ")), len(lines))
    return inspect.cleandoc("\n".join(lines[start:end]))


def _keys(keys: Mapping[str, Key]) -> str:
    return table(["key", "value", "meaning"], [[f"`{name}`", key.form, key.help] for name, key in keys.items()])


def _settings(kind: type) -> str:
    defaults = {each.name: each.default for each in fields(kind)}
    rows = []
    for name, each in settings_of(kind).items():
        default = defaults[name]
        shown = "" if default in (MISSING, None, ()) else f"`{each.write(default)}`".replace("`True`", "true").replace("`False`", "false")
        rows.append([f"`{name}`", _form(each), shown, markdown(each.help.partition("  [default")[0])])
    return table(["key", "value", "default", "meaning"], rows)


def _form(each: Setting) -> str:
    """How a value is written, from what reads it."""
    read, maybe = (each.read.read, " or null") if isinstance(each.read, Maybe) else (each.read, "")
    if isinstance(read, Truth):
        form = "true or false"
    elif isinstance(read, OneOf):
        form = " or ".join(f"`{choice}`" for choice in read.choices)
    elif isinstance(read, Whole):
        form = f"a whole number from {read.low} on"
    elif isinstance(read, Number):
        form = f"a number {'above' if read.above else 'from'} {read.low:g}{f' to {read.high:g}' if read.high is not None else ''}"
    elif isinstance(read, Location):
        form = "a folder" if read.folder else "a file"
    else:
        form = FORMS[read.__name__]
    return form + maybe


def _recipes() -> str:
    models = [[f"`{stem}.yaml`", ", ".join(f"`{model}`" for model in shared)] for stem, shared in PAPER.items()]
    slow = ", ".join(f"`{model}`" for model in MINICITY["minicity_slow"])
    return (
        f"`--recipe` takes {', '.join(f'`{name}`' for name in NAMES)} or a file. A file may also hold `learning_rates`, a mapping of "
        "models to the learning rate of each. `minicity` has a lower learning rate for networks without normalisation "
        f"({slow}).\n\n{table(['recipe of the paper', 'models'], models)}"
    )


def _presets() -> str:
    blocks = []
    for name in preset_names():
        text = (files("segbench") / "benchmark" / "presets" / f"{name}.yaml").read_text()
        blocks += [f"`segbench run --suite {name} --models NAMES --data DIR`:\n", fenced("yaml", text)]
    return "\n".join(["## Presets\n", "Suites that come along and leave the models to you.\n", *blocks])
