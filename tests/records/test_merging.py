"""Any split into partials merges to the record of the whole; what is missing, twice or foreign is refused by name."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from segbench.datasets.base import Dataset, Sample
from segbench.errors import RecordError
from segbench.labels.decoding import Decoding
from segbench.labels.mapping import MappingRule
from segbench.labels.space import LabelClass, LabelSpace
from segbench.metrics.counting import count_maps
from segbench.metrics.image_counts import Counted, Counting, ImageCounts
from segbench.metrics.instance_iou import InstanceRule
from segbench.records.merging import Merged, counting_facts, dataset_facts, merge
from segbench.records.partial import End, Journal, Task, read_partial
from segbench.records.run_record import RunRecord
from segbench.records.shard import Shard
from tests.tiny import LABELS

IMAGES = 7
WHOLE = dataclasses.replace(LABELS, classes=tuple(dataclasses.replace(each, has_instances=True) for each in LABELS.classes))
DATASET = Dataset("tiny", "val", WHOLE, tuple(Sample(f"s{at}", None, Path(f"s{at}")) for at in range(IMAGES)), Path(), whole=9)
RULE = InstanceRule(1000, {"left": 10.0, "right": 20.0, "spot": 4.0})


def counted_images(counting: Counting) -> list[ImageCounts]:
    rng = np.random.default_rng(5)
    images = []
    for _ in range(IMAGES):
        target = rng.choice(np.array([0, 5, 7, 9], np.uint8), (12, 9))
        pred = np.where(rng.random(target.shape) < 0.7, target, 5).astype(np.uint8)
        instances = target.astype(np.uint16) * 1000 + 1 if counting.instances else None
        images.append(count_maps(counting, target, pred, instances))
    return images


def task_of(counting: Counting, *, explain: bool = False, **more: Any) -> Task:
    models = [{"name": "preds", "protocol": {"source": "label maps"}, "counting": counting.to_dict()}]
    facts = {
        **counting_facts("score"),
        "explain": explain,
        "dataset": dataset_facts(DATASET),
        "models": models,
        "command": "c",
        "groups": None,
    }
    return Task(facts | more, tuple(sample.id for sample in DATASET.samples), "here")


COUNTING = Counting(Decoding.of_files(WHOLE), boundary=0.02, instances=RULE, segments="spot")
IMAGE_COUNTS = counted_images(COUNTING)
MODEL = {"name": "preds", "arguments": {"width": (1, 2)}, "params": float("nan")}


def write(path: Path, task: Task, at: list[int], shard: Shard | None = None) -> Path:
    with Journal(path, task, shard or Shard()) as journal:
        for each in at:
            journal.add(task.images[each], [IMAGE_COUNTS[each]])
        journal.add_end(End([MODEL]))
    return path


def record_of(merged: Merged) -> str:
    record = merged.record(0, merged.counted(0))
    return dataclasses.replace(record, environment={}).to_json()


def expected() -> str:
    counted = Counted.of(COUNTING, zip((sample.id for sample in DATASET.samples), IMAGE_COUNTS, strict=True))
    record = RunRecord.of(counted, DATASET, model=MODEL, protocol={"source": "label maps"}, command="c")
    return dataclasses.replace(record, environment={}).to_json()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=20)
@given(parts=st.lists(st.integers(0, 4), min_size=IMAGES, max_size=IMAGES), order=st.permutations(range(IMAGES)))
def test_any_split_in_any_order_gives_the_record_of_the_whole(
    parts: list[int], order: list[int], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder, task = tmp_path_factory.mktemp("parts"), task_of(COUNTING)
    files = [write(folder / f"{part}.jsonl", task, [at for at in order if parts[at] == part]) for part in sorted(set(parts))]
    assert record_of(merge([read_partial(file) for file in files])) == expected()


def test_the_record_has_all_that_was_counted() -> None:
    record = json.loads(expected())
    assert record["iiou"]
    assert record["boundary"]
    assert record["segments"]
    assert record["dataset"]["of"] == 9


@pytest.mark.parametrize("of", [1, 2, 3, 9])
def test_shards_are_a_partition(of: int) -> None:
    items = list(range(IMAGES))
    assert sorted(item for index in range(of) for item in Shard(index, of).take(items)) == items


@pytest.mark.parametrize("text", ["0/3", "4/3", "1/0", "1", "a/b", "1/3/4", "-1/3", "²/3", ""])
def test_what_is_no_shard_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not I/N with 1 <= I <= N"):
        Shard.parse(text)
    assert str(Shard.parse("2/3")) == "2/3"


def test_missing_images_are_named_with_their_shard(tmp_path: Path) -> None:
    task = task_of(COUNTING)
    files = [write(tmp_path / f"{n}.jsonl", task, list(range(n, IMAGES, 3)), Shard(n, 3)) for n in (0, 2)]
    with pytest.raises(RecordError) as refused:
        merge([read_partial(file) for file in files])
    assert "2 partials are not 7 images, each once:\n  s1: missing\n  s4: missing\n  the shards 2/3" in str(refused.value)


def test_images_that_are_there_twice_are_named_with_their_files(tmp_path: Path) -> None:
    task = task_of(COUNTING)
    files = [write(tmp_path / "a.jsonl", task, [0, 1, 2, 3]), write(tmp_path / "b.jsonl", task, [3, 4, 5, 6])]
    with pytest.raises(RecordError, match=r"s3: twice, in .*a.jsonl and .*b.jsonl$"):
        merge([read_partial(file) for file in files])


def test_a_partial_of_another_task_is_named_with_its_images_and_what_differs(tmp_path: Path) -> None:
    files = [
        write(tmp_path / "a.jsonl", task_of(COUNTING), [0, 2, 4, 6]),
        write(tmp_path / "b.jsonl", task_of(COUNTING, sizes="1"), [1, 3, 5]),
    ]
    with pytest.raises(RecordError, match=r"b.jsonl: sizes is '1', not None; its images are s1, s3, s5"):
        merge([read_partial(file) for file in files])


def test_a_partial_whose_network_is_another_one_is_refused(tmp_path: Path) -> None:
    task = task_of(COUNTING)
    files = [write(tmp_path / "a.jsonl", task, [0, 2, 4, 6])]
    with Journal(tmp_path / "b.jsonl", task) as journal:
        for at in (1, 3, 5):
            journal.add(f"s{at}", [IMAGE_COUNTS[at]])
        journal.add_end(End([MODEL | {"params": 3}]))
    with pytest.raises(RecordError, match=r"b.jsonl: its network is another one: params is 3, not nan"):
        merge([read_partial(file) for file in [*files, tmp_path / "b.jsonl"]])


def test_a_partial_that_was_not_finished_is_refused(tmp_path: Path) -> None:
    with Journal(tmp_path / "a.jsonl", task_of(COUNTING)) as journal:
        for at in range(IMAGES):
            journal.add(f"s{at}", [IMAGE_COUNTS[at]])
    with pytest.raises(RecordError, match=r"a.jsonl: counted, but not finished; repeat its command"):
        merge([read_partial(tmp_path / "a.jsonl")])


def test_damaged_lines_are_said_where_images_are_missing(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", task_of(COUNTING), list(range(IMAGES)))
    path.write_bytes(path.read_bytes().replace(b'{"id": "s4"', b'{"id": "s5"'))
    with pytest.raises(RecordError, match=r"a.jsonl: 1 damaged lines\n  s4: missing"):
        merge([read_partial(path)])


def test_a_mapping_and_encodings_come_back_as_they_were() -> None:
    theirs = LabelSpace(
        "theirs", (LabelClass("Left", (1,), (0, 0, 0)), LabelClass("blob", (2,), (0, 0, 1)), LabelClass("sky", (3,), (0, 0, 2)))
    )
    rule = MappingRule("mine", classes={"spot": ("blob",)}, drop=("sky",), uncovered="void")
    for decoding in (
        Decoding.of_files(LABELS, encoding="train-ids", mapping=rule.between(theirs, LABELS)),
        Decoding.of_network(LABELS, rule.between(theirs, LABELS)),
        Decoding.of_network(LABELS),
    ):
        again = Decoding.from_dict(json.loads(json.dumps(decoding.to_dict())))
        assert again.to_dict() == decoding.to_dict()
        assert again.labels == decoding.labels
        assert np.array_equal(again.pred_index, decoding.pred_index)
        assert (again.mapping and again.mapping.signature) == (decoding.mapping and decoding.mapping.signature)
        assert (again.mapping and again.mapping.facts()) == (decoding.mapping and decoding.mapping.facts())
