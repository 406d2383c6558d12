"""How a network is run on an image: part of every record and of its signature."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from segbench.errors import ProtocolError
from segbench.evaluation.parsing import LARGEST_SCALE, Size, parse_input_size, parse_scales, parse_size, size_text
from segbench.files.settings import Truth, one_of, setting

Precision = Literal["fp32", "tf32", "bf16", "fp16"]
Post = Literal["none", "dense-crf"]
Void = Literal["predictable", "masked"]


@dataclass(frozen=True)
class Protocol:
    """How images are shown to a network. By default whole, at their own size, once and not mirrored.

    Logits are brought to the target's size before the argmax.

    Sizes are (height, width) in pixels. Whatever is chosen, class maps come out at the image's own size and are scored there.

    :param precision: the network's arithmetic: IEEE single precision, the same with products rounded to tf32 (CUDA), or mixed precision
        (bf16, fp16); counting is always exact.
    :param input_size: images are resized to this before the network sees them (bilinear, antialiased where they shrink); one number is the
        length of the shorter side, and the proportions stay.
    :param crop: windows of this size slide over the image, and their logits are averaged where they overlap.
    :param stride: from window to window; the last one of a row or column is moved back to end at the border.
    :param scales: the image is shown at each of these enlargements, and the softmax scores are averaged.
    :param flip: each scale is also shown mirrored.
    :param post: ``dense-crf`` refines the scores by a fully connected CRF (never part of a headline number: the signature says it).
    :param void: a network that knows more than the dataset's classes (a void channel, for instance) may say it, and is wrong then
        (``predictable``); or those scores are left out before the argmax (``masked``).
    :raises ProtocolError: a value makes no sense.

    >>> import segbench
    >>> protocol = segbench.Protocol(scales=(0.75, 1.0, 1.25), flip=True)
    >>> len(protocol.views)
    6
    """

    precision: Precision = setting(
        "fp32", one_of("fp32", "tf32", "bf16", "fp16"), "Precision of the network's arithmetic.  [default: fp32]"
    )
    input_size: Size | int | None = setting(
        None,
        parse_input_size,
        "Resize images to this, or the shorter side to N; targets keep their size.",
        metavar="HxW|N",
        write=size_text,
    )
    crop: Size | None = setting(
        None, parse_size, "Sliding windows of this size; logits are averaged where they overlap.", metavar="HxW", write=size_text
    )
    stride: Size | None = setting(None, parse_size, "Pixels from one window to the next, with --crop.", metavar="HxW", write=size_text)
    scales: tuple[float, ...] = setting(
        (1.0,),
        parse_scales,
        "Average the scores over these enlargements, e.g. 0.75,1,1.25.",
        metavar="S,S,...",
        write=lambda scales: ",".join(f"{scale:g}" for scale in scales),
    )
    flip: bool = setting(False, Truth(), "Also average over the mirrored image.")
    post: Post = setting("none", one_of("none", "dense-crf"), "Post-processing; it is part of the signature.  [default: none]")
    void: Void = setting(
        "predictable",
        one_of("predictable", "masked"),
        "Classes that --map leaves out: predictable, and wrong then, or masked before the argmax.  [default: predictable]",
    )

    def __post_init__(self) -> None:
        problems = list(self._problems())
        if problems:
            raise ProtocolError("; ".join(problems))

    def _problems(self) -> Iterator[str]:
        for name, size in (("input_size", self.input_size), ("crop", self.crop), ("stride", self.stride)):
            if size is not None and min(size if isinstance(size, tuple) else (size,)) < 1:
                yield f"{name} {_text(size)} is empty"
        if (self.crop is None) != (self.stride is None):
            yield "crop and stride go together: windows of the size of crop, one every stride pixels; give both"
        if self.crop and self.stride and any(step > side for step, side in zip(self.stride, self.crop, strict=True)):
            yield f"stride {_text(self.stride)} is larger than crop {_text(self.crop)}: pixels between the windows would have no prediction"
        if not self.scales or not all(0 < scale <= LARGEST_SCALE for scale in self.scales):
            yield f"scales {list(self.scales)} must be positive, at most {LARGEST_SCALE}, and at least one"
        if len(set(self.scales)) < len(self.scales):
            yield f"scales {list(self.scales)} hold a number twice"

    @property
    def views(self) -> tuple[tuple[float, bool], ...]:
        """Every (scale, mirrored) that an image is shown in."""
        return tuple((scale, mirrored) for scale in self.scales for mirrored in ((False, True) if self.flip else (False,)))

    @property
    def is_plain(self) -> bool:
        """Whether an image is shown once, whole and at its own size: its logits need not be held at full size."""
        return self.views == ((1.0, False),) and self.crop is None and self.input_size is None and self.post == "none"

    def base_size(self, size: Size) -> Size:
        """What an image of ``size`` is resized to before it is enlarged by the scales."""
        if self.input_size is None or isinstance(self.input_size, tuple):
            return self.input_size or size
        enlarge = self.input_size / min(size)
        return max(1, round(size[0] * enlarge)), max(1, round(size[1] * enlarge))

    def to_dict(self) -> dict[str, Any]:
        """As written to records; post-processing and masked void are named only where there is some."""
        windows = f"windows {_text(self.crop)} every {_text(self.stride)}" if self.crop and self.stride else "whole"
        facts: dict[str, Any] = {
            "tiling": windows,
            "input_size": _text(self.input_size) if self.input_size else "native",
            "scales": list(self.scales),
            "flip": self.flip,
            "precision": self.precision,
        }
        unusual = {"post": self.post} if self.post != "none" else {}
        return facts | unusual | ({"void": self.void} if self.void != "predictable" else {})


def _text(size: Size | int) -> str:
    return f"{size[0]}x{size[1]}" if isinstance(size, tuple) else f"shorter side {size}"


def window_starts(length: int, window: int, step: int) -> list[int]:
    """First pixels of the windows that cover ``length`` pixels; the last window is moved back to end with them."""
    if window >= length:
        return [0]
    return [*range(0, length - window, step), length - window]
