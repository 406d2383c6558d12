"""``exported:FILE``: a program saved by ``torch.export.save`` (``.pt2``)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from segbench.errors import WeightsError
from segbench.labels.space import LabelSpace
from segbench.models.adapters.base import existing_file
from segbench.models.adapters.description import KEY, Description, read_description
from segbench.models.adapters.frozen import Frozen, frozen_segmenter
from segbench.models.segmenter import Segmenter

EXAMPLE = "segbench run --models exported:enet.pt2 --dataset cityscapes --data DIR"


class ExportedNetwork(Frozen):
    """Runs an exported program. Moving it moves the tensors that the program makes, too."""

    def __init__(self, program: torch.export.ExportedProgram, path: Path, description: Description) -> None:
        super().__init__(path.name, description)
        self.program = program
        self.network = program.module().requires_grad_(False)

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Any:
        before = self.anchor.device
        super()._apply(fn, recurse)
        if self.anchor.device != before:
            from torch.export.passes import move_to_device_pass

            self.program = move_to_device_pass(self.program, self.anchor.device)
            self.network = self.program.module().requires_grad_(False)
        return self

    def compute(self, image: Tensor) -> Tensor:
        """As the program has it."""
        return self.network(image)  # type: ignore[no-any-return]


def open_model(reference: str, labels: LabelSpace) -> Segmenter:
    """The network in a file, with the labels and the normalisation of its description.

    :raises WeightsError: the file is missing, is no exported program, or does not describe itself.
    """
    path = existing_file(reference, "exported")
    extra = {f"{KEY}.json": ""}
    try:
        program = torch.export.load(path, extra_files=extra)
    except Exception as error:  # torch raises whatever the archive makes it stumble over
        raise WeightsError(f"{path}: torch.export cannot read it ({type(error).__name__}: {error})") from error
    description = read_description(path, extra[f"{KEY}.json"])
    return frozen_segmenter("exported", path, ExportedNetwork(program, path, description), description)
