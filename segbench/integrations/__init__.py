"""The meter inside other people's loops: torchmetrics, Lightning, transformers' Trainer. Each name needs its package."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from segbench.integrations.huggingface import HFTrainerMetric as HFTrainerMetric
    from segbench.integrations.lightning_callback import LightningMeter as LightningMeter
    from segbench.integrations.torchmetrics_metric import SegmentationMetric as SegmentationMetric

_PLACES = {
    "HFTrainerMetric": "huggingface",
    "LightningMeter": "lightning_callback",
    "SegmentationMetric": "torchmetrics_metric",
}

__all__ = list(_PLACES)


def __getattr__(name: str) -> Any:
    """Loads a name from its file (PEP 562)."""
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_PLACES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
