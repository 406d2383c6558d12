"""Markdown that is made from docstrings and tables."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Sequence


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table; what would end a cell is escaped."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(_cell(cell) for cell in line) + " |" for line in lines) + "\n"


def markdown(docstring: str) -> str:
    """A docstring's paragraphs as Markdown."""
    text = re.sub(r":[a-z:]+:`~?([^`<]+)(?: <[^>]*>)?`", r"`\1`", docstring)
    return text.replace("``", "`")


def first_sentence(documented: object) -> str:
    """The first sentence of a docstring."""
    paragraph = " ".join((inspect.getdoc(documented) or "").partition("\n\n")[0].split())
    return markdown(re.split(r"(?<=\.) (?=[A-Z])", paragraph)[0])


def fenced(kind: str, text: str) -> str:
    """A block of code."""
    return f"```{kind}\n{text.rstrip()}\n```\n"


def _cell(text: str) -> str:
    return " ".join(str(text).split()).replace("|", r"\|")
