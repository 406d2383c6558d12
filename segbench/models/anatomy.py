"""What a model is made of, counted on the meta device: sizes, multiply-accumulates, stages."""

from __future__ import annotations

from contextlib import ExitStack
from functools import partial
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

from segbench.models.loading import numbered_model
from segbench.models.segmenter import InputRule, Paper, Segmenter, example_inputs
from segbench.models.size import count_macs, count_params

SIZE = (1024, 2048)
UNPUBLISHED = Paper("unpublished", "", 0, "")


def facts(name: str, classes: int) -> dict[str, Any]:
    """Name, parameters (total, inference, trainable), MACs at 1024x2048, input rule, paper and year of a model."""
    segmenter = on_meta(name, classes)
    params, paper = count_params(segmenter), segmenter.paper or UNPUBLISHED
    return {
        "name": name,
        "params_total": params.total,
        "params_infer": params.infer,
        "params_trainable": params.trainable,
        "macs": count_macs(segmenter, SIZE),
        "input": describe_inputs(segmenter),
        "paper": paper.title,
        "url": paper.url,
        "year": paper.year,
    }


def on_meta(name: str, classes: int) -> Segmenter:
    """A model without memory for its parameters."""
    with torch.device("meta"):
        return numbered_model(name, classes)


def describe_inputs(segmenter: Segmenter) -> str:
    """What it takes: ``rgb, any size``; ``rgb + depth, mirrored to multiples of 32``."""
    rule = segmenter.input_rule
    kinds = " + ".join(segmenter.inputs)
    if rule == InputRule():
        return f"{kinds}, any size"
    parts = []
    if rule.divisor > 1:
        parts.append(f"{rule.divisor} k + {rule.remainder}" if rule.remainder else f"multiples of {rule.divisor}")
    if rule.min_size > 1:
        parts.append(f"at least {rule.min_size}")
    context = f" with {rule.context} px of context" if rule.context else ""
    return f"{kinds}, mirrored to {', '.join(parts) or 'fit'}{context}"


def stages(segmenter: Segmenter, size: tuple[int, int]) -> list[tuple[str, tuple[int, ...], int]]:
    """(path, output shape without the batch, parameters) of each stage, in the order in which they run.

    A stage is the outermost module that gives a tensor; what neither has parameters nor changes the shape is left out.
    """
    rows: list[tuple[str, tuple[int, ...], int]] = []

    def record(path: str, module: nn.Module, output: object) -> None:
        if isinstance(output, Tensor):
            rows.append((path, tuple(output.shape[1:]), sum(p.numel() for p in module.parameters())))

    with ExitStack() as stack, torch.inference_mode():
        for path, module in segmenter.network.named_modules():
            if path:
                hook = partial(lambda path, module, _, output: record(path, module, output), path)
                stack.callback(module.register_forward_hook(hook).remove)
        segmenter.network(*example_inputs(segmenter, size))
    found = {path for path, _, _ in rows}
    outermost = [row for row in rows if not any(row[0].startswith(f"{path}.") for path in found)]
    return [row for before, row in pairwise([("", (), 0), *outermost]) if row[2] or row[1] != before[1]]
