"""``exported:FILE``: a program saved by ``torch.export.save`` (``.pt2``)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from segbench.errors import WeightsError
from segbench.labels.space import LabelSpace
from segbench.models.adapters.base import existing_file
from segbench.models.adapters.description import KEY, Description, read_description
from segbench.models.adapters.frozen import Accepts, Frozen, Side, accepted, frozen_segmenter
from segbench.models.adapters.pt2_contents import refuse_code
from segbench.models.finite import infinite, said
from segbench.models.segmenter import Segmenter

EXAMPLE = "segbench run --models exported:enet.pt2 --dataset cityscapes --data DIR"


class ExportedNetwork(Frozen):
    """Runs an exported program. Moving it moves the tensors that the program makes, too."""

    def __init__(self, program: torch.export.ExportedProgram, path: Path, description: Description, accepts: Accepts) -> None:
        super().__init__([path], description, accepts)
        self.program = program
        self.network = program.module().requires_grad_(False)
        self.keyword = next(iter(_call(program)[1]), None)

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Any:
        before = self.anchor.device
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        if self.anchor.device != before:
            from torch.export.passes import move_to_device_pass

            self.program = move_to_device_pass(self.program, self.anchor.device)
            self.network = self.program.module().requires_grad_(False)
        return self

    def compute(self, images: Tensor) -> Any:
        """As the program has it."""
        return self.network(images) if self.keyword is None else self.network(**{self.keyword: images})


def open_model(reference: str, labels: LabelSpace) -> Segmenter:
    """The network in a file, with the labels and the normalisation of its description.

    :raises WeightsError: the file is missing, is no exported program of images, does not describe itself, or holds NaN.
    """
    path = existing_file(reference, "exported")
    extra = {f"{KEY}.json": ""}
    try:
        refuse_code(path)
        program = torch.export.load(path, extra_files=extra)
    except WeightsError:
        raise
    except Exception as error:  # torch raises whatever the archive makes it stumble over
        raise WeightsError(f"{path}: torch.export cannot read it ({type(error).__name__}: {error})") from error
    if problems := infinite(_weights(program)):
        raise WeightsError(f"{path}: {said(problems)}")
    accepts, description = accepted(path, _accepts(path, program), read_description(path, extra[f"{KEY}.json"]))
    return frozen_segmenter("exported", ExportedNetwork(program, path, description, accepts))


def _weights(program: torch.export.ExportedProgram) -> Iterator[tuple[str, Tensor, bool]]:
    """Its tensors with their names, and whether they may hold minus infinity."""
    parameters = {name for name, _ in program.named_parameters()}
    for name, tensor in (*program.state_dict.items(), *program.constants.items()):
        if isinstance(tensor, Tensor):
            yield name, tensor, name not in parameters and tensor.ndim > 1


def _call(program: torch.export.ExportedProgram) -> tuple[int, list[str]]:
    """How many arguments it takes by place, and the names of the others."""
    spec: Any = program.call_spec.in_spec
    positional, keywords = spec.children() if hasattr(spec, "children") else spec.children_specs  # before torch 2.8
    return positional.num_leaves, list(keywords.context or ())


def _accepts(path: Path, program: torch.export.ExportedProgram) -> Accepts:
    """What the program's input is, by the shape and the type that it was traced with and the ranges in which they may vary.

    :raises WeightsError: it does not take [N, 3, H, W] of floating-point numbers, and nothing else.
    """
    names = program.graph_signature.user_inputs
    given = [node.meta["val"] for node in program.graph.nodes if node.op == "placeholder" and node.name in names]
    one = given[0] if len(given) == 1 and sum(map(bool, _call(program))) == 1 else None
    if not isinstance(one, Tensor) or one.ndim != 4 or not one.is_floating_point() or one.shape[1] not in (3, *_varying(one)):
        found = ", ".join(f"{each.dtype}{list(each.shape)}" if isinstance(each, Tensor) else str(each) for each in given)
        raise WeightsError(f"{path}: the program takes {found or 'nothing'}; it must take one tensor of images, [N, 3, H, W]: export it so")
    batch, _, height, width = (_side(length, program.range_constraints) for length in one.shape)
    return Accepts(height, width, batch.low, one.dtype)


def _varying(tensor: Tensor) -> list[Any]:
    return [length for length in tensor.shape if not isinstance(length, int)]


def _side(length: Any, ranges: Mapping[Any, Any]) -> Side:
    """A length that may vary is a symbol with a range, or a multiple of one and a rest: ``8*s + 1``."""
    if isinstance(length, int):
        return Side.only(length)
    whole: Any = length.node.expr
    (symbol,) = whole.free_symbols if len(whole.free_symbols) == 1 else (None,)
    step: Any = 1 if symbol is None else whole.coeff(symbol)
    rest: Any = 0 if symbol is None else whole.subs(symbol, 0)
    if symbol is None or whole - step * symbol - rest != 0 or not (step.is_integer and rest.is_integer and step > 0):
        return Side()  # a rule of its own: the program says at each image whether it keeps it
    low, high = _bounds(ranges.get(symbol))
    own_low, own_high = _bounds(ranges.get(whole))
    highs = [bound for bound in (own_high, None if high is None else int(step) * high + int(rest)) if bound is not None]
    lowest = max(own_low, int(step) * low + int(rest), 1)
    return Side(lowest, min(highs, default=None), int(step), int(rest) % int(step))


def _bounds(found: Any) -> tuple[int, int | None]:
    if found is None:
        return 0, None
    low, high = (int(bound) if bound.is_finite else None for bound in (found.lower, found.upper))
    return low or 0, high
