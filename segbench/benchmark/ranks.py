"""Processes that a launcher (torchrun, srun) started together: each does a share of the images, the first one does what is done once.

Nothing is exchanged while images are counted; before and after it, small values go through gloo, beside GPUs too. A process that is alone
needs no launcher, and imports nothing of torch.distributed.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from types import FrameType
from typing import TYPE_CHECKING, Any, TypeVar

from segbench.errors import SegbenchError, UsageError
from segbench.records.shard import Shard

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Value = TypeVar("Value")
LONGEST = timedelta(days=30)
"""How long ranks wait for one another: one with slow images is waited for, and one that has died is noticed at once."""


class LaunchError(Exception):
    """Another rank has stopped, or the launcher stops this one. What was counted so far is kept."""


class _Stopped(BaseException):
    """The launcher asked this process to stop; no ``except Exception`` holds it up."""


@dataclass(frozen=True)
class Ranks:
    """Which process it is: ``rank`` of ``size``, and ``local`` of those on its machine, all counted from 0.

    ``losses`` make what is said when the launch fails; the last one is.
    """

    rank: int = 0
    size: int = 1
    local: int = 0
    losses: list[Callable[[], SegbenchError]] = field(default_factory=list)

    @property
    def leads(self) -> bool:
        """Whether this process prints, times and writes."""
        return self.rank == 0

    @property
    def shard(self) -> Shard:
        """Its share of the images."""
        return Shard(self.rank, self.size)

    @contextmanager
    def joined(self) -> Iterator[None]:
        """In the block the ranks can talk.

        :raises SegbenchError: another rank stopped before the end, or the launcher stops this one: the first two ranks tell what is lost.
        :raises SystemExit: so do the others, without a word.
        """
        if self.size == 1:
            yield
            return
        import torch.distributed as dist

        try:
            dist.init_process_group("gloo", timeout=LONGEST, rank=self.rank, world_size=self.size)
        except (RuntimeError, ValueError) as error:
            way_out = "torchrun sets MASTER_ADDR and MASTER_PORT; with srun export them: the first node's name, and a free port"
            raise UsageError(f"RANK {self.rank} of WORLD_SIZE {self.size} cannot meet the others ({error}): {way_out}") from error
        before = signal.signal(signal.SIGTERM, _stop)
        try:
            yield
        except (LaunchError, _Stopped) as error:
            if self.rank < 2 and self.losses:
                raise self.losses[-1]() from error
            raise SystemExit(2) from error
        finally:
            signal.signal(signal.SIGTERM, before)
            dist.destroy_process_group()

    def gather(self, value: Value) -> list[Value]:
        """The values of all ranks, in order, on every rank.

        :raises LaunchError: another rank has stopped.
        """
        if self.size == 1:
            return [value]
        import torch.distributed as dist

        values: list[Any] = [None] * self.size
        with _peers():
            dist.all_gather_object(values, value)
        return values

    def sum(self, counts: NDArray[np.int64]) -> NDArray[np.int64]:
        """Whole numbers of all ranks, added.

        :raises LaunchError: another rank has stopped.
        """
        if self.size == 1:
            return counts
        import torch
        import torch.distributed as dist

        total = torch.from_numpy(counts.copy())
        with _peers():
            dist.all_reduce(total)
        return total.numpy()

    @contextmanager
    def watched(self) -> Iterator[None]:
        """In the block ranks exchange tensors by themselves.

        :raises LaunchError: another rank has stopped.
        """
        try:
            yield
        except RuntimeError as error:
            if self.size > 1 and _is_of_peers(error):
                raise LaunchError("another rank has stopped") from error
            raise

    @contextmanager
    def one_first(self) -> Iterator[None]:
        """The first rank of each machine goes through the block before the others: it may draw or download what they share."""
        if self.local:
            self.gather(None)
        yield
        if not self.local:
            self.gather(None)


ALONE = Ranks()


@contextmanager
def _peers() -> Iterator[None]:
    try:
        yield
    except RuntimeError as error:
        raise LaunchError("another rank has stopped") from error


def _is_of_peers(error: RuntimeError) -> bool:
    """Whether it was raised because another process is gone, and not for a reason of this one."""
    said = ("gloo", "NCCL", "onnection closed", "onnection reset")
    return type(error).__name__.startswith("Dist") or any(word in str(error) for word in said)


def _stop(number: int, frame: FrameType | None) -> None:
    raise _Stopped
