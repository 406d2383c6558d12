from __future__ import annotations

import inspect
import json
from pathlib import Path

import pytest
from torch import nn

from segbench.labels.space import numbered_labels
from segbench.models import MODELS
from segbench.models.facts import changed_arguments
from segbench.models.segmenter import Segmenter
from segbench.records.corruption_record import read_corruptions
from segbench.records.profile import is_profile, read_profile
from segbench.records.reading import CORRUPTED
from segbench.records.run_record import read_run

RECORDS = sorted((Path(__file__).parents[2] / "leaderboards").glob("*/records/*.json"))


def named(name: str, **arguments: object) -> Segmenter:
    return Segmenter(name, nn.Identity(), numbered_labels(2), arguments=arguments)


@pytest.mark.parametrize("name", MODELS.table)
def test_a_registered_network_at_its_defaults_has_no_changed_argument_and_one_of_another_width_has(name: str) -> None:
    parameters = inspect.signature(MODELS.resolve(name)).parameters.values()
    defaults = {p.name: p.default for p in parameters if p.kind is p.KEYWORD_ONLY}
    assert changed_arguments(named(name, **defaults)) == {}
    assert changed_arguments(named(name, **json.loads(json.dumps(defaults)))) == {}
    assert changed_arguments(named(name, **defaults | {"width": 0.03})) == {"width": 0.03}


def test_of_a_network_that_is_not_registered_every_argument_is_told() -> None:
    assert changed_arguments(named("mine", width=1.0)) == {"width": 1.0}


@pytest.mark.parametrize("path", RECORDS, ids=lambda path: path.name)
def test_a_committed_record_says_which_arguments_are_changed_and_is_written_as_it_is_read(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    data = json.loads(text)
    assert "changed" in (data if is_profile(data) else data["model"])
    corrupted = path.name.endswith(CORRUPTED)
    read = read_corruptions if corrupted else read_profile if is_profile(data) else read_run
    assert read(path).to_json() == text
