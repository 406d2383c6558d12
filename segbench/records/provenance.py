"""What a network has seen in training, from what its weights file says: the ``trained_on`` of a record, back to the first round."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

UNKNOWN = "unknown"


def training_sets(trained_on: Mapping[str, Any] | None) -> tuple[str, ...]:
    """Every data set with its split, in words, the last one first; ``unknown`` for a round of which nothing is said."""
    return tuple(dict.fromkeys(_rounds(trained_on)))


def extra_data(trained_on: Mapping[str, Any] | None, dataset: str) -> str:
    """What was seen beside ``dataset``, in words: ``none``, or the names, or ``unknown``."""
    others = [each for each in training_sets(trained_on) if not is_of(each, dataset)]
    return UNKNOWN if UNKNOWN in others else "; ".join(others) or "none"


def is_of(training_set: str, dataset: str) -> bool:
    """Whether the words name that dataset, and no other one beside it: ``Cityscapes fine, train`` is of ``cityscapes``."""
    first, *others = training_set.replace(",", " ").split()
    return first.casefold() == dataset.casefold() and "or" not in others and "and" not in others


def _rounds(trained_on: Mapping[str, Any] | None) -> Iterator[str]:
    if not trained_on or not trained_on.get("dataset"):
        yield UNKNOWN
        return
    yield f"{trained_on['dataset']} {trained_on.get('split') or ''}".strip()
    if trained_on.get("continued_from"):
        yield from _rounds(trained_on["continued_from"])
