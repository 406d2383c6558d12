"""File names of what people call otherwise, and names that are the same although they are written in different ways."""

from __future__ import annotations

import os
import re
import unicodedata
from pathlib import Path

ENDINGS = frozenset({".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".gif", ".pgm", ".webp", ".npy", ".npz", ".ppm"})
LONGEST = 150  # characters; file systems take 255 bytes, and endings come behind


def file_stem(name: str) -> str:
    """A model's name as a file may be called: ``hf:nvidia/segformer`` is ``hf-nvidia-segformer``. It never leaves its folder, nor hides."""
    return re.sub(r"[^A-Za-z0-9._+-]+", "-", name).lstrip(".")[:LONGEST] or "unnamed"


def composed(name: str) -> str:
    """A name in one of the forms that Unicode has for it: an umlaut can be one character or two, as macOS writes them."""
    return name if name.isascii() else unicodedata.normalize("NFC", name)


def bare(name: str) -> str:
    """A name without any endings of pictures, of which there may be several (``im.jpg.png``), in one form."""
    stem, ending = os.path.splitext(name)
    while stem and ending.lower() in ENDINGS:
        name = stem
        stem, ending = os.path.splitext(name)
    return composed(name)


def as_written(path: Path) -> Path:
    """The path itself, or the one beside it that is called the same in another form of Unicode."""
    if path.name.isascii() or path.exists():
        return path
    forms = (path.with_name(unicodedata.normalize(form, path.name)) for form in ("NFC", "NFD", "NFKC", "NFKD"))
    return next((form for form in forms if form.exists()), path)


def printable(text: str) -> str:
    """Text that a terminal shows and does not obey: control characters and bytes of other encodings are written out; lines stay lines."""
    if text.isascii() and (text.isprintable() or text.replace("\n", "").replace("\t", "").isprintable()):
        return text
    return "".join(_shown(character) for character in text)


def _shown(character: str) -> str:
    if character in "\n\t" or character.isprintable() or character in "\u200b\u200c\u200d\ufe0f":
        return character
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:
        return f"\\x{code - 0xDC00:02x}"
    return f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}"


def shown(folder: Path, pattern: str) -> list[Path]:
    """What lies in a folder under a pattern, sorted, but for what is hidden: half-written files of others for instance."""
    return sorted(path for path in folder.glob(pattern) if not path.name.startswith("."))
