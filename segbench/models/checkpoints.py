"""Foreign checkpoint files: opened without running code, and the one state dict in them without its wrappers."""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file
from torch import Tensor

from segbench.errors import WeightsError

# Under what training scripts keep the weights, the likeliest first.
STATE_NAMES = ("state_dict", "model_state_dict", "model_state", "model", "net", "network", "weights", "params", "module")
WRAPPERS = ("module.", "model.", "_orig_mod.")
WAY_OUT = "where it was made, save the weights alone: torch.save(model.state_dict(), FILE)"


def read_state(path: Path) -> dict[str, Tensor]:
    """The state dict in a PyTorch or safetensors file, on the CPU, without what training wrapped around its names.

    A PyTorch file is unpickled with ``weights_only=True``: nothing in it can run.

    :raises WeightsError: the file is missing, holds code, cannot be read, or holds no state dict or several.
    """
    if not path.is_file():
        raise WeightsError(f"{path}: the weights file is missing")
    return unwrapped(find_state(_load(path), path))


def _load(path: Path) -> Any:
    if _is_safetensors(path):
        return _load_safetensors(path)
    try:
        with warnings.catch_warnings(), torch.serialization.safe_globals(_numpy_numbers()):
            warnings.simplefilter("ignore")  # about the pickle's protocol: it is read or refused
            return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # whatever a damaged or foreign file does to the unpickler
        raise WeightsError(f"{path}: {_refusal(error)}") from error


def _load_safetensors(path: Path) -> dict[str, Tensor]:
    try:
        with safe_open(path, framework="pt") as file:
            if "segbench" in (file.metadata() or {}):
                raise WeightsError(f"{path}: already segbench's; use it with --weights NAME={path} or --init {path}")
        return load_file(path)
    except (SafetensorError, OSError) as error:
        raise WeightsError(f"{path}: not a safetensors file ({error})") from error


def _refusal(error: Exception) -> str:
    """Why a file was not opened. torch's own words are left out: they tell how to open it all the same."""
    if code := re.findall(r"GLOBAL ([\w.]+\w)", str(error)):
        return f"refers to code ({', '.join(code)}), so it is not opened; {WAY_OUT}"
    if "TorchScript" in str(error):
        return f"a TorchScript archive, which holds code, so it is not opened; {WAY_OUT}"
    return "not a PyTorch file of tensors, or a damaged one"


def _is_safetensors(path: Path) -> bool:
    """By its content: eight bytes of length, then JSON. The suffix says little; files are renamed."""
    with path.open("rb") as file:
        return file.read(9)[8:] == b"{"


def _numpy_numbers() -> list[Any]:
    """What NumPy's numbers are pickled as: checkpoints hold their best score beside the weights."""
    kinds = [type(np.dtype(kind)) for kind in (np.float64, np.float32, np.int64, np.int32, np.bool_)]

    def scalar(dtype: np.dtype[Any], data: bytes) -> Any:
        return np.frombuffer(data, dtype)[0]

    def older(dtype: np.dtype[Any], data: bytes) -> Any:
        return scalar(dtype, data)

    for function, module in ((scalar, "numpy._core.multiarray"), (older, "numpy.core.multiarray")):
        function.__module__, function.__name__, function.__qualname__ = module, "scalar", "scalar"
    return [np.dtype, *kinds, scalar, older]


def find_state(content: Any, source: object) -> dict[str, Tensor]:
    """The state dict in a checkpoint's content: itself, under one of the usual names, or the only one there is.

    :raises WeightsError: there is none, or there are several under unusual names.
    """
    if not isinstance(content, Mapping):
        raise WeightsError(f"{source}: holds a {type(content).__name__}, not a state dict; {WAY_OUT}")
    tensors = {str(key): value for key, value in content.items() if isinstance(value, Tensor)}
    nested = {str(key): value for key, value in content.items() if isinstance(value, Mapping) and _has_tensors(value)}
    for name in STATE_NAMES:
        if name in nested:
            return find_state(nested[name], source)
    if tensors:
        return tensors
    if len(nested) == 1:
        return find_state(next(iter(nested.values())), source)
    if nested:
        raise WeightsError(f"{source}: holds several state dicts, {', '.join(nested)}; save the one that is meant to a file of its own")
    raise WeightsError(f"{source}: holds no tensors, only {', '.join(map(str, content)) or 'nothing'}; {WAY_OUT}")


def _has_tensors(content: Mapping[Any, Any]) -> bool:
    """Whether there is a state dict at any depth. An optimiser's state has numbers for names."""
    return any(
        isinstance(key, str) and (isinstance(value, Tensor) or (isinstance(value, Mapping) and _has_tensors(value)))
        for key, value in content.items()
    )


def unwrapped(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The state without ``module.`` and the like in front of most of its names, as often as they stand there."""
    for wrapper in WRAPPERS:
        if 2 * sum(key.startswith(wrapper) for key in state) > len(state):
            return unwrapped({key.removeprefix(wrapper): value for key, value in state.items()})
    return dict(state)
