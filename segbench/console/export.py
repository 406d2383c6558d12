"""`segbench export`: a trained network as one file for another runtime, checked against itself."""

from __future__ import annotations

from pathlib import Path

import torch

from segbench.console.code_note import say_code_runs
from segbench.console.terminal import console
from segbench.errors import WeightsError
from segbench.models.adapters.base import feeds
from segbench.models.exporting import difference, export
from segbench.models.loading import on_device
from segbench.models.weights import load

ADAPTERS = {"onnx": "onnx", "torchscript": "torchscript", "pt2": "exported"}
# Another runtime rounds differently, and ties fall otherwise; more than this is another network.
TOLERANCE = 0.01


def export_model(model: str, weights: Path, kind: str, out: Path, size: tuple[int, int], device: torch.device) -> None:
    """Write the file, run it on a random image beside the network itself, and say how it is used.

    :raises WeightsError: the file gives other class maps than the network; it is not kept.
    """
    say_code_runs([model])
    segmenter, prefix = on_device(load(weights, expected_model=model), device), ADAPTERS[kind]
    export(segmenter, prefix, out, size)
    moved = difference(segmenter, prefix, out, size)
    if moved > TOLERANCE:
        out.unlink()
        raise WeightsError(f"{out}: {moved:.1%} of the pixels of a random image got another class than from {model}, so it was not kept")
    show = console(stderr=True)
    show.print(feeds(segmenter), markup=False, soft_wrap=True)
    show.print(f"wrote {out} ({out.stat().st_size / 1e6:.2f} MB) for images of {size[0]}x{size[1]}; {moved:.3%} of a random image differ")
    show.print(f"evaluate it with:\n  segbench run --models {prefix}:{out} --dataset NAME --data DIR", markup=False, soft_wrap=True)
