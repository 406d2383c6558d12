"""The table of what is counted beside pairs: what one entry makes of a kind, everywhere."""

from __future__ import annotations

import json

import numpy as np
import pytest

from segbench.files.json_text import dump_json
from segbench.metrics.counting import COUNTERS
from segbench.metrics.extras import EXTRAS, STATISTICS, Extras, counted_unlike, scores_told
from segbench.metrics.image_counts import Counted, Counting, ImageCounts
from segbench.records.schema import run_schema
from tests.metrics.test_image_counts import COUNTING, images

COUNTED = [name for name in EXTRAS if name in COUNTERS]


@pytest.fixture(scope="module")
def counted() -> Counted:
    return Counted.of(COUNTING, images(3, 4))


@pytest.mark.parametrize("name", COUNTED)
def test_a_kind_is_summed_told_and_read_by_its_entry(name: str, counted: Counted) -> None:
    extra, total, classes = EXTRAS[name], getattr(counted.total, name), len(counted.labels.classes)
    told = json.loads(dump_json(extra.tell(total)))
    assert json.loads(dump_json(extra.tell(extra.read(told, classes)))) == told
    for image in counted.extras[name]:
        assert ImageCounts.from_dict({"pairs": [], name: extra.write(image)}, classes).to_dict()[name] == extra.write(image)
    for array in extra.arrays_of(total):
        assert counted.per_image.beside[array].shape == (4, *STATISTICS[array].shape(classes))
    recorded = {score for array in extra.arrays_of(total) for score in STATISTICS[array].names}
    found = scores_told(counted.confusion, Extras(**{name: total}))
    assert set(found) == recorded


@pytest.mark.parametrize("name", list(EXTRAS))
def test_every_kind_is_in_the_schema_of_records_and_in_facts_of_a_count(name: str) -> None:
    assert name in run_schema()["properties"]
    again = Counting.from_dict(json.loads(json.dumps(COUNTING.to_dict())))
    assert getattr(again, name) == getattr(COUNTING, name)


def test_kinds_of_two_settings_are_not_compared(counted: Counted) -> None:
    assert counted.total.errors is not None
    other = Extras(errors=type(counted.total.errors)(np.zeros((19, 5, 2), np.int64), 7, np.zeros((19, 3, 4), np.int64)))
    assert counted_unlike([counted.total, other]) == ["errors"]
    assert counted_unlike([counted.total, counted.total, Extras()]) == []
