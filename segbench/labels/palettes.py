"""What the palette of a label map says: that its indices are the ids, or that they are something else.

    index    0           1           2
    colour   black       cat's       dog's            of the labels: 0 background, 1 dog, 2 cat

Such a picture shows the right colours while its indices are another class: programs that choose palettes themselves (ADAPTIVE, optimisers)
order them as they like. A palette that has nothing to do with the labels' colours says nothing, and one of greys may be what an optimiser
made of plain numbers.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from segbench.labels.encodings import FOREIGN
from segbench.labels.space import LabelSpace
from segbench.labels.tables import voc_color

Color = tuple[int, int, int]

SHOWN = 4
COINCIDENCES = 2  # indices in the colours of others that happen by chance, where all that are used are in colours of labels


@dataclass(frozen=True, eq=False)
class Palettes:
    """Judges the palettes of label maps. ``id_of``: int16[256], byte to label id, as the maps are encoded; FOREIGN for no label."""

    labels: LabelSpace
    id_of: NDArray[np.int16]

    def contradicts(self, palette: bytes) -> bool:
        """Whether there are indices that this palette gives another meaning, if they are used."""
        colors = _colors(palette)
        return not _is_identity(palette) and (_is_grey(colors) or bool(self._others(_once(colors))))

    def values(self, palette: bytes, used: NDArray[np.intp], *, prefer_greys: bool) -> NDArray[np.uint8] | None:
        """uint8[256]: the number that each index stands for, where it is a grey; ``None``: the indices are the numbers.

        :param used: the indices that occur.
        :param prefer_greys: the format has no other way to store greys.
        :raises ValueError: they are drawn in the colours of other labels, or may be either; the message says which.
        """
        colors = _colors(palette)
        if _is_grey(colors) and (greys := self._greys(colors, used, prefer_greys)) is not None:
            return greys
        once = _once(colors)
        shown = {int(i): once[int(i)] for i in used if int(i) in once}
        others = self._others(shown)
        if others and self._is_related(colors, shown, len(others)):
            raise ValueError(self._refusal(others, shown))
        return None

    def agrees(self, palette: bytes, used: NDArray[np.intp]) -> bool:
        """Whether each index is drawn in the colour of its label."""
        colors = _colors(palette)
        return all(i < len(colors) and self._name(int(i)) in self._names.get(colors[i], ()) for i in used)

    def _greys(self, colors: list[Color], used: NDArray[np.intp], prefer: bool) -> NDArray[np.uint8] | None:
        """The greys as numbers, if that is what they are.

        :raises ValueError: they may be either.
        """
        shown = {int(i): colors[i] for i in used if i < len(colors)}
        each_its_own = len(shown) == len(used) and all(colors.index(color) == i for i, color in shown.items())
        if not each_its_own or all(self._name(i) in self._names.get(color, ()) for i, color in shown.items()):
            return None
        greys = np.arange(256, dtype=np.uint8)
        greys[list(shown)] = [color[0] for color in shown.values()]
        if all(self._name(color[0]) in self._names.get(color, ()) for color in shown.values()):
            return greys
        prefer = prefer and set(shown.values()) != {_BLACK, _WHITE}
        return greys if self.chosen({"indices": used, "greys": greys[used]}, prefer=prefer) == "greys" else None

    def chosen(self, readings: dict[str, NDArray[np.integer]], *, prefer: bool = False) -> str:
        """Of two readings of the numbers that occur the one in which all are labels and more are classes; the first if neither is.

        :param prefer: the second, if all its numbers are labels.
        :raises ValueError: both are as good.
        """
        first, second = readings
        of_first, of_second = (self.classes(numbers) for numbers in readings.values())
        if np.array_equal(readings[first], readings[second]) or of_second < 0:
            return first
        if of_second > of_first or prefer:
            return second
        if of_first > of_second:
            return first
        listed = " or ".join(f"{name} {', '.join(map(str, numbers[:SHOWN].tolist()))}" for name, numbers in readings.items())
        raise ValueError(f"its numbers can be read in two ways, both of them ids: {listed}")

    def classes(self, numbers: NDArray[np.integer]) -> int:
        """How many of some numbers are classes; -1 if any is no label."""
        ids = self.id_of[numbers]
        if (ids == FOREIGN).any():
            return -1
        return int((self.labels.index_of_id[ids] < len(self.labels.classes)).sum())

    @cached_property
    def _names(self) -> dict[Color, list[str]]:
        """Colour to the names of the labels whose own it is."""
        names: dict[Color, list[str]] = {}
        for label in self.labels.labels:
            for color in (label.color, *label.other_colors) if label.own_color else ():
                names.setdefault(color, []).append(label.name)
        return names

    @cached_property
    def _name_of_id(self) -> dict[int, str]:
        return {i: label.name for label in self.labels.labels for i in label.byte_ids}

    def _name(self, index: int) -> str:
        """The label that an index is."""
        return self._name_of_id.get(int(self.id_of[index]), "") if index < 256 else ""

    def _others(self, shown: dict[int, Color]) -> dict[int, str]:
        """The indices that are drawn in the colour of another label, and that label."""
        owners = {i: self._names[color] for i, color in shown.items() if color in self._names}
        return {i: names[0] for i, names in owners.items() if self._name(i) not in names}

    def _is_related(self, colors: list[Color], shown: dict[int, Color], others: int) -> bool:
        """Whether a palette is one of these labels: most of it are their colours, or it has most of these, or too much to be chance.

        VOC's, which tools give to any label map, is so only where nothing else can be meant.
        """
        if all(color in self._names for color in shown.values()) and others > COINCIDENCES:
            return True
        if set(colors) != {_BLACK} and all(color in (voc_color(i), _BLACK) for i, color in enumerate(colors)):
            return False
        distinct, own = set(_once(colors).values()), {label.color for label in self.labels.classes if label.own_color}
        return 2 * len(distinct & set(self._names)) >= len(distinct) or 2 * len(distinct & own) > len(own) > 1

    def _refusal(self, others: dict[int, str], shown: dict[int, Color]) -> str:
        first = list(others.items())[:SHOWN]
        listed = [f"{i} ({self._name(i) or 'no label'}) is drawn in {shown[i]}, the colour of {owner}" for i, owner in first]
        more = f" and {len(others) - SHOWN} more" if len(others) > SHOWN else ""
        return f"its palette is not in the order of the labels: index {'; '.join(listed)}{more}"


_BLACK, _WHITE = (0, 0, 0), (255, 255, 255)
_IDENTITY = np.arange(256, dtype=np.uint8).repeat(3).tobytes()


def _is_identity(palette: bytes) -> bool:
    """Whether each index is the grey of its own value."""
    return palette == _IDENTITY[: len(palette)]


def _colors(palette: bytes) -> list[Color]:
    flat = palette[: len(palette) // 3 * 3]
    return [(flat[i], flat[i + 1], flat[i + 2]) for i in range(0, len(flat), 3)]


def _once(colors: list[Color]) -> dict[int, Color]:
    """The indices whose colour no other has (as what fills a palette up has): a picture tells the others not apart."""
    count = Counter(colors)
    return {i: color for i, color in enumerate(colors) if count[color] == 1}


def _is_grey(colors: list[Color]) -> bool:
    return all(red == green == blue for red, green, blue in colors)
