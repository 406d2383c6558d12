"""A record in the forms that others read: model-index and results of a benchmark on the Hugging Face Hub, CSV, Parquet, and a BibTeX note.

Scores are fractions, as in the record, but in the note, which people read. What is undefined is left out, or empty in CSV.
"""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import yaml

from segbench.models.adapters.base import import_package
from segbench.records.run_record import RunRecord
from segbench.report.tables.formats import escape_latex
from segbench.report.tables.metrics import CLASS_SCORES, METRICS
from segbench.report.tables.numbers import percent

HUB_TYPES = {"mIoU": "mean_iou", "acc": "accuracy", "acc_cls": "mean_accuracy"}
"""What the hub calls some metrics; the others go by the names of records."""
COLUMNS = ["model", "metric", "class", "value", "low", "high", "signature"]


def publications(record: RunRecord) -> dict[str, str]:
    """The text of each file by its ending."""
    return {".model-index.yaml": model_index(record), ".csv": scores_csv(record), ".bib": bibtex(record)}


def model_index(record: RunRecord) -> str:
    """YAML that goes between the two ``---`` of a model card on the Hugging Face Hub."""
    metrics = [
        {"type": HUB_TYPES.get(name, METRICS[name].field), "name": name, "value": value, "args": interval_of(record, METRICS[name].field)}
        for name, value in defined(record)
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
    writer.writerow(COLUMNS)
    for name, label, value, bounds in _rows(record):
        cells = ["" if math.isnan(each) else repr(each) for each in (value, *bounds)]
        writer.writerow([_inert(record.name), name, _inert(label), *cells, record.signature])
    return out.getvalue()


def scores_parquet(record: RunRecord) -> bytes:
    """The rows of :func:`scores_csv` as Parquet: numbers are float64, and what is undefined is null.

    :raises MissingPackageError: pyarrow is not installed.
    """
    import_package("pyarrow", purpose="segbench publish --parquet", pip="pyarrow")
    import pandas as pd

    rows = [(record.name, name, label or None, value, *bounds, record.signature) for name, label, value, bounds in _rows(record)]
    out = io.BytesIO()
    pd.DataFrame(rows, columns=COLUMNS).to_parquet(out, engine="pyarrow", index=False)
    return out.getvalue()


@dataclass(frozen=True)
class Benchmark:
    """A data set on the hub that is registered as a benchmark, and one of its tasks."""

    dataset: str
    task: str

    @classmethod
    def of(cls, text: str) -> Benchmark:
        """What ``OWNER/DATASET:TASK`` names.

        :raises ValueError: it is written otherwise.
        """
        found = re.fullmatch(r"([\w.-]+/[\w.-]+):([\w.-]+)", text)
        if found is None:
            raise ValueError(f"{text!r} is not written as OWNER/DATASET:TASK")
        return cls(found[1], found[2])


def eval_results(record: RunRecord, benchmark: Benchmark) -> str:
    """YAML for ``.eval_results/`` of a model's repository on the hub: the mIoU as a fraction, which model pages and leaderboards show."""
    bounds = interval_of(record, "miou")
    interval = f", {bounds['level'] * 100:g} % interval {bounds['low']:.4f} to {bounds['high']:.4f}" if bounds else ""
    entry = {
        "dataset": {"id": benchmark.dataset, "task_id": benchmark.task},
        "value": record.scores.miou,
        "notes": f"mIoU as a fraction{interval}; segbench {record.environment.get('segbench', '')}; {record.signature}",
    }
    return yaml.safe_dump([entry], sort_keys=False, allow_unicode=True, width=1000)


def bibtex(record: RunRecord) -> str:
    """A ``@misc`` entry whose note says the score, its interval and the signature."""
    data = f"{record.dataset['name']}-{record.dataset['split']}"
    key = re.sub(r"[^A-Za-z0-9]+", "-", f"segbench-{record.name}-{data}").strip("-").lower()
    miou = f"mIoU {percent(record.scores.miou)} %"
    if bounds := interval_of(record, "miou"):
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


def defined(record: RunRecord) -> Iterator[tuple[str, float]]:
    """Names and values of the metrics that a record knows."""
    for name, metric in METRICS.items():
        if not math.isnan(value := float(metric.of(record))):
            yield name, value


def _rows(record: RunRecord) -> Iterator[tuple[str, str, float, tuple[float, float]]]:
    """Name, class, value and bounds of every score."""
    for name, value in defined(record):
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


def interval_of(record: RunRecord, field: str) -> dict[str, float]:
    """``low``, ``high`` and ``level`` of a metric; nothing where it has no interval."""
    low, high = _bounds(record, field, None)
    if record.intervals is None or math.isnan(low):
        return {}
    return {"low": low, "high": high, "level": record.intervals.level}


def _inert(text: str) -> str:
    """Text that a spreadsheet would run as a formula has an apostrophe in front."""
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text
