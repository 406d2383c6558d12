"""The optimizer that a recipe names, with a learning rate of their own for parts of a network."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from segbench.errors import RecordError
from segbench.training.recipe import Recipe


def optimizer_of(recipe: Recipe, network: torch.nn.Module) -> tuple[torch.optim.Optimizer, list[float]]:
    """The optimizer, and of each of its groups the factor of its learning rate.

    :raises RecordError: the recipe names parts that the network does not have.
    """
    groups: dict[tuple[float, bool], list[torch.nn.Parameter]] = {(1.0, True): [], (1.0, False): []}
    used = set()
    for name, parameter in network.named_parameters():
        part = max((p for p in recipe.learning_rate_factors if f"{name}.".startswith(f"{p}.")), key=len, default=None)
        used.add(part)
        factor = 1.0 if part is None else recipe.learning_rate_factors[part]
        # Unless a paper does, biases and norms are not decayed: decay would pull BatchNorm's scale to zero.
        if parameter.requires_grad:
            groups.setdefault((factor, parameter.ndim > 1 or recipe.decay_all), []).append(parameter)
    if unknown := sorted(set(recipe.learning_rate_factors) - used):
        parts = ", ".join(name for name, _ in network.named_children())
        raise RecordError(f"learning_rate_factors: this network has no part {', '.join(unknown)}; its parts are {parts}")
    settings = [{"params": members, "weight_decay": recipe.weight_decay * decayed} for (_, decayed), members in groups.items()]
    return _OPTIMIZERS[recipe.optimizer](settings, recipe), [factor for factor, _ in groups]


_OPTIMIZERS: dict[str, Callable[[Any, Recipe], torch.optim.Optimizer]] = {
    "adamw": lambda groups, recipe: torch.optim.AdamW(groups, lr=recipe.learning_rate),
    "adam": lambda groups, recipe: torch.optim.Adam(groups, lr=recipe.learning_rate),
    "sgd": lambda groups, recipe: torch.optim.SGD(groups, lr=recipe.learning_rate, momentum=recipe.momentum),
}
