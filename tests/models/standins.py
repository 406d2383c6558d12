"""Stand-ins for public checkpoints: names and shapes from tables, values from the names, so that no two tensors are alike.

A line of a table is a module, the shape of its weight, and what else it has: ``+bias`` (as long as the weight's first dimension, or its
second where it says ``+bias1``), ``+stats`` (those of batch normalisation). ``{a..b}`` stands for every number from a to b.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

TABLES = Path(__file__).parents[1] / "golden" / "keys"

Shapes = dict[str, tuple[int, ...]]


def shapes(name: str) -> Shapes:
    """Every key of a table, with its shape."""
    found: Shapes = {}
    for line in (TABLES / f"{name}.txt").read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            modules, weight, *rest = line.split()
            for module in expanded(modules):
                found |= tensors(module, tuple(map(int, weight.split("x"))), rest)
    return found


def expanded(text: str) -> Iterator[str]:
    """``a.{0..2}.b`` as ``a.0.b``, ``a.1.b``, ``a.2.b``; several ranges multiply."""
    match = re.search(r"\{(\d+)\.\.(\d+)\}", text)
    if match is None:
        yield text
        return
    for number in range(int(match[1]), int(match[2]) + 1):
        yield from expanded(text[: match.start()] + str(number) + text[match.end() :])


def tensors(module: str, weight: tuple[int, ...], rest: list[str]) -> Shapes:
    """What one module has."""
    found: Shapes = {f"{module}.weight": weight}
    if "+bias" in rest or "+bias1" in rest:
        found[f"{module}.bias"] = weight[:1] if "+bias" in rest else weight[1:2]
    if "+stats" in rest:
        found |= {f"{module}.running_mean": weight, f"{module}.running_var": weight, f"{module}.num_batches_tracked": ()}
    return found


def numbered(named: Shapes) -> dict[str, Tensor]:
    """A state whose n-th tensor is n everywhere, counted from 1; it takes no memory. Counters are whole numbers."""
    return {
        key: torch.full((), number, dtype=torch.int64 if key.endswith("tracked") else torch.float64).expand(shape)
        for number, (key, shape) in enumerate(named.items(), start=1)
    }


def on_meta(named: Shapes) -> dict[str, Tensor]:
    """A state without values."""
    return {key: torch.empty(shape, device="meta") for key, shape in named.items()}


def filled(named: Mapping[str, tuple[int, ...]]) -> dict[str, Tensor]:
    """A state whose values are a function of their names and make a network in evaluation whose maps keep their scale."""
    return {key: _values(key, shape) for key, shape in named.items()}


def _values(key: str, shape: tuple[int, ...]) -> Tensor:
    if key.endswith("num_batches_tracked"):
        return torch.tensor(7)
    rng = np.random.default_rng(zlib.crc32(key.encode()))
    if len(shape) > 1:
        noise = rng.standard_normal(shape, dtype=np.float32)
        return torch.from_numpy(noise / np.sqrt(np.float32(np.prod(shape[1:]))))
    uniform = torch.from_numpy(rng.random(shape, dtype=np.float32))
    if key.endswith("running_var"):
        return uniform + 0.5
    return uniform / 2 + 0.75 if key.endswith("weight") else (uniform - 0.5) / 5


def image(height: int, width: int) -> Tensor:
    """float32[1, 3, height, width] of noise, the same everywhere."""
    return torch.from_numpy(np.random.default_rng(0).standard_normal((1, 3, height, width), dtype=np.float32))
