"""Text that people wrote with whatever they have: UTF-8, with or without a mark at its beginning, or the UTF-16 of Windows' shells.

Anything else is refused with its encoding, since guessing would change names.
"""

from __future__ import annotations

import codecs
from pathlib import Path

from segbench.errors import DataError

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def read_text(path: Path) -> str:
    """What a text file holds, without the mark of its encoding; ends of lines are as they stand there.

    :raises OSError: it cannot be read.
    :raises DataError: it is in another encoding, or no text; its line is named.
    """
    return decoded(path, path.read_bytes())


def decoded(path: Path, content: bytes) -> str:
    """The text in what a file holds; see :func:`read_text`."""
    encoding = next((name for mark, name in _MARKS if content.startswith(mark)), _unmarked(content))
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        what = f"line {line} is not {encoding.upper().removesuffix('-SIG')} (byte 0x{content[error.start]:02x})"
        likely = ", as in Windows-1252 (the ANSI code page)" if encoding == "utf-8" and b"\0" not in content else ""
        raise DataError(f"{path}: {what}{likely}", way_out="save it as UTF-8 (Excel: CSV UTF-8; PowerShell: -Encoding utf8)") from None


def _unmarked(content: bytes) -> str:
    """UTF-8, or UTF-16 where every second byte of the beginning is zero."""
    head = content[: min(len(content), 200) // 2 * 2]
    if head and not any(head[1::2]) and all(head[::2]):
        return "utf-16-le"
    if head and not any(head[::2]) and all(head[1::2]):
        return "utf-16-be"
    return "utf-8"
