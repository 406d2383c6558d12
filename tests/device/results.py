"""What the steps found: a summary for people, and an archive of the records."""

from __future__ import annotations

import json
import shutil
import tarfile
from collections.abc import Sequence
from pathlib import Path

LARGEST = 15 << 20  # bytes of a file that is handed on


def write_summary(out: Path, rows: Sequence[tuple[str, str, str]]) -> None:
    """``summary.txt``: how each step ended, then what was found, a line each."""
    lines = [f"{step:10s} {state:14s} {note}" for step, state, note in rows] + [""]
    path = out / "results.jsonl"
    for line in path.read_text().splitlines() if path.exists() else []:
        found = json.loads(line)
        if not found.pop("detail", False):
            lines.append(" ".join(f"{key}={value:.4g}" if isinstance(value, float) else f"{key}={value}" for key, value in found.items()))
    (out / "summary.txt").write_text("\n".join(lines) + "\n")


def pack(out: Path) -> None:
    """Folders become one archive, ``records.tar.gz``; a file that is too large to be handed on is named and removed."""
    folders = [each for each in out.iterdir() if each.is_dir()]
    if folders:
        with tarfile.open(out / "records.tar.gz", "w:gz") as archive:
            for folder in folders:
                archive.add(folder, folder.name)
        for folder in folders:
            shutil.rmtree(folder)
    for file in out.iterdir():
        if file.stat().st_size > LARGEST:
            with (out / "summary.txt").open("a") as text:
                text.write(f"too large: {file.name}, {file.stat().st_size} bytes\n")
            file.unlink()
