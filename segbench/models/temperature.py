"""What a network's logits are divided by before the softmax: a temperature, and where it comes from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Temperature:
    """``value`` is positive. ``fitted``: what a file says of the data and the weights that it was found on; nothing of one that was typed.

    No class map depends on it, for the largest logit stays the largest.
    """

    value: float
    fitted: Mapping[str, Any] = field(default_factory=dict)

    @property
    def signature(self) -> str:
        """What must be equal for two calibrations to be comparable: the number, or the data that it was fitted on for each network."""
        if not self.fitted:
            return f"{self.value:g}"
        data = self.fitted["dataset"]
        return f"fitted on {data['name']}-{data['split']} {str(data['targets_sha256'])[:8]}"

    def facts(self) -> dict[str, Any]:
        """As records of runs tell it."""
        return {"value": self.value, **({"fitted": dict(self.fitted)} if self.fitted else {})}
