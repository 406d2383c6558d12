"""What the tests of several architectures ask of each: counts, operations, sizes, gradients."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from segbench.labels.space import LabelClass, LabelSpace
from segbench.models.segmenter import Segmenter, TrainingOutput
from segbench.models.size import count_params

Factory = Callable[..., Segmenter]


def toy(classes: int) -> LabelSpace:
    return LabelSpace("toy", tuple(LabelClass(f"class {i}", (i,), (0, 0, 0)) for i in range(classes)))


def small(factory: Factory, width: float, classes: int = 3, **arguments: object) -> Any:
    """A thin network with seeded weights, in evaluation mode."""
    torch.manual_seed(0)
    return factory(toy(classes), width=width, **arguments).network.eval()


def counts(factory: Factory, classes: int, **arguments: object) -> tuple[int, int]:
    """All parameters, and those of inference."""
    with torch.device("meta"):
        counted = count_params(factory(toy(classes), **arguments))
    return counted.total, counted.infer


def gmacs(network: nn.Module, *shapes: tuple[int, ...]) -> float:
    """Multiply-accumulates in 1e9 of one image of a batch, for inputs of these shapes, in the mode that the network is in."""
    with torch.device("meta"), torch.no_grad(), FlopCounterMode(display=False) as flops:
        network(*(torch.empty(shape) for shape in shapes))
    return flops.get_total_flops() / 2e9 / shapes[0][0]


def covered(segmenter: Segmenter, size: tuple[int, int], extra_channels: tuple[int, ...] = ()) -> tuple[float, float]:
    """Pixels of the padded image for each of the network's logits, down and across."""
    padded = [segmenter.input_rule.pad(torch.randn(1, channels, *size)) for channels in (3, *extra_channels)]
    with torch.inference_mode():
        logits = segmenter.network.eval()(*padded)
    assert logits.shape[:2] == (1, len(segmenter.labels.classes))
    return padded[0].shape[2] / logits.shape[2], padded[0].shape[3] / logits.shape[3]


def outputs(result: Tensor | TrainingOutput) -> list[Tensor]:
    """Everything that a loss sees."""
    if isinstance(result, Tensor):
        return [result]
    return [result.logits, *(head.logits for head in result.aux), *result.borders]


def without_gradient(network: nn.Module, *images: Tensor) -> list[str]:
    """Trainable parameters that a training step does not reach. A bias in front of batch normalisation is reached, by zero."""
    network.train()
    torch.stack([output.square().mean() for output in outputs(network(*images))]).sum().backward()
    trainable = {name: p for name, p in network.named_parameters() if p.requires_grad}
    return [name for name, p in trainable.items() if p.grad is None or (p.dim() > 1 and not p.grad.any())]


def rebuilds(factory: Factory, **arguments: object) -> bool:
    """``arguments`` of a segmenter hold every keyword, and give a network of the same parameters under the same name."""
    first = factory(toy(3), **arguments)
    again = factory(toy(3), **first.arguments)
    again.network.load_state_dict(first.network.state_dict())
    named = all(first.arguments[key] == value for key, value in arguments.items())
    return named and first.arguments == again.arguments and first.name == again.name == factory.__name__
