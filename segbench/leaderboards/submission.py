"""Adding a record to a board: it is held against the board's rules, and either copied in or refused with every reason why."""

from __future__ import annotations

import json
import math
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segbench.errors import DataError, RecordError
from segbench.files.atomic import alone_in, replacing
from segbench.files.json_text import dump_json
from segbench.files.text import read_text
from segbench.leaderboards.board import Board, is_board, read_board
from segbench.leaderboards.rules import Rules
from segbench.metrics.per_image import totals
from segbench.metrics.scores import METRICS_VERSION
from segbench.records.per_image import images_file, read_per_image
from segbench.records.provenance import UNKNOWN, is_of, training_sets
from segbench.records.reading import CORRUPTED, PROFILED
from segbench.records.run_record import RunRecord, read_run, scores_dict


def submit(path: Path, folder: Path) -> list[Path]:
    """Copy a record, with its matrices, its profile and its corruptions, into a board's ``records``, and return what was written.

    Of two processes that add to one board at once, the second waits for the first and is held against what that added.

    :raises RecordError: naming every rule that it breaks; nothing is written then.
    :raises DataError: the folder is no board, or holds several.
    """
    if not is_board(folder):
        raise DataError(
            f"{folder} is no board", way_out="a board has records/ or board.yaml; name the board itself, not the folder of boards"
        )
    with alone_in(folder):
        board = read_board(folder)
        record = read_run(path)
        broken = [*_of_file(path, record), *_of_rules(record, board.rules), *_of_matrices(path, record), *_of_neighbours(record, board)]
        if broken:
            raise RecordError("\n  ".join([f"{path} does not keep to the rules of {folder}:", *broken]))
        copies = _copies(path, record, folder / "records")
        for copy, file in reversed(copies.items()):  # the record last, for it is what readers see
            with replacing(copy) as partial:
                shutil.copyfile(file, partial)
    return list(copies)


def _copies(path: Path, record: RunRecord, folder: Path) -> dict[Path, Path]:
    """What is written, and of which file it is a copy.

    :raises RecordError: there is a record or a profile of this name. Matrices without their record are what a killed process left.
    """
    stem = path.stem
    if (folder / path.name).exists():
        stem += f"-{record.model['weights_sha256'][:8]}"
    beside = {ending: path.with_suffix(ending) for ending in (PROFILED, CORRUPTED)}
    files = {".json": path, ".npz": images_file(path), **beside}
    copies = {folder / (stem + suffix): file for suffix, file in files.items() if file.is_file()}
    taken = [copy for copy, file in copies.items() if copy.suffix != ".npz" and copy.exists() and copy.read_bytes() != file.read_bytes()]
    if (folder / f"{stem}.json").exists() or taken:
        raise RecordError(f"{', '.join(map(str, taken)) or folder / f'{stem}.json'}: there already; rename {path.name}")
    return copies


def contradictions(path: Path, record: RunRecord) -> Iterator[str]:
    """In what a record is not what its own integers give; the matrices of its images are looked at where they are beside it."""
    yield from _of_file(path, record)
    if images_file(path).is_file():
        yield from _of_matrices(path, record)


def _of_file(path: Path, record: RunRecord) -> Iterator[str]:
    """Whether the courtesies of a record, its scores and its signature, are those of its integers."""
    written: dict[str, Any] = json.loads(read_text(path))
    scores, expected = written.get("scores") or {}, json.loads(dump_json(scores_dict(record)))
    if (version := scores.get("metrics_version")) != METRICS_VERSION:
        yield f"its scores are of metrics version {version}, and this is version {METRICS_VERSION}: run it again"
    elif wrong := [name for name, value in expected.items() if not _close(scores.get(name), value)]:
        yield f"the scores that are written in it are not those of its integers: {', '.join(wrong)}"
    if written.get("signature") != record.signature:
        yield f"its signature is not that of its facts, which is {record.signature}"
    if not record.command:
        yield "it does not say which command made it"


def _of_rules(record: RunRecord, rules: Rules) -> Iterator[str]:
    if not record.confusion.counts.any():
        yield "no pixel of a class was evaluated, so it has no mIoU to be compared by"
    if rules.closed:
        yield f"this board takes no records: {rules.closed}"
    data = record.dataset
    facts = {"dataset": data.get("name"), "split": data.get("split"), "images": data.get("images"), "labels": record.labels.name}
    facts |= {"targets_sha256": data.get("targets_sha256")}
    for name, found in facts.items():
        if (wanted := getattr(rules, name)) is not None and found != wanted:
            yield f"{name} is {found}, the board's is {wanted}"
    if (of := data.get("of", data["images"])) != data["images"]:
        yield f"only {data['images']} of {of} images were evaluated"
    for name, wanted in rules.protocol.items():
        if (found := record.protocol.get(name)) != wanted:
            yield f"protocol {name} is {found}, the board's is {wanted}"
    if not re.fullmatch(r"[0-9a-f]{64}", str(record.model.get("weights_sha256"))):
        yield "it does not say which weights these were (weights_sha256)"
    yield from _of_training(record, rules)


def _of_training(record: RunRecord, rules: Rules) -> Iterator[str]:
    name, split = str(record.dataset["name"]), str(record.dataset["split"])
    for each in training_sets(record.model.get("trained_on")):
        if each == UNKNOWN:
            yield "it does not say what the model was trained on (model.trained_on.dataset)"
        elif is_of(each, name) and re.search(rf"\b{re.escape(split)}\b", each):
            yield f"the model was trained on {each}, which it is evaluated on"
        elif rules.data == "dataset" and not is_of(each, name):
            yield f"the model was trained on {each} too, and this board allows {name} alone"


def _of_matrices(path: Path, record: RunRecord) -> Iterator[str]:
    file = images_file(path)
    try:
        ids, counted = read_per_image(file)
    except RecordError as error:
        yield str(error)
        return
    if len(set(ids)) != len(ids) or len(ids) != record.dataset["images"]:
        yield f"{file.name} holds {len(set(ids))} different images, the record says {record.dataset['images']}"
    if not counted.matrices.total().equals(record.confusion.cells):
        yield f"the matrices of {file.name} do not add up to the confusion of the record"
        return
    for extra, total in record.counted.values():
        for name, array in extra.arrays_of(total).items():
            there = name in counted.beside
            if array.called and not (there and _same(counted.beside[name].sum(axis=0), array.of(total))):
                yield f"{array.called} of {file.name} do not add up to those of the record"
    if record.iiou and "instances" not in counted.beside:
        yield f"{file.name} has no counts of instances, and the record has iIoU"
    elif record.iiou:
        iiou = [record.iiou.get(name, math.nan) for name in record.labels.class_names]
        if not np.allclose(totals(record.labels, counted)["class_iiou"], iiou, rtol=0, atol=1e-9, equal_nan=True):
            yield f"the instances of {file.name} do not give the iIoU of the record"


def _same(sums: NDArray[Any], total: NDArray[Any]) -> bool:
    """Whether sums are those of a record: whole numbers to the last, others but for the order in which they are added."""
    return np.array_equal(sums, total) if sums.dtype == np.int64 else np.allclose(sums, total, rtol=1e-9)


def _of_neighbours(record: RunRecord, board: Board) -> Iterator[str]:
    """Whether it is of the same targets and classes as what is on the board, and not there already."""
    for each in board.measured:
        other, name = each.record, each.path.name
        same_data = [record.dataset.get(key) == other.dataset.get(key) for key in ("name", "split", "images")]
        if all(same_data) and record.dataset["targets_sha256"] != other.dataset["targets_sha256"]:
            yield f"its targets are not those of {name}: other labels, another encoding or other images"
        if record.labels.name == other.labels.name and record.labels != other.labels:
            yield f"its label space {record.labels.name!r} is not that of {name}"
        weights = record.model.get("weights_sha256")
        if weights and weights == other.model.get("weights_sha256") and record.signature == other.signature:
            yield f"these weights under this protocol are there already: {name}"


def _close(found: Any, expected: Any) -> bool:
    if isinstance(expected, dict):
        return isinstance(found, dict) and found.keys() == expected.keys() and all(_close(found[key], expected[key]) for key in expected)
    if isinstance(expected, float) and isinstance(found, int | float):
        return abs(found - expected) <= 1e-9
    return bool(found == expected)
