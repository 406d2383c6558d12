"""What the image processors of transformers do to a picture: the normalisation that gives their own numbers."""

from __future__ import annotations

import json
from collections.abc import Mapping
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import torch

from segbench.errors import WeightsError
from segbench.models.adapters.base import from_unit_range
from segbench.models.segmenter import Normalize

# What a processor does to the values and the size of images.
PROCESSED = ("do_rescale", "rescale_factor", "do_normalize", "image_mean", "image_std", "do_flip_channel_order", "do_resize", "size")
PROBE = 32
"""Side of the picture that shows what a processor does: such that no processor pads it."""


def read_processor(transformers: Any, folder: Path, reference: str, kind: str) -> tuple[Any, dict[str, Any]]:
    """The class of the image processor, and what it is told: what the repository's file says, and else what the class does by itself.

    :raises WeightsError: the repository does not say, or transformers does not know its class.
    """
    for name in ("preprocessor_config.json", "processor_config.json"):
        if (folder / name).is_file():
            data = json.loads((folder / name).read_text(encoding="utf-8"))
            if (found := data.get("image_processor", data if name.startswith("pre") else None)) is not None:
                said = {key: value for key, value in found.items() if value is not None}
                made_by = _processor_class(transformers, said, kind, reference)
                own = _defaults(made_by, reference)
                defaults = {key: value for key in PROCESSED if (value := getattr(own, key, None)) is not None}
                return made_by, {key: said.get(key, defaults.get(key)) for key in PROCESSED}
    raise WeightsError(
        f"hf:{reference}: no preprocessor_config.json, so nothing says how images must be normalised; save its processor there"
    )


def _processor_class(transformers: Any, said: Mapping[str, Any], kind: str, reference: str) -> Any:
    """The class that a file names, by any of its names; else that of the network's kind, as transformers has it.

    :raises WeightsError: transformers has no such class.
    """
    old = str(said.get("feature_extractor_type", "")).replace("FeatureExtractor", "ImageProcessor")
    known = transformers.models.auto.image_processing_auto.IMAGE_PROCESSOR_MAPPING_NAMES.get(kind, ())
    own = next(iter(known.values() if isinstance(known, Mapping) else known), "")
    name = str(said.get("image_processor_type") or old or own).removesuffix("Fast").removesuffix("Pil")
    found = getattr(transformers, f"{name}Pil", None) or getattr(transformers, name, None)  # of the two one that takes no torchvision
    if found is None or not name.endswith("ImageProcessor"):
        made_by = repr(name) if name else "processor that it does not name"
        raise WeightsError(
            f"hf:{reference}: its images are made by a {made_by}, which this transformers does not have; so nothing says how"
        )
    return found


def _defaults(made_by: Any, reference: str) -> Any:
    """The processor as the class makes it by itself.

    :raises WeightsError: it takes a package that is not there.
    """
    try:
        return made_by()
    except ImportError as error:
        needs = next((line for line in str(error).splitlines() if line.strip()), "a package that is not installed").split(" but ")[0]
        raise WeightsError(f"hf:{reference}: {needs}, to say how images are normalised; install it") from error


def normalization(made_by: Any, processor: Mapping[str, Any], reference: str) -> Normalize:
    """Bytes times ``rescale_factor``, then mean and standard deviation, as one step in bytes: what the processor makes of a picture.

    A class may ignore what it is told (MobileViT's never normalises), so of all ways the one is taken that gives its own numbers.

    :raises WeightsError: none does.
    """
    picture = np.random.default_rng(0).integers(0, 256, (PROBE, PROBE, 3), dtype=np.uint8)
    told = {key: value for key, value in processor.items() if value is not None and key not in ("size", "do_resize")}
    task = {"task_inputs": ["semantic"]} if made_by.__name__.startswith("OneFormer") else {}
    try:
        own = made_by(**told, do_resize=False, do_center_crop=False, do_pad=False)([picture], return_tensors="pt", **task)["pixel_values"]
    except Exception as error:  # whatever the numbers in a file make it stumble over
        raise WeightsError(f"hf:{reference}: its image processor {told} cannot be run ({type(error).__name__}: {error})") from error
    scales = (float(told.get("rescale_factor", 1 / 255)), 1.0)
    statistics = [(told["image_mean"], told["image_std"])] if {"image_mean", "image_std"} <= set(told) else []
    for scale, (mean, std), bgr in product(scales, (*statistics, (0.0, 1.0)), (False, True)):
        way = from_unit_range(_three(mean), _three(std), scale=scale, bgr=bgr)
        given = way(torch.from_numpy(picture)[None])
        if given.shape == own.shape and torch.allclose(given, own.float(), rtol=1e-4, atol=1e-4):
            return way
    raise WeightsError(f"hf:{reference}: its {made_by.__name__} does more to a picture than to scale and normalise it, as {told} says")


def _three(value: Any) -> tuple[float, ...]:
    """A number for each channel; one for all three is one number."""
    return (value, value, value) if isinstance(value, int | float) else tuple(value)


def input_note(processor: Mapping[str, Any]) -> dict[str, str]:
    """What its own processor would resize images to, and the option that repeats that."""
    size = processor.get("size")
    if not processor.get("do_resize") or size is None:
        return {}
    sides = (
        {"height": size, "width": size} if isinstance(size, int) else {key: side for key, side in dict(size).items() if side is not None}
    )
    if "height" in sides and "width" in sides:
        text = f"{sides['height']}x{sides['width']}"
    elif "shortest_edge" in sides:
        text = str(sides["shortest_edge"])
    else:
        return {}
    return {"input_note": f"its own processor resizes to {text} (--input-size {text} repeats that)"}
