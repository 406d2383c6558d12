"""Speed and size of the very network that gave the accuracy.

One pass gives both times: the network's alone, and that from images to class maps. See :mod:`segbench.profiling.timing` for how passes are
timed, :mod:`segbench.models.size` for what is counted, :mod:`segbench.profiling.backends` for the ways to run a network.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from segbench.evaluation.execution import AS_IT_IS
from segbench.evaluation.precision import arithmetic
from segbench.evaluation.protocol import Precision, Protocol
from segbench.models.facts import changed_arguments
from segbench.models.segmenter import Segmenter, example_inputs, finish, scores_of
from segbench.models.size import MB, count_pass, resident_bytes, size_facts, weight_bytes
from segbench.profiling.backends import BACKENDS, Forward, prepare
from segbench.profiling.device_state import device_load, device_settings, memory_mb
from segbench.profiling.timing import Effort, stopwatch, time_in_turns, warm_up
from segbench.records.device import available_mb, device_name
from segbench.records.environment import environment
from segbench.records.profile import Profile, Timing

GAIN = 0.03
NEEDS_A_PROCESS = "on a CPU only a process of its own shows it: segbench profile --restarts"
QUEUED_SECONDS = 0.5


@dataclass(frozen=True, eq=False)
class Runner:
    """A network, as a backend runs it on images uint8[N, H, W, 3]: ``first()`` makes its first input of them, ``further`` are others."""

    segmenter: Segmenter
    backend: str
    precision: Precision
    images: Tensor
    first: Callable[[], Tensor]
    further: tuple[Tensor, ...]
    forward: Forward

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) of the images."""
        return self.images.shape[1], self.images.shape[2]

    def run(self, mark: Callable[[], Any] = lambda: None) -> tuple[Any, Any, Any, Any]:
        """One pass from images to class maps; marks at its start, before and after the network, and at its end."""
        with torch.inference_mode(), arithmetic(self.images.device, self.precision):
            start = mark()
            given = self.first()
            before = mark()
            returned = self.forward(given, *self.further)
            after = mark()
            finish(self.segmenter, scores_of(self.segmenter, returned, given), self.size)
            return start, before, after, mark()

    def once(self) -> tuple[float, float]:
        """Milliseconds of the network and of the whole pass."""
        mark, between = stopwatch(self.images.device)
        if self.images.device.type == "cuda":
            torch.cuda.synchronize(self.images.device)
        start, before, after, end = self.run(mark)
        return between(before, after), between(start, end)


def runner(
    segmenter: Segmenter, size: tuple[int, int], *, batch_size: int = 1, backend: str = "eager", precision: Precision = "fp32"
) -> Runner:
    """A network, in evaluation mode, with images to be run on. They are noise, the same for every network.

    :raises ProtocolError: the backend cannot run this network on this machine.
    """
    segmenter.network.eval()
    noise = torch.randint(0, 256, (batch_size, *size, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    images, inputs = noise.to(segmenter.device), example_inputs(segmenter, size, batch_size)

    def first() -> Tensor:
        return segmenter.input_rule.pad(segmenter.normalize(images)) if segmenter.inputs[0] == "rgb" else inputs[0]

    if backend in BACKENDS:
        precision = BACKENDS[backend].precision or precision
    if backend != "channels-last":
        segmenter = AS_IT_IS.on(segmenter.device, precision).prepare(segmenter)
    with torch.inference_mode():
        example = (first(), *inputs[1:])
    with _tuned(segmenter.device), arithmetic(segmenter.device, precision):
        forward = prepare(backend, segmenter, example, size)
    return Runner(segmenter, backend, precision, images, first, inputs[1:], forward)


def profile(
    segmenters: Sequence[Segmenter],
    size: tuple[int, int],
    *,
    batch_size: int = 1,
    effort: Effort | None = None,
    protocol: Protocol | None = None,
) -> list[Profile]:
    """Profile networks on images of (height, width), in turn, as `run` runs them.

    >>> import segbench
    >>> (measured,) = segbench.profile([segbench.build_model("enet", segbench.label_space("camvid"), width=0.125)], (64, 96))
    >>> measured.network_ms > 0
    True
    """
    steps = profiling(segmenters, size, effort or Effort(), protocol or Protocol(), batch_size=batch_size)
    return [step for step in steps if isinstance(step, Profile)]


def profiling(
    segmenters: Sequence[Segmenter], size: tuple[int, int], effort: Effort, protocol: Protocol, *, batch_size: int = 1
) -> Iterator[float | Profile]:
    """As :func:`profile`, step by step: see :func:`measuring`."""
    runners = [runner(segmenter, size, batch_size=batch_size, precision=protocol.precision) for segmenter in segmenters]
    yield from measuring(runners, effort)


def measure(runners: Sequence[Runner], effort: Effort, *, best_batch: bool = False, memory_before_mb: float | None = None) -> list[Profile]:
    """Profile what runs on one device; see :func:`measuring`."""
    steps = measuring(runners, effort, best_batch=best_batch, memory_before_mb=memory_before_mb)
    return [step for step in steps if isinstance(step, Profile)]


def measuring(
    runners: Sequence[Runner], effort: Effort, *, best_batch: bool = False, memory_before_mb: float | None = None
) -> Iterator[float | Profile]:
    """Profile what runs on one device: warm up each, then take turns. Yields the share of the timing that is done, then the profiles.

    :param best_batch: also double the batch until that gains less than 3 % images a second, or memory ends.
    :param memory_before_mb: memory of this process before the only network was built, if the process is there for it alone.
    """
    device = runners[0].images.device
    with _tuned(device):
        settings, before = device_settings(device), device_load(device)
        warmups = [warm_up(each.once, effort) for each in runners]
        samples = yield from time_in_turns([each.once for each in runners], effort)
        peaks = [_peak_memory(each, memory_before_mb) for each in runners]
        state = {**settings, "before": before, "after": device_load(device)}
        profiles = [_profile(*each, state) for each in zip(runners, warmups, samples, peaks, strict=True)]
        yield from (_with_throughput(*each) for each in zip(profiles, runners, strict=True)) if best_batch else profiles


@contextmanager
def _tuned(device: torch.device) -> Iterator[None]:
    """CuDNN picks its algorithms by trying them, as everybody who cares for speed lets it do."""
    if device.type != "cuda":
        yield
        return
    with torch.backends.cudnn.flags(enabled=True, benchmark=True, allow_tf32=torch.backends.cudnn.allow_tf32):
        yield


def _profile(
    run: Runner,
    warmup: dict[str, Any],
    samples: list[tuple[float, float]],
    peak: tuple[float | None, str],
    state: dict[str, Any],
) -> Profile:
    segmenter, counted = run.segmenter, count_pass(run.segmenter, run.size)
    return Profile(
        model=segmenter.title,
        arguments=dict(segmenter.arguments),
        changed=changed_arguments(segmenter),
        backend=run.backend,
        weights_sha256=segmenter.weights_sha256,
        **size_facts(segmenter, counted),
        uncounted=counted.uncounted if counted else {},
        activations_mb=counted.activation_bytes / MB if counted and counted.activation_bytes else None,
        weights_mb=weight_bytes(segmenter) / MB,
        input_size=run.size,
        batch_size=len(run.images),
        precision=run.precision,
        device=device_name(run.images.device),
        threads=torch.get_num_threads(),
        repeats=len(samples),
        network=Timing.of([[network for network, _ in samples]]),
        predict=Timing.of([[whole for _, whole in samples]]),
        peak_memory_mb=peak[0],
        peak_memory=peak[1],
        warmup=(warmup,),
        device_state=(state,),
        environment=environment(),
    )


def _peak_memory(run: Runner, before_mb: float | None) -> tuple[float | None, str]:
    """MB, and what they are; or ``None``, and why."""
    device = run.images.device
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        before = torch.cuda.memory_allocated(device)
        run.once()
        own = (
            torch.cuda.max_memory_allocated(device) - before + resident_bytes(run.segmenter.network) + getattr(run.forward, "pool_bytes", 0)
        )
        return own / MB, "the network and the most that a pass allocates beside it on the device"
    highest = None if before_mb is None else memory_mb("VmHWM")
    if before_mb is None or highest is None:
        return None, NEEDS_A_PROCESS if before_mb is None else "this system does not say"
    return highest - before_mb, "the most that a process of its own held, less what it held with torch loaded and no network"


def _with_throughput(measured: Profile, run: Runner) -> Profile:
    """The profile with the speeds of doubled batches, and the reason why the doubling ended."""
    speeds = [(measured.batch_size, measured.images_per_s)]
    while True:
        batch = 2 * speeds[-1][0]
        try:
            speed = _images_per_s(run, batch)
        except (MemoryError, torch.OutOfMemoryError) as error:
            return replace(measured, throughput=tuple(speeds), throughput_end=f"no memory for a batch of {batch} ({error})")
        speeds.append((batch, speed))
        if speed < (1 + GAIN) * speeds[-2][1]:
            return replace(measured, throughput=tuple(speeds), throughput_end=f"a batch of {batch} gains less than {GAIN:.0%}")


def _images_per_s(run: Runner, batch: int) -> float:
    """Passes are queued one after another for half a second, and at least two; one more before warms up.

    :raises MemoryError: so many images would not fit into the memory that is free.
    """
    counted, free = count_pass(run.segmenter, run.size), available_mb()
    needed = batch * (counted.activation_bytes or 0) / MB if counted else 0.0
    if run.images.device.type == "cpu" and free is not None and needed > free / 2:
        raise MemoryError(f"{free:.0f} MB are free, and its activations take {needed:.0f} MB")
    larger = runner(run.segmenter, run.size, batch_size=batch, backend=run.backend, precision=run.precision)
    mark, between = stopwatch(run.images.device)
    _, once_ms = larger.once()
    passes = max(2, round(1000 * QUEUED_SECONDS / once_ms))
    start = mark()
    for _ in range(passes):
        larger.run()
    return 1000 * batch * passes / between(start, mark())
