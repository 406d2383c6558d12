"""What the entry of a kind says of what is counted in an image beside pairs (:mod:`segbench.metrics.extras` holds the entries)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from segbench.metrics.confusion import ConfusionMatrix
from segbench.metrics.statistic import Statistic

Found = dict[str, Any]
"""Scores by name: a float, or float64[C] of classes."""


class Summed(Protocol):
    """What is counted in one image, and the same of many: whole numbers, or sums that are added in the order of the images."""

    @classmethod
    def total(cls, parts: Sequence[Any]) -> Self:
        """The sum of one or more images."""

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""

    @classmethod
    def from_dict(cls, data: Mapping[str, Any], classes: int) -> Self:
        """What :meth:`to_dict` gave; raises what :class:`Extra` says."""


@dataclass(frozen=True)
class Array:
    """An array of what was counted in every image: the ``statistic`` that reads it, and the ``attribute`` of a kind that it stacks.

    ``called``: what it is in words, with what it does where it does not fit (``the trimap counts do not add up``).
    """

    statistic: Statistic
    attribute: str = ""
    called: str = ""


@dataclass(frozen=True)
class Extra:
    """A kind of what is counted beside pairs.

    ``title``: what it is in words, if it needs both maps whole, and ``flag`` the option that asks for it. ``setting``: the attribute that
    must be equal for two of the kind to be compared, and ``arrays`` by their name in the file of every image, the first of which depends
    on it. ``write`` makes plain data of an image and ``read`` reads it, of so many classes, raising KeyError, TypeError, ValueError or
    IndexError; ``tell`` is what a record says of the sum, which ``read`` reads too. ``scores`` are those in records.
    """

    total: Callable[[Sequence[Any]], Any]
    write: Callable[[Any], Any]
    read: Callable[[Any, int], Any]
    arrays: Mapping[str, Array]
    tell: Callable[[Any], Any]
    scores: Callable[[ConfusionMatrix, Any], Found]
    stacked: Callable[[Sequence[Any]], dict[str, NDArray[Any]]]
    title: str = ""
    flag: str = ""
    setting: str = ""

    def option(self, value: Any) -> Any:
        """What asks for it as it was counted: its setting, or yes."""
        return getattr(value, self.setting) if self.setting else True


def summed(of: type[Summed], arrays: Mapping[str, Array], scores: Callable[[ConfusionMatrix, Any], Found], **more: Any) -> Any:
    """The field of a kind that is :class:`Summed`; the rest as in :class:`Extra`."""

    def stacked(parts: Sequence[Any]) -> dict[str, NDArray[Any]]:
        return {name: np.stack([getattr(part, array.attribute) for part in parts]) for name, array in arrays.items()}

    return kind(Extra(of.total, of.to_dict, of.from_dict, arrays, of.to_dict, scores, stacked, **more))


def kind(extra: Extra) -> Any:
    """The field of a kind, ``None`` unless it is counted."""
    return field(default=None, metadata={"extra": extra})
