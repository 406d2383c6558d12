"""Detects label maps that are written in another encoding than they are read in, and refuses to score them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from segbench.errors import DataError
from segbench.labels.decoding import Decoding
from segbench.labels.encodings import id_of_byte, suspect_pred, suspect_target
from segbench.labels.misreadings import misreading
from segbench.labels.space import LabelSpace
from segbench.metrics.image_counts import Counted

WAY_OUT = "every target needs exactly one prediction of its own size, in the labels' ids"


def refuse_suspects(raw: NDArray[np.int64], decoding: Decoding, problems: list[str]) -> None:
    """Say what the maps look like instead, from the counts of the whole set.

    :param raw: int64[256, 256] over bytes.
    :raises DataError: targets or predictions look like another encoding, and nobody said which they are in.
    """
    labels = decoding.target_labels
    targets = suspect_target(labels, raw) if decoding.guesses_targets else None
    target_ids = id_of_byte(labels, targets or decoding.target_encoding)
    preds = suspect_pred(labels, raw, target_ids) if decoding.guesses_preds else None
    if targets is None and preds is None:
        return
    suspects = {"targets": (targets, "--target-encoding"), "predictions": (preds, "--encoding")}
    summary = "; ".join(f"these {role} look like {e.replace('-', ' ')}, not like label ids" for role, (e, _) in suspects.items() if e)
    options = " ".join(f"{option} {e}" for e, option in suspects.values() if e)
    raise DataError(summary, problems, f"score them with {options}; if they are label ids after all, give the same option the value ids")


def refuse_misreading(counted: Counted) -> None:
    """Say that the predicted values mean something else than label ids, from the counts of the whole set.

    :raises DataError: they seem to, and nobody said that they are label ids.
    """
    decoding, labels = counted.counting.decoding, counted.labels
    if not decoding.guesses_preds:
        return
    cells, pixels = counted.total_cells()
    targets, preds = decoding.target_index[cells // decoding.levels], cells % decoding.levels
    if (other := misreading(labels, targets, preds, pixels)) is None:
        return
    raise DataError(
        f"these predictions do not look like label ids of {labels.name!r}: {other}",
        counted.problems,
        "write label ids; or say in YAML which ids they are (--pred-labels FILE --map by-name); if they are label ids, give --encoding ids",
    )


def way_out_of(raw: NDArray[np.int64], labels: LabelSpace) -> str:
    """What to do about pairs that cannot be scored: something better than the usual where the counts show masks of 0 and 255."""
    masks = [role for role, axis in (("targets", 1), ("predictions", 0)) if np.flatnonzero(raw.sum(axis=axis)).tolist() == [0, 255]]
    if not masks or 255 in labels.known_ids:
        return WAY_OUT
    described = "--labels" if masks != ["predictions"] else "--pred-labels, with --map by-name"
    return f"{WAY_OUT}; the {' and '.join(masks)} are masks of 0 and 255: say so with ids: [255] in the YAML of {described}"
