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
    """An array of what was counted in every image: the ``statistic`` that reads it, and how it is taken ``of`` one image, or of a sum.

    ``called``: what it is in words (``the trimap counts``); empty where what images have does not add up to what a record has.
    ``together``: whether the numbers of one image depend on the others that were counted.
    """

    statistic: Statistic
    of: Callable[[Any], NDArray[Any]]
    called: str = ""
    together: bool = False


@dataclass(frozen=True)
class Extra:
    """A kind of what is counted beside pairs.

    ``title``: what it is in words, if it needs both maps whole, and ``flag`` the option that asks for it. ``setting``: the attribute that
    says how it was counted. ``arrays`` by their name in the file of every image, the first of which depends on the setting; or a
    ``family`` of arrays, whose names say the setting. ``write`` makes plain data of an image and ``read`` reads it, of so many classes,
    raising KeyError, TypeError, ValueError or IndexError; ``tell`` is what a record says of the sum, which ``read`` reads too.
    ``scores`` are those in records. ``stack`` makes the arrays of images that say only together how they are counted.
    """

    total: Callable[[Sequence[Any]], Any]
    write: Callable[[Any], Any]
    read: Callable[[Any, int], Any]
    arrays: Mapping[str, Array]
    tell: Callable[[Any], Any]
    scores: Callable[[ConfusionMatrix, Any], Found]
    family: Callable[[Any], Mapping[str, Array]] | None = None
    stack: Callable[[Sequence[Any]], dict[str, NDArray[Any]]] | None = None
    title: str = ""
    flag: str = ""
    setting: str = ""

    def option(self, value: Any) -> Any:
        """What asks for it as it was counted: its setting, or yes."""
        return getattr(value, self.setting) if self.setting else True

    def arrays_of(self, value: Any) -> Mapping[str, Array]:
        """The arrays of what was counted."""
        return self.family(value) if self.family else self.arrays

    def of_parts(self, value: Any) -> bool:
        """Whether some of the images give numbers that all of them would give."""
        return not all(array.together for array in self.arrays_of(value).values())

    def stacked(self, parts: Sequence[Any]) -> dict[str, NDArray[Any]]:
        """The arrays of one or more images."""
        if self.stack:
            return self.stack(parts)
        return {name: np.stack([array.of(part) for part in parts]) for name, array in self.arrays_of(parts[0]).items()}


def summed(of: type[Summed], arrays: Mapping[str, Array], scores: Callable[[ConfusionMatrix, Any], Found], **more: Any) -> Any:
    """The field of a kind that is :class:`Summed`; the rest as in :class:`Extra`."""
    functions: dict[str, Any] = {"total": of.total, "write": of.to_dict, "read": of.from_dict, "tell": of.to_dict}
    return kind(Extra(arrays=arrays, scores=scores, **functions | more))


def kind(extra: Extra) -> Any:
    """The field of a kind, ``None`` unless it is counted."""
    return field(default=None, metadata={"extra": extra})
