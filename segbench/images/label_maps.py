"""Files of label maps as bytes in whose meaning nobody can be wrong: read as they are meant, or refused with the reason.

What a file's numbers are does not depend on labels (:mod:`segbench.images.stored`). What they stand for does: a palette may show other
labels than its indices, one bit may be 1 or 255, three equal channels are ids or greys, and -1 is void if the labels say so.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segbench.errors import ImageError
from segbench.images.colors import owned_colors, read_colored, refusal_of_colors
from segbench.images.content import Picture
from segbench.images.stored import Stored, read_stored
from segbench.images.tall import Tall, open_tall, windows
from segbench.images.whole_numbers import describe_wide, outside, require_whole
from segbench.labels.encodings import FOREIGN, Encoding, id_of_byte
from segbench.labels.palettes import Palettes
from segbench.labels.space import LabelSpace

WHAT = "a label map"
BY_YAML = "describe the data in YAML (--dataset FILE.yaml) with encoding: {}"
SHOWN = 8


def advice_of_option(option: str) -> dict[str, str]:
    """What errors advise where an option says how maps are encoded."""
    return {
        "color": f"{option} color reads them by their colours",
        "train-ids": f"{option} train-ids reads them as train ids",
        "ids": f"{option} ids insists on the indices",
    }


@dataclass(frozen=True, eq=False)
class LabelMaps:
    """How files of label maps are read: in whose labels, and how these are encoded.

    ``insists``: somebody said that the numbers are ids, whatever a palette shows. ``predicted``: of predictions, in which colours that a
    class shares with void mean the class. ``advice``: encoding to how this command or file is told it, and ``void`` to how it is told
    which values are void; errors name those that help.
    """

    labels: LabelSpace
    encoding: Encoding = "ids"
    insists: bool = False
    predicted: bool = False
    advice: Mapping[str, str] = field(default_factory=lambda: {encoding: BY_YAML.format(encoding) for encoding in ("color", "train-ids")})
    _plain: dict[bytes, bool] = field(default_factory=dict, repr=False)

    def read(self, path: Picture) -> NDArray[Any]:
        """A map as uint8[H, W], in bytes of its encoding; of colours label ids. Of wide label spaces uint8[H, W] or uint16[H, W].

        :raises ImageError: it is missing, damaged, lossy, several, or means something else than ids.
        """
        if self.encoding == "color":
            if self.labels.wide:
                raise ImageError(path, f"colours are read of up to 254 classes, and {self.labels.name!r} has more", "write ids of 16 bits")
            return read_colored(path, self.labels, predicted=self.predicted)
        stored = read_stored(path, WHAT)
        if self.labels.wide:
            return self._wide(path, stored)
        if stored.values.dtype == np.uint8 and stored.values.ndim == 2 and not (stored.white or stored.transparent):
            return self._of_bytes(path, stored)
        if stored.in_colors or stored.transparent:
            return self._of_colors(path, stored)
        if stored.white:
            return self._of_few_bits(path, stored)
        return self._of_numbers(path, stored)

    def open_tall(self, path: Picture) -> TallMap | None:
        """A map that is too large to be held whole, if it can be read in windows; ``None`` for all others.

        :raises ImageError: it is damaged.
        """
        tall = None if self.encoding == "color" else open_tall(path)
        return None if tall is None else TallMap(self, path, tall)

    def _wide(self, path: Picture, stored: Stored) -> NDArray[Any]:
        """Of numbers of 8 or 16 bits."""
        if stored.in_colors or stored.transparent:
            raise ImageError(path, f"{stored.bands}; {WHAT} has one band")
        if stored.palette and not self.insists:
            reason = f"a palette shows 256 labels at most, and {self.labels.name!r} has more"
            raise ImageError(path, reason, self.advice.get("ids", "write 16 bits a pixel, without a palette"))
        return self._of_numbers(path, stored)

    def _of_bytes(self, path: Picture, stored: Stored) -> NDArray[np.uint8]:
        """Nearly all maps: nothing is done to them."""
        if not stored.palette or self.insists:
            return stored.values
        if (plain := self._plain.get(stored.palette)) is None:
            plain = self._plain[stored.palette] = not self._palettes.contradicts(stored.palette)
        if plain:
            return stored.values
        used = np.flatnonzero(np.bincount(stored.values.reshape(-1), minlength=256))
        try:
            numbers = self._palettes.values(stored.palette, used, prefer_greys=stored.format == "GIF")
        except ValueError as error:
            raise ImageError(path, str(error), self._ways_around(stored.palette, used)) from None
        return stored.values if numbers is None else numbers[stored.values]

    def _ways_around(self, palette: bytes, used: NDArray[np.intp]) -> str:
        """What helps against a palette that is not in the order of the labels."""
        ways = []
        if self.encoding == "ids" and self._as_train_ids.agrees(palette, used):
            ways.append("train-ids")
        colors = np.frombuffer(palette, np.uint8)[: len(palette) // 3 * 3].reshape(1, -1, 3)
        if used[-1] < colors.shape[1] and not refusal_of_colors(colors[:, used], self.labels, predicted=self.predicted):
            ways.append("color")
        ways += ["ids"] if self.encoding == "ids" else []  # of train ids it would insist on another meaning
        return "; ".join(self.advice[way] for way in ways if way in self.advice)

    def _of_colors(self, path: Picture, stored: Stored) -> NDArray[np.uint8]:
        """Of three channels, if they are equal and each holds ids."""
        if stored.transparent:
            raise ImageError(path, f"{stored.bands}, partly transparent; {WHAT} has one band")
        pixels, grey = stored.values, stored.values[..., 0]
        equal = np.array_equal(grey, pixels[..., 1]) and np.array_equal(grey, pixels[..., 2])
        used = np.flatnonzero(np.bincount(grey.reshape(-1), minlength=256)) if equal else np.zeros(0, np.intp)
        if equal and self._are_ids(used):
            return np.ascontiguousarray(grey)
        if not self._has_colors or (unknown := refusal_of_colors(pixels, self.labels, predicted=self.predicted)):
            more = f"; {unknown}" if self._has_colors and not equal else ""
            foreign = [int(value) for value in used if self._palettes.id_of[value] == FOREIGN]
            more = f", all equal, but {foreign[:SHOWN]} are no ids of {self.labels.name!r}" if foreign else more
            raise ImageError(path, f"{stored.bands}{more}; {WHAT} has one band")
        raise ImageError(path, f"{stored.bands}, drawn in the colours of {self.labels.name!r}", self.advice.get("color", ""))

    def _are_ids(self, used: NDArray[np.intp]) -> bool:
        """Whether greys are ids: all of them are labels', and they are not the colours of others."""
        if (self._palettes.id_of[used] == FOREIGN).any():
            return False
        colors = owned_colors(self.labels)
        owners = [colors.get((int(value),) * 3) for value in used]
        return not all(owners) or all(self._palettes.id_of[value] in ids for value, ids in zip(used, owners, strict=True) if ids)

    def _of_few_bits(self, path: Picture, stored: Stored) -> NDArray[np.uint8]:
        """Of numbers 0..white, which an optimiser may have made of 0..255."""
        numbers = stored.values.astype(np.uint8)
        used = np.flatnonzero(np.bincount(numbers.reshape(-1), minlength=256))
        scaled = np.minimum(np.rint(np.arange(256) * (255 / stored.white)), 255).astype(np.uint8)
        try:
            chosen = self._palettes.chosen({"numbers": used, "greys": scaled[used]})
        except ValueError as error:
            raise ImageError(path, f"{stored.format} of fewer than 8 bits a pixel: {error}", "write 8 bits a pixel") from None
        out = numbers if chosen == "numbers" else scaled[numbers]
        if self._palettes.classes(np.unique(out)) == 0:
            bits = "1 bit" if stored.white == 1 else "fewer than 8 bits"
            listed = " and ".join(map(str, used.tolist()))
            raise ImageError(path, f"{bits} a pixel, and {listed} are no classes of {self.labels.name!r}: is this a mask?")
        return out

    def _of_numbers(self, path: Picture, stored: Stored) -> NDArray[Any]:
        values = require_whole(path, stored.values, WHAT)
        if values.dtype == np.uint8 or (self.labels.wide and values.dtype == np.uint16):
            return values
        wide, dtype = outside(values, self.labels.levels), np.uint16 if self.labels.wide else np.uint8
        if not wide.size:
            return values.astype(dtype)
        byte_of = self.labels.byte_of_wide_id
        if unknown := [value for value in wide.tolist() if value not in byte_of]:
            raise ImageError(path, describe_wide(np.array(unknown), stored.nodata, self.labels.levels), self._declaration(unknown))
        out = values.astype(dtype)
        for value in wide.tolist():
            out[values == value] = self._byte(byte_of[value])
        return out

    def _byte(self, label_id: int) -> int:
        """The byte in which a label id is written."""
        if self.encoding != "train-ids":
            return label_id
        index = int(self.labels.index_of_id[label_id])
        return index if index < len(self.labels.classes) else self.labels.levels - 1

    def _declaration(self, unknown: list[int]) -> str:
        """How to say that values are void."""
        void = self.labels.void_ids
        instead = f"write {void[0]} ({self.labels.name!r} has it as void) instead, or " if void else ""
        if "void" in self.advice:
            return instead + self.advice["void"].format(unknown[:SHOWN])
        return f"{instead}declare them in a label space of your own: void: [{{name: nodata, ids: {unknown[:SHOWN]}}}]"

    @cached_property
    def _palettes(self) -> Palettes:
        return Palettes(self.labels, id_of_byte(self.labels, self.encoding))

    @cached_property
    def _as_train_ids(self) -> Palettes:
        return Palettes(self.labels, id_of_byte(self.labels, "train-ids"))

    @cached_property
    def _has_colors(self) -> bool:
        """Whether the labels have colours of their own."""
        return any(label.own_color for label in self.labels.classes)


@dataclass(frozen=True, eq=False)
class TallMap:
    """A map of ``maps`` that is read in windows."""

    maps: LabelMaps
    path: Picture
    tall: Tall

    @property
    def shape(self) -> tuple[int, int]:
        """(height, width)."""
        return self.tall.height, self.tall.width

    def understood(self, values: NDArray[Any]) -> NDArray[Any]:
        """The values of a window, as :meth:`LabelMaps.read` gives them.

        :raises ImageError: some have no place in a map of these labels.
        """
        return self.maps._of_numbers(self.path, Stored(values))


def paired_windows(a: TallMap, b: TallMap) -> Iterator[tuple[NDArray[Any], NDArray[Any]]]:
    """Two maps of one size, window by window, and the files let go of in the end.

    :raises ImageError: a file is damaged, or values have no place in a map of its labels.
    """
    try:
        for first, second in windows(a.tall, b.tall):
            yield a.understood(first), b.understood(second)
    finally:
        a.tall.close()
        b.tall.close()
