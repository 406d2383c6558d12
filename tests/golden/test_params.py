"""Parameter counts of the published networks (reference code instantiated, or its layer table added up), to the last one.

An empty field was not published or counted. ``params_infer`` leaves out what exists only for training.
"""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from segbench.models import MODELS
from segbench.models.anatomy import on_meta
from segbench.models.size import count_params

with Path(__file__).with_name("params.csv").open(encoding="utf-8") as file:
    GOLDEN = list(csv.DictReader(file))


@pytest.mark.parametrize("row", GOLDEN, ids=lambda row: f"{row['name']}-{row['classes']}")
def test_parameters_equal_the_reference(row: dict[str, str]) -> None:
    params = count_params(on_meta(row["name"], int(row["classes"])))
    assert params.infer == int(row["params_infer"])
    if row["params_total"]:
        assert params.total == int(row["params_total"])


def test_every_registered_network_has_a_golden_count() -> None:
    assert {row["name"] for row in GOLDEN} == set(MODELS.table)
