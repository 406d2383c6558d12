"""Some pairs of a dataset: the first, those of a list, those that are predicted, or that of one file."""

from __future__ import annotations

import re
from pathlib import Path, PurePath

from segbench.datasets.base import Dataset
from segbench.errors import DataError
from segbench.files.names import bare, composed
from segbench.files.remote import FILES
from segbench.files.text import read_text
from segbench.scoring.pairing import NO_PREDICTION, pair_predictions

PREDICTED = "predicted"


def select(dataset: Dataset, preds: Path, *, names: str | None = None, limit: int | None = None, only: str | None = None) -> Dataset:
    """The dataset with the samples that are to be scored; records say that it is a part.

    :param preds: of a single file, its sample alone.
    :param names: a pattern of the predictions' names.
    :param limit: only the first.
    :param only: ``predicted``, or a file with a name in each line: ids, or files of targets or of predictions.
    :raises DataError: the list cannot be read, or names what there is not.
    """
    if only is not None and only != PREDICTED:
        dataset = dataset.only(_listed(Path(only), dataset), f"those of {Path(only).name}")
    dataset = dataset.first(limit)
    if only != PREDICTED and not preds.is_file():
        return dataset
    pairing = pair_predictions(preds, dataset, names)
    if preds.is_file():
        (pair,) = pairing.pairs
        return dataset if len(dataset) == 1 else dataset.only({pair[0].id}, f"that of {preds.name}")
    predicted = {sample.id for sample in dataset.samples if pairing.unpaired.get(sample.id) != NO_PREDICTION}
    if not predicted:
        raise DataError(f"{preds}: no target has a prediction here", way_out=pairing.way_out)
    return dataset.only(predicted, "those that are predicted")


def _listed(path: Path, dataset: Dataset) -> set[str]:
    """The ids of the samples that a list names.

    :raises DataError: it is missing or empty, or names are nobody's or several samples'; all are named.
    """
    try:
        lines = [line.strip() for line in read_text(path).splitlines()]
    except OSError as error:
        way_out = f"--only takes a file with a name in each line, or the word {PREDICTED}"
        raise DataError(f"{path}: this list cannot be read ({error.strerror})", way_out=way_out) from None
    names = [line for line in lines if line and not line.startswith("#")]
    if not names:
        raise DataError(f"{path}: the list is empty", way_out="write a name in each line")
    ids = {composed(sample.id): sample.id for sample in dataset.samples}
    by_stem: dict[str, list[str]] = {}
    for sample in dataset.samples:
        target = {bare(sample.target.name)} if isinstance(sample.target, FILES) else set()
        for stem in {bare(PurePath(sample.id).name), *target}:
            by_stem.setdefault(stem, []).append(sample.id)
    chosen, problems = set(), []
    for number, name in enumerate(names, 1):
        first = re.split(r"[;,\t]", name)[0].strip().strip('"')
        found = _found(name, ids, by_stem, dataset) or _found(first, ids, by_stem, dataset)
        if len(found) == 1:
            chosen |= set(found)
        else:
            problems.append(f"{name} (name {number}): {f'{len(found)} samples are called so' if found else 'no sample is called so'}")
    if problems:
        example = dataset.samples[0].id if dataset.samples else ""
        way_out = f"a name is a sample's, such as {example}, or that of its target or prediction"
        raise DataError(f"{path}: {len(problems)} of {len(names)} names fit no sample of {dataset.title}", problems, way_out)
    return chosen


def _found(name: str, ids: dict[str, str], by_stem: dict[str, list[str]], dataset: Dataset) -> list[str]:
    whole = composed(PurePath(name).as_posix())
    if "\\" in whole and bare(PurePath(whole).name) not in by_stem:
        whole = whole.replace("\\", "/")  # as Windows writes it
    for form in (whole, whole.rpartition(".")[0], str(PurePath(whole).with_name(bare(PurePath(whole).name))) if whole.strip("/.") else ""):
        if form in ids:
            return [ids[form]]
    stem = bare(PurePath(whole).name)
    if stem in by_stem or not dataset.prefix_pairing:
        return by_stem.get(stem, [])
    return [i for i in ids.values() if stem.startswith(i) and not stem[len(i) : len(i) + 1].isalnum()]
