"""How a network is run on an image: part of every record and of its signature."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

Precision = Literal["fp32", "bf16", "fp16"]


@dataclass(frozen=True)
class Protocol:
    """Whole images at their own size, one scale, no flip; logits are brought to the target's size before the argmax.

    ``precision`` is the network's arithmetic (mixed precision for bf16 and fp16); counting is always exact.
    """

    precision: Precision = "fp32"

    def to_dict(self) -> dict[str, Any]:
        """As written to records. What cannot be chosen yet is spelled out, so that later records can be told apart."""
        return {"tiling": "whole", "input_size": "native", "scales": [1.0], "flip": False, "precision": self.precision}
