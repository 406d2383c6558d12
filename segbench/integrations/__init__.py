"""The meter inside other people's loops, and records in their dashboards.

Each name needs its package, and is loaded when it is first asked for.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from segbench.integrations.huggingface import HFTrainerMetric as HFTrainerMetric
    from segbench.integrations.lightning_callback import LightningMeter as LightningMeter
    from segbench.integrations.loggers import log_to_mlflow as log_to_mlflow
    from segbench.integrations.loggers import log_to_tensorboard as log_to_tensorboard
    from segbench.integrations.loggers import log_to_wandb as log_to_wandb
    from segbench.integrations.mmengine_metric import MMEngineMetric as MMEngineMetric
    from segbench.integrations.torchmetrics_metric import SegmentationMetric as SegmentationMetric
    from segbench.integrations.ultralytics_callbacks import UltralyticsMeter as UltralyticsMeter

_PLACES = {
    "HFTrainerMetric": "huggingface",
    "LightningMeter": "lightning_callback",
    "MMEngineMetric": "mmengine_metric",
    "SegmentationMetric": "torchmetrics_metric",
    "UltralyticsMeter": "ultralytics_callbacks",
    "log_to_mlflow": "loggers",
    "log_to_tensorboard": "loggers",
    "log_to_wandb": "loggers",
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
