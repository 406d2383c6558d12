"""The benchmark and evaluation suite for semantic segmentation: the official numbers, the protocol, the uncertainty and the speed.

What programs use is here; the names are loaded when they are first asked for, so that ``import segbench`` costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from segbench.checks.dataset_contract import check_dataset as check_dataset
    from segbench.checks.model_contract import check_model as check_model
    from segbench.datasets.base import Dataset as Dataset
    from segbench.datasets.base import Sample as Sample
    from segbench.datasets.opening import label_space as label_space
    from segbench.datasets.opening import open_dataset as open_dataset
    from segbench.datasets.target_folder import target_folder as target_folder
    from segbench.errors import SegbenchError as SegbenchError
    from segbench.evaluation.inference import evaluate as evaluate
    from segbench.evaluation.meter import Meter as Meter
    from segbench.evaluation.protocol import Protocol as Protocol
    from segbench.evaluation.run import run as run
    from segbench.kernels.counting import count_pairs as count_pairs
    from segbench.labels.space import LabelClass as LabelClass
    from segbench.labels.space import LabelSpace as LabelSpace
    from segbench.leaderboards.board import read_boards as read_boards
    from segbench.metrics.confusion import ConfusionMatrix as ConfusionMatrix
    from segbench.metrics.image_counts import Beside as Beside
    from segbench.metrics.scores import Scores as Scores
    from segbench.metrics.scores import score as score
    from segbench.metrics.uncertainty import bootstrap as bootstrap
    from segbench.models.adapters.base import named_classes as named_classes
    from segbench.models.adapters.base import sha256_of_files as sha256_of_files
    from segbench.models.segmenter import InputRule as InputRule
    from segbench.models.segmenter import Normalize as Normalize
    from segbench.models.segmenter import Segmenter as Segmenter
    from segbench.models.weights import build as build_model
    from segbench.models.weights import load as load_model
    from segbench.profiling.profiler import profile as profile
    from segbench.records.comparison import compare_records as compare_records
    from segbench.records.profile import Profile as Profile
    from segbench.records.run_record import RunRecord as RunRecord
    from segbench.records.run_record import read_run as read_run
    from segbench.scoring.folder import score_folder as score_folder

__version__ = "0.1.0"

_PLACES = {
    "LabelSpace": "labels.space:LabelSpace",
    "LabelClass": "labels.space:LabelClass",
    "label_space": "datasets.opening:label_space",
    "Dataset": "datasets.base:Dataset",
    "Sample": "datasets.base:Sample",
    "open_dataset": "datasets.opening:open_dataset",
    "target_folder": "datasets.target_folder:target_folder",
    "Segmenter": "models.segmenter:Segmenter",
    "Normalize": "models.segmenter:Normalize",
    "InputRule": "models.segmenter:InputRule",
    "named_classes": "models.adapters.base:named_classes",
    "sha256_of_files": "models.adapters.base:sha256_of_files",
    "build_model": "models.weights:build",
    "load_model": "models.weights:load",
    "Protocol": "evaluation.protocol:Protocol",
    "evaluate": "evaluation.inference:evaluate",
    "run": "evaluation.run:run",
    "score_folder": "scoring.folder:score_folder",
    "Beside": "metrics.image_counts:Beside",
    "Meter": "evaluation.meter:Meter",
    "count_pairs": "kernels.counting:count_pairs",
    "ConfusionMatrix": "metrics.confusion:ConfusionMatrix",
    "Scores": "metrics.scores:Scores",
    "score": "metrics.scores:score",
    "bootstrap": "metrics.uncertainty:bootstrap",
    "compare_records": "records.comparison:compare_records",
    "RunRecord": "records.run_record:RunRecord",
    "read_run": "records.run_record:read_run",
    "Profile": "records.profile:Profile",
    "profile": "profiling.profiler:profile",
    "read_boards": "leaderboards.board:read_boards",
    "check_model": "checks.model_contract:check_model",
    "check_dataset": "checks.dataset_contract:check_dataset",
    "SegbenchError": "errors:SegbenchError",
}

__all__ = [*_PLACES, "__version__"]


def __getattr__(name: str) -> Any:
    """Loads a public name from its room (PEP 562)."""
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, _, attribute = _PLACES[name].partition(":")
    value = getattr(import_module(f"{__name__}.{module}"), attribute)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
