"""What a record says of a model."""

from __future__ import annotations

import inspect
from dataclasses import asdict
from typing import Any

from segbench.models import MODELS
from segbench.models.segmenter import Segmenter
from segbench.models.size import count_pass, size_facts


def model_facts(segmenter: Segmenter, size: tuple[int, int]) -> dict[str, Any]:
    """What a record says of a model: name, arguments, size, grid, where its weights come from, paper. MACs at (height, width)."""
    counted = count_pass(segmenter, size)
    return {
        "name": segmenter.title,
        **({"architecture": segmenter.name} if segmenter.called else {}),
        "arguments": dict(segmenter.arguments),
        "changed": changed_arguments(segmenter),
        **size_facts(segmenter, counted),
        **({"uncounted": dict(counted.uncounted)} if counted else {}),
        "macs_input": list(size),
        "grid": segmenter.grid,
        "weights_sha256": segmenter.weights_sha256,
        "trained_on": dict(segmenter.trained_on) if segmenter.trained_on else None,
        **({"temperature": segmenter.temperature.facts()} if segmenter.temperature else {}),
        "paper": asdict(segmenter.paper) if segmenter.paper else None,
    }


def changed_arguments(segmenter: Segmenter) -> dict[str, Any]:
    """The arguments that are not the default of a registered network: one of reduced width is not the published one. All of any other."""
    if segmenter.name not in MODELS.names():
        return dict(segmenter.arguments)
    defaults = {name: each.default for name, each in inspect.signature(MODELS.resolve(segmenter.name)).parameters.items()}
    return {key: value for key, value in segmenter.arguments.items() if key not in defaults or _plain(value) != _plain(defaults[key])}


def _plain(value: Any) -> Any:
    """Lists as tuples: a weights file knows lists alone."""
    return tuple(value) if isinstance(value, list) else value
