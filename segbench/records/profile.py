"""Profiles: what a network costs on one machine. A record of its own, because it belongs to a machine and not to an accuracy.

``segbench.profile/2`` is one JSON object, the fields of :class:`Profile`. ``network_ms`` and ``predict_ms`` hold percentiles, the 95 %
interval of the median (``interval``) and every sample, a list for each process; ``images_per_s`` in a file is a courtesy. Schema 1 kept
medians and 95th percentiles alone; :data:`UPGRADES` says how it is read.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from segbench.errors import RecordError
from segbench.files.foreign import read_json
from segbench.files.json_text import dump_json
from segbench.files.notebook import Shown
from segbench.files.shapes import require_shape
from segbench.metrics.latency import Interval, median_interval, percentiles
from segbench.records.shape import PROFILE

PROFILE_SCHEMA = "segbench.profile/2"
# What must be equal for the samples of two processes to be of one thing.
SAME = ("model", "arguments", "backend", "weights_sha256", "input_size", "batch_size", "precision", "device", "threads", "environment")


@dataclass(frozen=True)
class Timing:
    """How long a piece of work takes, in milliseconds: percentiles (``p50``, ``p90``, ...), the interval of the median, all samples."""

    percentiles: Mapping[str, float]
    interval: Interval | None = None
    samples: tuple[tuple[float, ...], ...] = ()

    @classmethod
    def of(cls, processes: Sequence[Sequence[float]]) -> Timing:
        """From the samples of each process. They are kept to the microsecond."""
        samples = tuple(tuple(round(value, 3) for value in process) for process in processes)
        return cls(percentiles(samples), median_interval(samples), samples)

    @property
    def median(self) -> float:
        """The 50th percentile."""
        return self.percentiles["p50"]

    def to_dict(self) -> dict[str, Any]:
        """As it is written."""
        return {**self.percentiles, "interval": self.interval, "samples": self.samples}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Timing:
        """What :meth:`to_dict` gave.

        :raises ValueError: there is no median, or it is not that of the samples.
        """
        named = {key: float(value) for key, value in data.items() if key.startswith("p")}
        samples = tuple(tuple(map(float, process)) for process in data["samples"])
        if not all(samples):
            raise ValueError("a process has no samples")
        if "p50" not in named or (samples and percentiles(samples)["p50"] != named["p50"]):
            raise ValueError("p50 is missing, or not the median of the samples")
        if data["interval"] is None:
            return cls(named, None, samples)
        low, high = data["interval"]
        return cls(named, (float(low), float(high)), samples)


BUSY = 1.5  # processes for each core that run or wait


@dataclass(frozen=True)
class Profile(Shown):
    """Speed and size of one network on one machine, run by one backend, on ``batch_size`` images of ``input_size`` (height, width).

    ``network``: tensor in, logits out. ``predict``: uint8 images on the device in, class maps at full size out (normalisation, network,
    upsampling, argmax). Both are times of whole batches after warm-up. ``throughput`` is (batch size, images a second of ``predict``) for
    each batch size where the best one was looked for, ``throughput_end`` why no larger one was tried.

    ``changed``: those of the ``arguments`` that are not the network's default; ``None`` where that is not known.

    Parameters: all, those that training changes, those that it does not, those that inference uses. ``macs`` are of one image;
    ``uncounted`` names the operators that are not in them, with their calls.

    ``activations_mb``: what the layers without parts give out on one image. ``weights_mb``: the network's tensors as a file holds them.
    ``None`` where another runtime hides these.

    ``peak_memory_mb`` and what it is, or why it is not known (``peak_memory``). ``repeats``: samples, all processes together. ``warmup``
    and ``device_state`` (of each process), ``environment`` and ``command`` say how it came to be. Megabytes are 2^20 bytes.

    >>> import segbench
    >>> segmenter = segbench.build_model("enet", segbench.label_space("camvid"), width=0.125)
    >>> (measured,) = segbench.profile([segmenter], (64, 96))
    >>> measured.params, measured.macs
    (7363, 1032960)
    """

    model: str
    arguments: Mapping[str, Any]
    params: int | None
    params_trainable: int | None
    params_frozen: int | None
    params_infer: int | None
    macs: int | None
    input_size: tuple[int, int]
    batch_size: int
    precision: str
    device: str
    threads: int
    repeats: int
    network: Timing
    predict: Timing
    peak_memory_mb: float | None
    peak_memory: str = ""
    backend: str = "eager"
    weights_sha256: str | None = None
    uncounted: Mapping[str, int] = field(default_factory=dict)
    activations_mb: float | None = None
    weights_mb: float | None = None
    throughput: tuple[tuple[int, float], ...] = ()
    throughput_end: str = ""
    warmup: tuple[Mapping[str, Any], ...] = ()
    device_state: tuple[Mapping[str, Any], ...] = ()
    environment: Mapping[str, Any] = field(default_factory=dict)
    command: str = ""
    changed: Mapping[str, Any] | None = None

    @property
    def changed_arguments(self) -> Mapping[str, Any]:
        """The arguments that are not the default; all of them where the profile does not say."""
        return self.arguments if self.changed is None else self.changed

    @property
    def busy(self) -> str | None:
        """That others kept the processors busy when it was measured on a CPU, e.g. "load 5.2 on 2 cores"; ``None`` if it was quiet.

        The load of a minute counts this process too, so it is called busy from one and a half waiting processes for each core.
        """
        cores = self.environment.get("cores") or math.inf
        loads = [float((state.get("before") or {}).get("load_1min") or 0) for state in self.device_state]
        worst = max(loads, default=0.0)
        return f"load {worst:.1f} on {cores} cores" if worst > BUSY * cores else None

    @property
    def network_ms(self) -> float:
        """Median time of the network alone."""
        return self.network.median

    @property
    def predict_ms(self) -> float:
        """Median time from images to class maps."""
        return self.predict.median

    @property
    def images_per_s(self) -> float:
        """How many images a second get their class map at this batch size."""
        return 1000 * self.batch_size / self.predict_ms

    def to_json(self) -> str:
        """The record as text; equal profiles give equal bytes."""
        plain = asdict(self)
        times = {"network_ms": self.network.to_dict(), "predict_ms": self.predict.to_dict(), "images_per_s": self.images_per_s}
        del plain["network"], plain["predict"]
        order = ["model", "arguments", "changed", "backend", "weights_sha256", *plain]
        said = {key: plain[key] for key in order if key != "changed" or plain[key] is not None}
        return dump_json({"schema": PROFILE_SCHEMA, **said, **times})


def joined(first: Profile, second: Profile) -> Profile:
    """One profile of two that processes of their own measured alike: their samples side by side, the higher peak of memory.

    :raises RecordError: they are not of one network, run in one way, on one machine.
    """
    apart = [each.name for each in fields(Profile) if each.name in SAME and getattr(first, each.name) != getattr(second, each.name)]
    if apart:
        raise RecordError(f"profiles of {first.model} differ in {', '.join(apart)}: they are not one measurement")
    peaks = [each.peak_memory_mb for each in (first, second) if each.peak_memory_mb is not None]
    return replace(
        second,
        network=Timing.of([*first.network.samples, *second.network.samples]),
        predict=Timing.of([*first.predict.samples, *second.predict.samples]),
        repeats=first.repeats + second.repeats,
        peak_memory_mb=max(peaks, default=None),
        warmup=(*first.warmup, *second.warmup),
        device_state=(*first.device_state, *second.device_state),
    )


def read_profile(path: Path) -> Profile:
    """Read a profile of any schema version that was ever written.

    :raises RecordError: the file is missing or is no profile.
    """
    try:
        data = read_json(path)
        if not isinstance(data, dict):
            raise ValueError("it is not a JSON object")
        while (schema := data.pop("schema")) != PROFILE_SCHEMA:
            if schema not in UPGRADES:
                raise ValueError(f"schema {schema!r}; this segbench reads {PROFILE_SCHEMA!r}")
            data = UPGRADES[schema](data)
        require_shape(data, PROFILE)
        data |= {name: Timing.from_dict(data.pop(f"{name}_ms")) for name in ("network", "predict")}
        del data["images_per_s"]
        throughput = tuple((int(batch), float(speed)) for batch, speed in data["throughput"])
        height, width = data["input_size"]
        lists = {name: tuple(data.get(name, ())) for name in ("warmup", "device_state")}
        return Profile(**data | lists | {"input_size": (height, width), "throughput": throughput})
    except (OSError, ValueError, LookupError, ArithmeticError, TypeError, AttributeError) as error:
        raise RecordError(f"{path}: not a profile ({error})") from error


def is_profile(data: object) -> bool:
    """Whether parsed JSON calls itself a profile of a schema that can be read."""
    return isinstance(data, dict) and data.get("schema") in (PROFILE_SCHEMA, *UPGRADES)


def _from_1(data: dict[str, Any]) -> dict[str, Any]:
    """Schema 1 had a median and a 95th percentile for each time, and no samples."""
    for name in ("network", "predict"):
        data[f"{name}_ms"] = {"p50": data[f"{name}_ms"], "p95": data.pop(f"{name}_p95_ms"), "interval": None, "samples": []}
    total, trainable = data["params"], data["params_trainable"]
    return data | {"schema": PROFILE_SCHEMA, "params_frozen": None if total is None else total - trainable, "throughput": []}


UPGRADES: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {"segbench.profile/1": _from_1}
"""What brings the data of an old schema to the next one."""
