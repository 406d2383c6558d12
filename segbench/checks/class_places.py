"""Whether classes lie in the targets where their names say: sky above the road. If not, the order of the classes is another one."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from segbench.labels.space import LabelSpace

ABOVE = ("sky", "ceiling")
BELOW = ("road", "street", "floor", "ground", "sidewalk", "pavement")
STEP = 4  # every 4th row and column are looked at
LEAST = 0.005  # share of the pixels that a class must have


class Places:
    """Adds up how high the classes lie that have a place, target by target."""

    def __init__(self, labels: LabelSpace) -> None:
        by_name = {label.name.casefold(): label.byte_ids for label in labels.classes if label.byte_ids}
        self.ids = {name: by_name[name] for name in (*ABOVE, *BELOW) if name in by_name}
        self.pixels = dict.fromkeys(self.ids, 0)
        self.heights = dict.fromkeys(self.ids, 0.0)
        self.total = 0

    @property
    def are_known(self) -> bool:
        """Whether there is a class above and one below."""
        return not self.ids.keys().isdisjoint(ABOVE) and not self.ids.keys().isdisjoint(BELOW)

    def add(self, target: NDArray[np.uint8]) -> None:
        """Look at one more target, uint8[H, W]."""
        thin = target[::STEP, ::STEP]
        self.total += thin.size
        rows = np.linspace(0, 1, len(thin))
        for name, ids in self.ids.items():
            in_row = np.isin(thin, ids).sum(axis=1)
            self.pixels[name] += int(in_row.sum())
            self.heights[name] += float(in_row @ rows)

    def problems(self) -> list[str]:
        """A line for each class that lies where another should, of those that are frequent."""
        mean = {name: self.heights[name] / count for name, count in self.pixels.items() if count and count >= LEAST * self.total}
        pairs = [(high, low) for high in ABOVE for low in BELOW if high in mean and low in mean and mean[high] > mean[low]]
        return [f"{high} lies below {low} in most images: are the classes in another order?" for high, low in pairs]
