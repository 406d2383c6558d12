"""A part of a list, by number: which images a process counts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

Item = TypeVar("Item")


@dataclass(frozen=True)
class Shard:
    """One of ``of`` parts of a list: the item at ``index`` (from 0), and every ``of``-th behind it."""

    index: int = 0
    of: int = 1

    @classmethod
    def parse(cls, text: str) -> Shard:
        """Read ``I/N``, counted from 1.

        :raises ValueError: it is something else.
        """
        first, slash, last = text.partition("/")
        if not (slash and first.isascii() and first.isdigit() and last.isascii() and last.isdigit() and 1 <= int(first) <= int(last)):
            raise ValueError(f"{text!r} is not I/N with 1 <= I <= N, such as 1/4")
        return cls(int(first) - 1, int(last))

    def __str__(self) -> str:
        return f"{self.index + 1}/{self.of}"

    def take(self, items: Sequence[Item]) -> Sequence[Item]:
        """The items of this part, in order."""
        return items[self.index :: self.of]

    @property
    def is_whole(self) -> bool:
        """Whether there is one part alone."""
        return self.of == 1


WHOLE = Shard()
