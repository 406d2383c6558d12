"""Where a pass makes the host wait for the device: there must be no such place, in any network."""

from __future__ import annotations

import traceback
import warnings
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import torch

from segbench.evaluation.inference import pass_of
from segbench.evaluation.precision import arithmetic
from segbench.evaluation.protocol import Protocol
from segbench.evaluation.transfer import upload
from segbench.models import MODELS
from segbench.models.loading import random_models
from tests.device.step import Step, device

SIZE = (256, 512)
PROTOCOLS = {
    "plain": Protocol(),
    "two scales, mirrored": Protocol(scales=(1.0, 1.5), flip=True),
    "windows": Protocol(crop=(192, 256), stride=(128, 256)),
}


def run(step: Step) -> None:
    """Every network under the plain protocol, and one under each of the others."""
    if device().type != "cuda":
        step.say("waits", skipped="no CUDA device")
        return
    tried, places = 0, Counter[str]()
    for name in MODELS.table:
        if step.has_time(name):
            with step.part(name):
                waits = count_waits(name, Protocol())
                tried += 1
                places += waits
                if waits:
                    step.say(name, waits=dict(waits))
    step.say("all networks", tried=tried, of=len(MODELS.table), waits=sum(places.values()))
    for title, protocol in PROTOCOLS.items():
        with step.part(title):
            step.say(title, waits=dict(count_waits("enet", protocol)))


def count_waits(name: str, protocol: Protocol) -> Counter[str]:
    """How often each line of code made the host wait, in the third pass of a network with random weights."""
    (segmenter,) = random_models([name], 19, device())
    image, target, depth = np.zeros((*SIZE, 3), np.uint8), np.zeros(SIZE, np.uint8), np.zeros(SIZE, np.float32)
    one = pass_of(segmenter, protocol, graphs=False)
    places = Counter[str]()

    def note(message: Any, category: Any, filename: str, line: int, *_: Any, **__: Any) -> None:
        frames = [f"{Path(f.filename).name}:{f.lineno}" for f in traceback.extract_stack() if "/segbench/" in f.filename]
        places[frames[-1] if frames else f"{filename}:{line}"] += 1

    for number in range(3):
        given = upload((image, target, depth if "depth" in segmenter.inputs else None), device())()
        inputs = [each for each in given if each is not None]
        torch.cuda.synchronize()
        with warnings.catch_warnings(), torch.inference_mode(), arithmetic(device(), protocol.precision):
            warnings.simplefilter("always")
            warnings.showwarning = note
            torch.cuda.set_sync_debug_mode("warn" if number == 2 else "default")
            places.clear()  # the mode warns of itself
            one(*inputs)
            torch.cuda.set_sync_debug_mode("default")
    return places
