"""How a network is executed: it changes the speed, and scores by a last digit at most, so records keep it and signatures do not."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import torch

from segbench.evaluation.protocol import Precision
from segbench.models.segmenter import Segmenter


@dataclass(frozen=True)
class Execution:
    """By default a network is called as it is, with images in the memory order in which they were decoded, and replayed from CUDA graphs.

    :param channels_last: weights and inputs in channels-last memory, or contiguous; ``None`` leaves them as they are; see :meth:`on`.
    :param compile: the network is compiled by ``torch.compile``, once for each size of image.
    :param graphs: on a CUDA device passes are replayed from CUDA graphs; see :mod:`segbench.evaluation.graphs`.
    """

    channels_last: bool | None = None
    compile: bool = False
    graphs: bool = True

    def prepare(self, segmenter: Segmenter) -> Segmenter:
        """The segmenter, its network changed in place; its parameters keep their names."""
        network = segmenter.network
        if self.channels_last is not None:
            layout = torch.channels_last if self.channels_last else torch.contiguous_format
            network.to(memory_format=layout)  # type: ignore[call-overload]
            network.register_forward_pre_hook(lambda _, inputs: tuple(one.contiguous(memory_format=layout) for one in inputs))
        if self.compile:
            network.compile()
        return segmenter

    def on(self, device: torch.device, precision: Precision) -> Execution:
        """The same with the memory order that is fastest on a device, if none was chosen.

        Measured on an H200 with cuDNN 9.19: in IEEE single precision networks take 5 to 30 % less time on contiguous memory; the
        arithmetic of the tensor cores wants channels-last.
        """
        if self.channels_last is not None or device.type != "cuda":
            return self
        return replace(self, channels_last=precision != "fp32")

    def facts(self) -> dict[str, Any]:
        """What the record says of it; nothing of what was left as it is."""
        layout = {} if self.channels_last is None else {"channels_last": self.channels_last}
        return layout | ({"compiled": True} if self.compile else {})


AS_IT_IS = Execution()
