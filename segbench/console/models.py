"""`segbench models`: what is registered and how large it is, from a committed table, so that listing builds nothing.

The table holds what ``anatomy.facts`` counts for every builtin model at 19 classes; a test counts them again. Plugins and other numbers of
classes are counted when they are asked for.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

from segbench.console.terminal import console, progress_bar, table
from segbench.files.csv_text import csv_of
from segbench.models import MODELS
from segbench.report.tables.macs import macs_text
from segbench.report.tables.numbers import count

TABLE_CLASSES = 19
TABLE = Path(str(files("segbench.models") / "table.csv"))
NUMBERS = ("params_total", "params_infer", "params_trainable", "macs", "year")

Facts = dict[str, Any]


def list_models(classes: int, *, as_json: bool) -> None:
    """Print every registered model with its size at 1024x2048."""
    rows = registered(classes)
    if as_json:
        print(json.dumps(rows, indent=1))
        return
    header = ["model", "year", "params", "inference", "MACs", "input", "paper"]
    cells = [
        [r["name"], str(r["year"] or "–"), count(r["params_total"]), count(r["params_infer"]), count(r["macs"]), r["input"], r["paper"]]
        for r in rows
    ]
    console().print(table(header, cells, text=("input", "paper")))
    console().print(f"{classes} classes; MACs at 1024x2048; {macs_text()}", style="dim", soft_wrap=True)


def registered(classes: int) -> list[Facts]:
    """The facts of every registered model: those of the table where it has them, the others counted now."""
    known = {row["name"]: row for row in read_table()} if classes == TABLE_CLASSES else {}
    chosen = MODELS.names()
    counted = {row["name"]: row for row in count_facts([name for name in chosen if name not in known], classes)}
    return [known.get(name) or counted[name] for name in chosen]


def count_facts(chosen: Sequence[str], classes: int) -> list[Facts]:
    """Build models on the meta device and count."""
    if not chosen:
        return []
    from segbench.models.anatomy import facts

    with progress_bar("counting") as bar:
        return [facts(name, classes) for name in bar.track(chosen, description="counting")]


def read_table() -> list[Facts]:
    """The committed facts of the builtin models, as :func:`segbench.models.anatomy.facts` gives them for 19 classes."""
    with TABLE.open(encoding="utf-8", newline="") as file:
        return [{key: int(value) if key in NUMBERS else value for key, value in row.items()} for row in csv.DictReader(file)]


def refresh() -> Path:
    """Count the builtin models anew and rewrite the table; returns its file."""
    rows = count_facts(list(MODELS.table), TABLE_CLASSES)
    TABLE.write_text(csv_of(list(rows[0]), rows), encoding="utf-8")
    return TABLE


def markdown(rows: Sequence[Facts]) -> str:
    """The models as a Markdown table: name, paper, parameters, MACs, and the datasets for which weights come along."""
    weights = bundled_weights()
    lines = ["| model | paper | year | params | MACs | weights |", "|---|---|--:|--:|--:|---|"]
    for r in rows:
        idle = "" if r["params_total"] == r["params_infer"] else f" ({count(r['params_infer'])})"
        cells = (f"`{r['name']}`", f"[{r['paper']}]({r['url']})", str(r["year"]), count(r["params_total"]) + idle, count(r["macs"]))
        lines.append(f"| {' | '.join(cells)} | {', '.join(weights.get(r['name'], ()))} |")
    return "\n".join(lines) + "\n"


def bundled_weights() -> dict[str, list[str]]:
    """The datasets for which segbench comes with weights of a model, by model."""
    datasets: dict[str, list[str]] = {}
    for file in sorted((TABLE.parent / "bundled").glob("*.safetensors")):
        dataset, _, name = file.stem.rpartition("-")
        datasets.setdefault(name, []).append(dataset)
    return datasets
