from __future__ import annotations

import errno
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner, Result

import segbench.benchmark.run_suite as command
from segbench.cli.main import main
from segbench.datasets.base import Dataset
from segbench.datasets.cityscapes import LABELS as CITY
from segbench.errors import RecordError
from segbench.evaluation.inference import Evaluated, evaluate
from segbench.evaluation.protocol import Protocol
from segbench.evaluation.resume import resumed, unfinished_file
from segbench.evaluation.run import Evaluation, Outcome, run
from segbench.models.segmenter import Segmenter
from segbench.models.weights import build, save
from segbench.records.partial import Journal, Task, read_partial, to_line
from segbench.records.run_record import read_run
from tests.tiny import LABELS, tiny, tiny_dataset


@pytest.fixture
def models() -> list[Segmenter]:
    torch.manual_seed(0)
    return [replace(tiny(LABELS, channels=channels), weights_sha256=str(channels)) for channels in (4, 8)]


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    return tiny_dataset(tmp_path / "data")


def evaluate_and_be_killed(models: list[Segmenter], dataset: Dataset, path: Path, images: int) -> None:
    """While what comes after so many images is being consumed."""
    with Journal(path, task(models, dataset)) as journal:
        for number, _ in enumerate(resumed(journal, dataset, lambda rest: evaluate(models, rest))):
            if number == images:
                raise KeyboardInterrupt


def task(models: list[Segmenter], dataset: Dataset, protocol: Protocol | None = None, **options: Any) -> Task:
    return Evaluation(models, dataset, protocol or Protocol(), options=options).task


def images_done(path: Path, models: list[Segmenter], dataset: Dataset) -> int:
    return len(read_partial(path, task(models, dataset)).rows)


def assert_same(some: list[Outcome], others: list[Outcome]) -> None:
    for one, other in zip(some, others, strict=True):
        assert one.counted.ids == other.counted.ids
        assert np.array_equal(one.counted.confusions, other.counted.confusions)
        assert one.record.dataset == other.record.dataset
        assert one.record.signature == other.record.signature


def test_other_code_behind_a_model_is_another_run(tmp_path: Path, dataset: Dataset) -> None:
    (tmp_path / "beside.py").write_text("WIDTH = 1\n")
    (tmp_path / "net.py").write_text(
        "from beside import WIDTH\nfrom tests.tiny import tiny\nfrom dataclasses import replace\n\n"
        "def net(labels):\n    return replace(tiny(labels, channels=WIDTH), weights_sha256='w')\n"
    )

    def key() -> Path | None:
        return unfinished_file(tmp_path, task([build(f"{tmp_path / 'net.py'}:net", LABELS)], dataset))

    before = key()
    assert before == key() is not None
    (tmp_path / "beside.py").write_text("WIDTH = 2\n")
    assert key() != before


@pytest.mark.parametrize("finished", [0, 1, 4])
def test_a_run_that_was_killed_goes_on_where_it_was_and_counts_the_same(
    tmp_path: Path, dataset: Dataset, models: list[Segmenter], finished: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "unfinished.jsonl"
    whole = run(models, dataset)
    with pytest.raises(KeyboardInterrupt):
        evaluate_and_be_killed(models, dataset, path, finished)
    assert images_done(path, models, dataset) == finished
    evaluated: list[int] = []

    def counting(segmenters: Any, samples: Dataset, **options: Any) -> Iterator[Evaluated]:
        evaluated.append(len(samples))
        return evaluate(segmenters, samples, **options)

    monkeypatch.setattr("segbench.evaluation.run.evaluate", counting)
    assert_same(run(models, dataset, unfinished=path), whole)
    assert evaluated == [len(dataset) - finished]
    assert images_done(path, models, dataset) == len(dataset)
    assert_same(run(models, dataset, unfinished=path), whole)


def test_a_run_that_tells_regions_apart_goes_on_too(tmp_path: Path, dataset: Dataset, models: list[Segmenter]) -> None:
    path, cells = tmp_path / "unfinished.jsonl", replace(dataset, segments="spot")
    whole = run(models, cells)
    with pytest.raises(KeyboardInterrupt):
        evaluate_and_be_killed(models, cells, path, 2)
    again = run(models, cells, unfinished=path)
    assert_same(again, whole)
    for one, other in zip(again, whole, strict=True):
        assert one.record.segments is not None
        assert one.record.segments == other.record.segments


def test_a_line_that_was_being_written_is_counted_again(tmp_path: Path, dataset: Dataset, models: list[Segmenter]) -> None:
    path = tmp_path / "unfinished.jsonl"
    whole = run(models, dataset, unfinished=path)
    content = path.read_bytes()
    path.write_bytes(content[:-9])
    assert images_done(path, models, dataset) == len(dataset) - 1
    assert_same(run(models, dataset, unfinished=path), whole)
    assert path.read_bytes() == content


def test_a_killed_run_of_the_first_images_goes_on_too(tmp_path: Path, dataset: Dataset, models: list[Segmenter]) -> None:
    path = tmp_path / "unfinished.jsonl"
    with pytest.raises(KeyboardInterrupt):
        evaluate_and_be_killed(models, dataset.first(3), path, 2)
    assert_same(run(models, dataset.first(3), unfinished=path), run(models, dataset.first(3)))


def test_images_in_another_order_are_not_taken_for_each_other(tmp_path: Path, dataset: Dataset, models: list[Segmenter]) -> None:
    path = tmp_path / "unfinished.jsonl"
    run(models, dataset, unfinished=path)
    turned = replace(dataset, samples=dataset.samples[::-1])
    assert_same(run(models, turned, unfinished=path), run(models, turned))


@pytest.mark.parametrize("spoil", [b"x", b"", b"9", b"\n"], ids=["a letter", "a byte lost", "a digit", "a line broken"])
@pytest.mark.parametrize("line", [0, 1, 3])
def test_a_damaged_line_costs_its_image_alone(
    tmp_path: Path, dataset: Dataset, models: list[Segmenter], line: int, spoil: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "unfinished.jsonl"
    whole = run(models, dataset, unfinished=path)
    content = path.read_bytes()
    lines = content.splitlines(keepends=True)
    at = sum(map(len, lines[:line])) + len(lines[line]) * 2 // 3
    path.write_bytes(content[:at] + spoil + content[at + 1 :])
    evaluated: list[str] = []

    def counting(segmenters: Any, samples: Dataset, **options: Any) -> Iterator[Evaluated]:
        evaluated.extend(sample.id for sample in samples.samples)
        return evaluate(segmenters, samples, **options)

    monkeypatch.setattr("segbench.evaluation.run.evaluate", counting)
    assert_same(run(models, dataset, unfinished=path), whole)
    assert evaluated == ([dataset.samples[line - 1].id] if line else [])
    assert images_done(path, models, dataset) == len(dataset)
    assert sorted(path.read_bytes().splitlines()) == sorted(content.splitlines())


def test_only_the_same_run_finds_what_was_counted(tmp_path: Path, dataset: Dataset, models: list[Segmenter]) -> None:
    def file(models: list[Segmenter] = models, dataset: Dataset = dataset, protocol: Protocol | None = None, **how: Any) -> Path | None:
        return unfinished_file(tmp_path, task(models, dataset, protocol, **how))

    first = file()
    assert first is not None
    assert file() == first
    others = [
        file(models[:1]),
        file([replace(models[0], weights_sha256="other"), models[1]]),
        file(dataset=replace(dataset, samples=dataset.samples[:3])),
        file(protocol=Protocol(flip=True)),
        file(save_predictions=True),
    ]
    target = dataset.samples[0].target
    assert isinstance(target, Path)
    target.write_bytes(target.read_bytes() + b" ")
    assert len({first, file(), *others}) == 7


def test_what_cannot_be_recognised_again_is_not_kept(tmp_path: Path, dataset: Dataset, models: list[Segmenter]) -> None:
    nameless = [replace(models[0], weights_sha256=None, network=torch.nn.Identity())]
    assert unfinished_file(tmp_path, task(nameless, dataset)) is None
    without = replace(dataset, samples=(replace(dataset.samples[0], image=None),))
    assert unfinished_file(tmp_path, task(models, without)) is None


def test_weights_without_a_file_are_told_apart_by_what_they_are(tmp_path: Path, dataset: Dataset, models: list[Segmenter]) -> None:
    nameless = [replace(models[0], weights_sha256=None)]
    before = unfinished_file(tmp_path, task(nameless, dataset))
    assert before == unfinished_file(tmp_path, task(nameless, dataset)) is not None
    with torch.no_grad():
        next(models[0].network.parameters())[0] += 1
    assert unfinished_file(tmp_path, task(nameless, dataset)) != before


def test_a_journal_of_another_task_is_refused_by_name(tmp_path: Path, dataset: Dataset, models: list[Segmenter]) -> None:
    path = tmp_path / "notes.jsonl"
    path.write_text("something else")
    with pytest.raises(RecordError, match=r"notes.jsonl: not a partial of segbench, or its first line is damaged"):
        read_partial(path)
    with pytest.raises(RecordError, match="there is no such partial"):
        read_partial(tmp_path / "absent.jsonl")
    path.write_bytes(to_line({"schema": "segbench.partial/1", "facts": []}))
    with pytest.raises(RecordError, match="does not fit together"):
        read_partial(path)


def test_a_full_disk_at_the_end_of_a_run_costs_nothing(small_minicity: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    weights, out = tmp_path / "w.safetensors", tmp_path / "out"
    save(weights, build("segnet", CITY, width=0.03), trained_on={"dataset": "none"}, recipe={})

    def segbench() -> Result:
        words = ("run", "--models", "segnet", "--dataset", "cityscapes", "--data", small_minicity, "--weights", f"segnet={weights}")
        arguments = [str(word) for word in (*words, "--repeats", 0, "--out", out)]
        return CliRunner().invoke(main, arguments, catch_exceptions=False)

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(command, "write_board", full)  # the last of what is written
        refused = segbench()
    assert refused.exit_code == 2
    assert "No space left on device" in refused.stderr
    (unfinished,) = out.glob("unfinished-*.jsonl")
    result = segbench()
    assert result.exit_code == 0, result.output
    assert f"continuing after 4 of 4 images that were evaluated before; to begin again, remove {unfinished}" in result.stderr
    assert not unfinished.exists()
    again = segbench()
    assert "continuing" not in again.stderr
    assert read_run(out / "records" / "segnet.json").dataset["images"] == 4
