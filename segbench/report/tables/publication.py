"""A record in the forms that others read: the model-index of a Hugging Face model card, CSV, and a BibTeX note with the signature.

Scores are fractions, as in the record, but in the note, which people read. What is undefined is left out, or empty in CSV.
"""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Iterator

import numpy as np
import yaml

from segbench.records.run_record import RunRecord
from segbench.report.tables.formats import escape_latex
from segbench.report.tables.metrics import CLASS_SCORES, METRICS
from segbench.report.tables.numbers import percent

HUB_TYPES = {"mIoU": "mean_iou", "acc": "accuracy", "acc_cls": "mean_accuracy"}
"""What the hub calls some metrics; the others go by the names of records."""


def publications(record: RunRecord) -> dict[str, str]:
    """The text of each file by its ending."""
    return {".model-index.yaml": model_index(record), ".csv": scores_csv(record), ".bib": bibtex(record)}


def model_index(record: RunRecord) -> str:
    """YAML that goes between the two ``---`` of a model card on the Hugging Face Hub."""
    metrics = [
        {"type": HUB_TYPES.get(name, METRICS[name].field), "name": name, "value": value, "args": _interval(record, METRICS[name].field)}
        for name, value in _defined(record)
    ]
    for metric in metrics:
        if not metric["args"]:
            del metric["args"]
    dataset = {
        "type": str(record.dataset["name"]),
        "name": f"{record.dataset['name']}-{record.dataset['split']}",
        "split": str(record.dataset["split"]),
        "args": {"images": record.dataset["images"], "signature": record.signature},
    }
    task = {"type": "image-segmentation", "name": "Semantic segmentation"}
    result = {"task": task, "dataset": dataset, "metrics": metrics}
    return yaml.safe_dump({"model-index": [{"name": record.name, "results": [result]}]}, sort_keys=False, allow_unicode=True, width=1000)


def scores_csv(record: RunRecord) -> str:
    """A row for each metric and each score of a class, every digit kept, with its interval and the signature."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["model", "metric", "class", "value", "low", "high", "signature"])
    for name, label, value, bounds in _rows(record):
        cells = ["" if math.isnan(each) else repr(each) for each in (value, *bounds)]
        writer.writerow([_inert(record.name), name, _inert(label), *cells, record.signature])
    return out.getvalue()


def bibtex(record: RunRecord) -> str:
    """A ``@misc`` entry whose note says the score, its interval and the signature."""
    data = f"{record.dataset['name']}-{record.dataset['split']}"
    key = re.sub(r"[^A-Za-z0-9]+", "-", f"segbench-{record.name}-{data}").strip("-").lower()
    miou = f"mIoU {percent(record.scores.miou)} %"
    if bounds := _interval(record, "miou"):
        miou += f" ({bounds['level'] * 100:g} % interval {percent(bounds['low'])} to {percent(bounds['high'])})"
    weights = record.model.get("weights_sha256")
    told = [f"{miou} on {record.dataset['images']} images", *([f"weights {str(weights)[:12]}"] if weights else [])]
    lines = {
        "title": f"{{{escape_latex(record.name)} on {escape_latex(data)}}}",
        "howpublished": escape_latex(f"Evaluated with segbench {record.environment.get('segbench', '')}".strip()),
        "note": f"{escape_latex('; '.join(told))}. Signature: {_breakable(record.signature)}",
    }
    return f"@misc{{{key},\n" + "".join(f"  {name} = {{{value}}},\n" for name, value in lines.items()) + "}\n"


def _breakable(signature: str) -> str:
    return r"\texttt{" + r"|\allowbreak{}".join(map(escape_latex, signature.split("|"))) + "}"


def _defined(record: RunRecord) -> Iterator[tuple[str, float]]:
    for name, metric in METRICS.items():
        if not math.isnan(value := float(metric.of(record))):
            yield name, value


def _rows(record: RunRecord) -> Iterator[tuple[str, str, float, tuple[float, float]]]:
    """Name, class, value and bounds of every score."""
    for name, value in _defined(record):
        yield name, "", value, _bounds(record, METRICS[name].field, None)
    scores = {field: getattr(record.scores, field) for field in CLASS_SCORES.values()}
    for name, field in CLASS_SCORES.items():
        for index, label in enumerate(record.labels.class_names):
            yield name, label, float(scores[field][index]), _bounds(record, field, index)


def _bounds(record: RunRecord, field: str, index: int | None) -> tuple[float, float]:
    if record.intervals is None or field not in record.intervals.bounds:
        return math.nan, math.nan
    found = np.asarray(record.intervals.bounds[field])
    low, high = (found if index is None else found[index]).tolist()
    return low, high


def _interval(record: RunRecord, field: str) -> dict[str, float]:
    low, high = _bounds(record, field, None)
    if record.intervals is None or math.isnan(low):
        return {}
    return {"low": low, "high": high, "level": record.intervals.level}


def _inert(text: str) -> str:
    """Text that a spreadsheet would run as a formula has an apostrophe in front."""
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text
