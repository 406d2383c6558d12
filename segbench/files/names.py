"""File names of what people call otherwise."""

from __future__ import annotations

import re


def file_stem(name: str) -> str:
    """A model's name as a file may be called: ``hf:nvidia/segformer`` is ``hf-nvidia-segformer``."""
    return re.sub(r"[^A-Za-z0-9._+-]+", "-", name)
