"""Predictions and targets that are written in another way than they are read: refused, with what they look like and the way out."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from segbench.datasets.base import Dataset
from segbench.errors import DataError
from segbench.labels.encodings import FOREIGN, id_of_byte, suspect_pred, suspect_target, to_ids
from segbench.labels.misreadings import misreading
from segbench.labels.space import LabelSpace
from segbench.scoring.pair_counting import Reading, byte_encoding


def refuse_suspects(raw: NDArray[np.int64], dataset: Dataset, encoding: Reading, target_encoding: Reading, problems: list[str]) -> None:
    """Say what the maps look like instead, from the counts of the whole set.

    :raises DataError: targets or predictions look like another encoding, and the reading was left to us.
    """
    labels = dataset.labels
    target_reading = suspect_target(labels, raw) if target_encoding == "auto" else None
    target_table = id_of_byte(labels, target_reading or byte_encoding(target_encoding))
    pred_reading = suspect_pred(labels, raw, target_table) if encoding == "auto" else None
    if target_reading is None and pred_reading is None:
        return
    suspects = {"targets": (target_reading, "--target-encoding"), "predictions": (pred_reading, "--encoding")}
    summary = "; ".join(f"these {role} look like {r.replace('-', ' ')}, not like label ids" for role, (r, _) in suspects.items() if r)
    options = " ".join(f"{option} {r}" for r, option in suspects.values() if r)
    raise DataError(summary, problems, f"score them with {options}, or insist on label ids with the same option and the value ids")


def refuse_misreading(
    raw: NDArray[np.int64], target_table: NDArray[np.int16], labels: LabelSpace, encoding: Reading, problems: list[str]
) -> None:
    """Say that the predicted bytes mean something else than label ids, from the counts of the whole set.

    :raises DataError: they seem to, and the reading was left to us.
    """
    known = np.where((target_table != FOREIGN)[:, None], raw, 0)
    if encoding != "auto" or (found := misreading(labels, to_ids(known.T, target_table).T)) is None:
        return
    raise DataError(
        f"these predictions do not look like label ids of {labels.name!r}: {found}",
        problems,
        "write label ids; or say in YAML which ids they are (--pred-labels FILE --map by-name); or insist on label ids with --encoding ids",
    )


def way_out_of(raw: NDArray[np.int64], labels: LabelSpace) -> str:
    """What to do about pairs that cannot be scored: something better than the usual where the counts show masks of 0 and 255."""
    way_out = "every target needs exactly one prediction of its own size, in the labels' ids"
    masks = [role for role, axis in (("targets", 1), ("predictions", 0)) if np.flatnonzero(raw.sum(axis=axis)).tolist() == [0, 255]]
    if not masks or 255 in labels.known_ids:
        return way_out
    described = "--labels" if masks != ["predictions"] else "--pred-labels, with --map by-name"
    return f"{way_out}; the {' and '.join(masks)} are masks of 0 and 255: say so with ids: [255] in the YAML of {described}"
