"""What a record says of a model."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from segbench.models.segmenter import Segmenter
from segbench.models.size import count_pass, size_facts


def model_facts(segmenter: Segmenter, size: tuple[int, int]) -> dict[str, Any]:
    """What a record says of a model: name, arguments, size, grid, where its weights come from, paper. MACs at (height, width)."""
    return {
        "name": segmenter.name,
        "arguments": dict(segmenter.arguments),
        **size_facts(segmenter, count_pass(segmenter, size)),
        "macs_input": list(size),
        "grid": segmenter.grid,
        "weights_sha256": segmenter.weights_sha256,
        "trained_on": dict(segmenter.trained_on) if segmenter.trained_on else None,
        "paper": asdict(segmenter.paper) if segmenter.paper else None,
    }
