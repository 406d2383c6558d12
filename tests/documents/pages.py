"""The Markdown files of the repository and of the documents, and the blocks of code in them."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
GENERATED = DOCS / "reference"  # made when the documents are built; not committed
PAGES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "ARCHITECTURE.md")),
    *sorted(path for path in DOCS.rglob("*.md") if GENERATED not in path.parents),
]
NOT_RUN = re.compile(r"<!-- not run: .+ -->\n$")
FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"(?<!`)`(segbench [^`]+)`(?!`)")


@dataclass(frozen=True)
class Block:
    """``kind``: what stands behind the fence. ``is_run``: no comment before it says why it cannot be executed."""

    kind: str
    text: str
    is_run: bool

    @property
    def file(self) -> str | None:
        """The file whose name stands in the comment of the first line, if there is one."""
        named = re.match(r"# ([\w.-]+\.(?:py|yaml))\b", self.text)
        return named[1] if named else None

    @property
    def lines(self) -> list[str]:
        """Commands, without comments; one that goes on in the next line is whole."""
        return [line for line in self.text.replace("\\\n", " ").splitlines() if line and not line.startswith("#")]


def name_of(page: Path) -> str:
    """What a test calls a page."""
    return page.relative_to(ROOT).as_posix()


def blocks(page: Path) -> list[Block]:
    """Every block of code of a page."""
    text = page.read_text(encoding="utf-8")
    return [Block(found[1], found[2], not NOT_RUN.search(text[: found.start()])) for found in FENCE.finditer(text)]


def block(page: Path, file: str) -> str:
    """The text of the one block of a page that is this file."""
    (found,) = [each.text for each in blocks(page) if each.file == file]
    return found


def commands(page: Path) -> list[str]:
    """Every `segbench` that stands in a block or a table of a page."""
    text = page.read_text(encoding="utf-8")
    lines = [line for each in blocks(page) if each.kind == "sh" for line in each.lines]
    lines += re.findall(r"^\|.*`(segbench [^`]*)` \|$", text, re.MULTILINE)
    return [line for line in lines if shlex.split(line)[0] == "segbench"]


def inline(page: Path) -> list[str]:
    """Every `segbench` that stands in the prose of a page."""
    return [" ".join(each.split()) for each in INLINE.findall(FENCE.sub("", page.read_text(encoding="utf-8")))]
