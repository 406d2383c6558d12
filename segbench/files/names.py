"""File names of what people call otherwise."""

from __future__ import annotations

import re

LONGEST = 150  # characters; file systems take 255 bytes, and endings come behind


def file_stem(name: str) -> str:
    """A model's name as a file may be called: ``hf:nvidia/segformer`` is ``hf-nvidia-segformer``. It never leaves its folder, nor hides."""
    return re.sub(r"[^A-Za-z0-9._+-]+", "-", name).lstrip(".")[:LONGEST] or "unnamed"
