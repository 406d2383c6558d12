"""A record in the form of Every Eval Ever (github.com/evaleval/every_eval_ever, schema 0.3.0): its scores, their intervals and sources."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, get_args

from segbench.files.json_text import dump_json
from segbench.records.run_record import RunRecord
from segbench.report.tables.metrics import METRICS
from segbench.report.tables.publication import HUB_TYPES, defined, interval_of

SCHEMA_VERSION = "0.3.0"
Relationship = Literal["first_party", "third_party", "collaborative", "other"]
RELATIONSHIPS: tuple[str, ...] = get_args(Relationship)


@dataclass(frozen=True)
class Evaluator:
    """Who publishes: an ``organization``, and its ``relationship`` to whoever made the model; ``model_id`` is ``OWNER/NAME`` on the hub."""

    organization: str
    relationship: Relationship = "other"
    model_id: str = ""


def every_eval(record: RunRecord, evaluator: Evaluator, written: float) -> str:
    """The JSON; values that the schema wants as text are text.

    :param written: when, in seconds of Unix time. When the evaluation ran is no part of a record.
    """
    data = f"{record.dataset['name']}-{record.dataset['split']}"
    model_id = evaluator.model_id or record.name
    facts = {name: record.model[name] for name in ("weights_sha256", "params", "macs") if record.model.get(name) is not None}
    source = {
        "dataset_name": str(record.dataset["name"]),
        "source_type": "other",
        "additional_details": _texts({name: record.dataset[name] for name in ("split", "images", "targets_sha256")}),
    }
    return dump_json(
        {
            "schema_version": SCHEMA_VERSION,
            "evaluation_id": f"{data}/{model_id}/{int(written)}",
            "retrieved_timestamp": str(int(written)),
            "source_metadata": {
                "source_type": "evaluation_run",
                "source_organization_name": evaluator.organization,
                "evaluator_relationship": evaluator.relationship,
            },
            "eval_library": {
                "name": "segbench",
                "version": str(record.environment.get("segbench", "unknown")),
                "additional_details": {"signature": record.signature, "command": record.command},
            },
            "model_info": {
                "name": record.name,
                "id": model_id,
                "additional_details": {"deployment_type": "self_deployed", "model_availability": "unknown", **_texts(facts)},
            },
            "evaluation_results": [_result(record, name, value, data, source) for name, value in defined(record)],
        }
    )


def _result(record: RunRecord, name: str, value: float, data: str, source: dict[str, Any]) -> dict[str, Any]:
    metric: dict[str, Any] = {
        "metric_id": HUB_TYPES.get(name, f"segbench.{METRICS[name].field}"),
        "metric_name": name,
        "metric_unit": "proportion",
        "lower_is_better": False,
        "score_type": "continuous",
        "min_score": 0,
        "max_score": 1,
    }
    score: dict[str, Any] = {"score": value}
    if (bounds := interval_of(record, METRICS[name].field)) and record.intervals is not None:
        drawn = record.intervals
        score["uncertainty"] = {
            "confidence_interval": {
                "lower": bounds["low"],
                "upper": bounds["high"],
                "confidence_level": bounds["level"],
                "method": f"bootstrap over {drawn.unit}",
            },
            "num_samples": drawn.units,
            "num_bootstrap_samples": drawn.replicates,
        }
    return {"evaluation_name": data, "source_data": source, "metric_config": metric, "score_details": score}


def _texts(facts: dict[str, Any]) -> dict[str, str]:
    return {name: str(value) for name, value in facts.items()}
