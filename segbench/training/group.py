"""Processes that train one network together: each sees its share of every batch, and all hold the same weights after every step.

The loss of a step is that of the whole batch, whatever the number of processes: what a loss divides by is added over all of them, so it
differs by rounding alone. Beside that only batch normalisation looks at several images at once: :func:`synced_norms`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from segbench.errors import UsageError

Value = TypeVar("Value")


@dataclass(frozen=True)
class Group:
    """Process ``rank`` of ``size``; with several, torch.distributed must be initialised. ``tensors``: the group that tensors go through."""

    rank: int = 0
    size: int = 1
    tensors: Any = None

    @classmethod
    def of(cls, rank: int, size: int, device: torch.device) -> Group:
        """The group of a launch; tensors on a CUDA device go through NCCL."""
        if size == 1:
            return ALONE
        import torch.distributed as dist

        return cls(rank, size, dist.new_group(backend="nccl") if device.type == "cuda" else None)

    @property
    def leads(self) -> bool:
        """Whether this process validates and writes."""
        return self.rank == 0

    def share_of(self, batch_size: int) -> range:
        """Which images of a batch are this process's.

        :raises UsageError: the batch does not divide.
        """
        own, rest = divmod(batch_size, self.size)
        if rest:
            below = max(own, 1) * self.size
            way_out = f"--batch-size {below} or {below + self.size}" if below < batch_size else f"--batch-size {below}"
            raise UsageError(f"a batch of {batch_size} images does not divide among {self.size} processes: train with {way_out}")
        return range(self.rank * own, (self.rank + 1) * own)

    def sum(self, values: Tensor) -> Tensor:
        """Values of all processes, added; without a gradient."""
        if self.size == 1:
            return values
        import torch.distributed as dist

        total = values.detach().clone()
        dist.all_reduce(total, group=self.tensors)
        return total

    def gather(self, values: Tensor) -> Tensor:
        """Values of all processes, one behind the other; of each as many."""
        if self.size == 1:
            return values
        import torch.distributed as dist

        parts = [torch.empty_like(values) for _ in range(self.size)]
        dist.all_gather(parts, values.detach().contiguous(), group=self.tensors)
        return torch.cat(parts)

    def first(self, value: Value) -> Value:
        """What the first process says, on all."""
        if self.size == 1:
            return value
        import torch.distributed as dist

        said: list[Any] = [value]
        dist.broadcast_object_list(said)
        return said[0]  # type: ignore[no-any-return]

    def joined(self, network: nn.Module) -> nn.Module:
        """The network as it is called in a step: gradients are the mean over all processes."""
        if self.size == 1:
            return network
        from torch.nn.parallel import DistributedDataParallel

        return DistributedDataParallel(network, process_group=self.tensors)


ALONE = Group()


@contextmanager
def synced_norms(network: nn.Module, group: Group) -> Iterator[None]:
    """Within this context batch normalisation sees the whole batch, not a process's share of it; behind it everything is as it was."""
    norms = [module for module in network.modules() if isinstance(module, nn.modules.batchnorm._BatchNorm)] if group.size > 1 else []
    for norm in norms:
        norm.forward = partial(_normalised, norm, group)  # type: ignore[method-assign]
    try:
        yield
    finally:
        for norm in norms:
            del norm.forward  # what remains is the class's own


def _normalised(norm: nn.modules.batchnorm._BatchNorm, group: Group, x: Tensor) -> Tensor:
    """What batch normalisation gives, with mean and variance over all processes. In float32, whatever the network runs in."""
    if not norm.training:
        plain: Tensor = type(norm).forward(norm, x)
        return plain
    from torch.distributed.nn.functional import all_reduce  # adds gradients up on the way back

    way: dict[str, Any] = {} if group.tensors is None else {"group": group.tensors}
    with torch.autocast(x.device.type, enabled=False):
        values = x.float()
        axes, shape = [axis for axis in range(x.ndim) if axis != 1], [1, -1] + [1] * (x.ndim - 2)
        number = group.size * x.numel() // x.shape[1]
        mean = all_reduce(values.sum(axes), **way) / number
        centred = values - mean.view(shape)
        variance = all_reduce(centred.square().sum(axes), **way) / number
        if norm.track_running_stats and norm.running_mean is not None and norm.running_var is not None:
            _track(norm, mean.detach(), variance.detach() * (number / max(number - 1, 1)))
        scaled = centred * torch.rsqrt(variance + norm.eps).view(shape)
        if norm.affine:
            scaled = scaled * norm.weight.view(shape) + norm.bias.view(shape)
    out: Tensor = scaled.to(x.dtype)
    return out


@torch.no_grad()
def _track(norm: nn.modules.batchnorm._BatchNorm, mean: Tensor, variance: Tensor) -> None:
    """Move the running statistics, as torch does."""
    assert norm.running_mean is not None
    assert norm.running_var is not None
    if norm.num_batches_tracked is not None:
        norm.num_batches_tracked.add_(1)
    share = norm.momentum if norm.momentum is not None else 1 / float(norm.num_batches_tracked or 1)
    norm.running_mean.lerp_(mean.to(norm.running_mean.dtype), share)
    norm.running_var.lerp_(variance.to(norm.running_var.dtype), share)
