"""What comes out of other people's files: parsed within bounds, and text that shows what it is.

A record, a profile or a board may come from anybody. Reading it runs nothing; what it says is text, which must not steer a terminal, turn
the direction of what stands beside it, or fill memory.
"""

from __future__ import annotations

import json
import tokenize
import unicodedata
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from segbench.errors import DataError
from segbench.files.text import read_text

LONGEST_TEXT = 10_000  # characters of a value
LARGEST_FILE = 256 << 20  # bytes of a JSON file; a record of 250 classes has 1 MB
DEEPEST = 50
HIDDEN = {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}
"""Unicode categories of characters that steer, are not seen, or end a line; but those that join letters."""
JOINERS = "\u200c\u200d"
NOT_ARRAYS = (
    *(ValueError, KeyError, TypeError, AttributeError, EOFError, RuntimeError),
    *(SyntaxError, tokenize.TokenError, zipfile.BadZipFile, zlib.error),
)
"""What ``numpy.load`` raises of files that are damaged, beside what the system does: it takes headers for Python, and archives for zip."""


def read_json(path: Path) -> Any:
    """What a JSON file holds, its text :func:`visible`.

    :raises ValueError: it is too large or too deep, a text is too long, or it is no JSON.
    """
    if path.stat().st_size > LARGEST_FILE:
        raise ValueError(f"{path.stat().st_size} bytes are more than any record has")
    try:
        return plain(json.loads(read_text(path)))
    except DataError as error:
        raise ValueError(str(error)) from None
    except RecursionError:
        raise ValueError("it is nested too deep") from None


def plain(value: Any, depth: int = 0) -> Any:
    """Parsed data with visible text; lists of numbers stay as they are.

    :raises ValueError: it is nested too deep, or a text is too long.
    """
    if depth > DEEPEST:
        raise ValueError("it is nested too deep")
    if isinstance(value, str):
        return visible(value)
    if isinstance(value, Mapping):
        return {visible(str(key)): plain(entry, depth + 1) for key, entry in value.items()}
    if isinstance(value, list) and any(isinstance(entry, str | list | Mapping) for entry in value):
        return [plain(entry, depth + 1) for entry in value]
    return value


def visible(text: str) -> str:
    """Text without characters that steer a terminal, reverse their neighbours or cannot be seen; each becomes U+FFFD.

    :raises ValueError: it is longer than any name, command or sentence.
    """
    if len(text) > LONGEST_TEXT:
        raise ValueError(f"a text of {len(text)} characters is too long; it begins with {text[:40]!r}")
    if text.isascii() and text.isprintable():
        return text
    return "".join("\N{REPLACEMENT CHARACTER}" if unicodedata.category(c) in HIDDEN and c not in JOINERS else c for c in text)


def web_address(url: str) -> str | None:
    """An address that a page may link to, with everything quoted that could end the link; ``None`` if it is none of the web."""
    try:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            return None
    except ValueError:
        return None
    return quote(url, safe="%/:=&?~#+!$,;@-._")
