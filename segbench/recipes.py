"""Training recipes: data, read from YAML."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import yaml

from segbench.errors import RecordError


@dataclass(frozen=True)
class Recipe:
    """How a network is trained. ``crop`` is (height, width) in pixels, ``scale`` the range of the random enlargement.

    ``precision`` of the forward pass: ``auto`` is fp16 with loss scaling on a GPU and fp32 elsewhere; bf16 also speeds up recent CPUs.
    """

    steps: int = 2000
    batch_size: int = 8
    crop: tuple[int, int] = (256, 512)
    scale: tuple[float, float] = (0.75, 1.5)
    flip: bool = True
    optimizer: Literal["adamw", "sgd"] = "adamw"
    learning_rate: float = 1e-3
    weight_decay: float = 1e-4
    momentum: float = 0.9
    power: float = 0.9
    warmup: int = 50
    clip_norm: float = 5.0
    class_weights: Literal["none", "enet", "median"] = "enet"
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    seed: int = 0

    def learning_rate_at(self, step: int) -> float:
        """Linear warm-up, then ``lr * (1 - step / steps) ** power``."""
        return self.learning_rate * min(1.0, (step + 1) / max(self.warmup, 1)) * (1 - step / self.steps) ** self.power


def read_recipe(path: Path | None, overrides: Mapping[str, Any]) -> Recipe:
    """The recipe of a YAML file (or the default one) with the overrides that are not ``None``; a crop may be written ``HxW``.

    :raises RecordError: the file is missing or no YAML mapping, or a field does not exist or cannot be read.
    """
    try:
        fields = yaml.safe_load(path.read_text(encoding="utf-8")) if path else {}
        fields = fields | {key: value for key, value in overrides.items() if value is not None}
        if isinstance(fields.get("crop"), str):
            fields["crop"] = fields["crop"].lower().split("x")
        for pair, kind in (("crop", int), ("scale", float)):
            if pair in fields:
                first, second = fields[pair]
                fields[pair] = (kind(first), kind(second))
        return Recipe(**fields)
    except (OSError, UnicodeDecodeError, yaml.YAMLError, TypeError, ValueError) as error:
        raise RecordError(f"recipe {path or dict(overrides)}: {error}") from error
