"""Damages files of every kind at random, and reads them: ``python -m tests.fuzz [KIND ...]``.

What is read or refused by a SegbenchError is as it should be. Anything else is a finding, and so is an input that takes long; it is kept in
``build/fuzz`` and its traceback printed, once for each place. ``SEGBENCH_FUZZ`` seconds (60) are shared by the kinds.
"""

from __future__ import annotations

import faulthandler
import io
import json
import os
import random
import re
import sys
import tempfile
import time
import traceback
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from segbench.benchmark.suite import read_suite
from segbench.errors import SegbenchError
from segbench.files.names import printable
from segbench.images.files import encode_labels, read_image, read_labels
from segbench.labels.files import read_label_space
from segbench.labels.mapping import read_mapping
from segbench.leaderboards.rules import read_reported, read_rules
from segbench.models.weights import load
from segbench.records.per_image import read_per_image
from segbench.records.profile import read_profile
from segbench.records.run_record import read_run
from segbench.training.recipe import read_recipe
from tests.tiffs import tiff

ROOT = Path(__file__).parents[1]
BOARD = ROOT / "leaderboards" / "minicity-val"
SLOW = 10.0  # seconds
VALUES = (
    b"0",
    b"-1",
    b"1e999",
    b"NaN",
    b"null",
    b"[]",
    b"{}",
    b'""',
    b'"\\ud800"',
    b"true",
    b"9" * 400,
    b"&a",
    b"*a",
    b"!!x ",
    b": ",
    b"\n",
    b"\0",
)

Read = Callable[[Path], Any]


@dataclass(frozen=True)
class Kind:
    """Whole files to begin with, what a file is called, and what reads it; ``mend`` makes checksums right again."""

    seeds: list[bytes]
    name: str
    readers: tuple[Read, ...]
    mend: Callable[[bytes], bytes] = lambda content: content


def kinds() -> dict[str, Kind]:
    """Every kind of file of strangers."""
    record, profile = (BOARD / "records" / name for name in ("unet.json", "bisenet_r18.profile.json"))
    matrices = next(iter(sorted((BOARD / "records").glob("*.npz"))), None)
    bundled = min((ROOT / "segbench" / "models" / "bundled").glob("*.safetensors"), key=lambda file: file.stat().st_size)
    yaml = [file.read_bytes() for file in sorted((ROOT / "segbench").rglob("*.yaml")) if file.stat().st_size < 5000]
    yaml += [file.read_bytes() for file in sorted(ROOT.glob("leaderboards/*/board.yaml"))]
    return {
        "PNG": Kind(list(_pngs()), "x.png", (read_labels, read_image), _with_checksums),
        "TIFF": Kind(list(_tiffs()), "x.tif", (read_labels, read_image)),
        "YAML": Kind(
            yaml,
            "x.yaml",
            (read_label_space, lambda p: read_mapping(str(p)), lambda p: read_suite(str(p)), lambda p: read_recipe(str(p), {})),
        ),
        "boards": Kind(yaml, "board.yaml", (lambda p: read_rules(p.parent),)),
        "published": Kind(
            [file.read_bytes() for file in ROOT.glob("leaderboards/*/reported.csv")], "reported.csv", (lambda p: read_reported(p.parent),)
        ),
        "records": Kind([record.read_bytes()], "x.json", (read_run,)),
        "profiles": Kind([profile.read_bytes()], "x.profile.json", (read_profile,)),
        "matrices": Kind([matrices.read_bytes()] if matrices else [_npz()], "x.npz", (read_per_image,)),
        "weights": Kind([_head_alone(bundled.read_bytes()), bundled.read_bytes()], "x.safetensors", (load,)),
    }


def _pngs() -> Iterator[bytes]:
    values = np.arange(12 * 17, dtype=np.uint8).reshape(12, 17) % 20
    yield encode_labels(values)
    yield encode_labels(values, np.arange(768, dtype=np.uint8).reshape(256, 3))
    for mode in ("1", "L", "LA", "P", "RGB", "RGBA", "I;16"):
        out = io.BytesIO()
        Image.fromarray(values).convert(mode).save(out, "PNG") if mode != "I;16" else Image.fromarray(values.astype(np.uint16)).save(
            out, "PNG"
        )
        yield out.getvalue()


def _tiffs() -> Iterator[bytes]:
    values = np.arange(12 * 17, dtype=np.uint8).reshape(12, 17) % 20
    for dtype in ("u1", "<u2", ">u2", "<i4", "<f4"):
        yield tiff(values.astype(dtype))
    for compression in ("tiff_lzw", "tiff_adobe_deflate", "packbits"):
        out = io.BytesIO()
        Image.fromarray(values).save(out, "TIFF", compression=compression)
        yield out.getvalue()


def _npz() -> bytes:
    out = io.BytesIO()
    np.savez_compressed(out, ids=np.array(["a", "b"]), counts=np.ones((2, 3, 4), np.int64))
    return out.getvalue()


def _head_alone(content: bytes) -> bytes:
    """Weights without their numbers, which are most of the file: what is damaged is then the description."""
    return content[: 8 + int.from_bytes(content[:8], "little") + 64]


def _with_checksums(content: bytes) -> bytes:
    """A PNG whose chunks are not refused for their checksum alone."""
    out, place = bytearray(content[:8]), 8
    while place + 12 <= len(content):
        size = int.from_bytes(content[place : place + 4], "big")
        body = content[place + 4 : place + 8 + size]
        out += content[place : place + 4] + body + zlib.crc32(body).to_bytes(4, "big")
        place += 12 + size
    return bytes(out + content[place:])


def damaged(content: bytes, others: list[bytes], rng: random.Random) -> bytes:
    """A few changes: bits, bytes, numbers, parts that go, come twice or come from another file, values of text."""
    data = bytearray(content)
    for _ in range(rng.choice((1, 1, 2, 4, 16))):
        place, size = rng.randrange(len(data) + 1), rng.choice((1, 2, 4, 8, 64))
        change = rng.randrange(7)
        if change == 0 and place < len(data):
            data[place] ^= 1 << rng.randrange(8)
        elif change == 1:
            data[place : place + size] = rng.choice((b"\0", b"\xff", b"\x7f", b"\x80")) * size
        elif change == 2:
            del data[place : place + size]
        elif change == 3:
            data[place:place] = data[place : place + size]
        elif change == 4:
            other = rng.choice(others)
            start = rng.randrange(len(other) + 1)
            data[place : place + size] = other[start : start + size]
        elif change == 5:
            found = list(re.finditer(rb"-?\d[\d.e+-]*|\"[^\"\n]*\"|\[[^\[\]]*\]|\w+", bytes(data[place : place + 300])))
            if found:
                data[place + found[0].start() : place + found[0].end()] = rng.choice(VALUES)
        else:
            del data[rng.randrange(len(data) + 1) :]
    return bytes(data)


def fuzz(name: str, kind: Kind, seconds: float, seed: int, keep: Path) -> tuple[int, dict[str, str]]:
    """How many inputs were read, and what was found: place to traceback."""
    rng, findings, tried, until = random.Random(f"{name} {seed}"), dict[str, str](), 0, time.monotonic() + seconds
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / kind.name
        while time.monotonic() < until:
            content = damaged(rng.choice(kind.seeds), kind.seeds, rng)
            file.write_bytes(kind.mend(content) if rng.random() < 0.8 else content)
            tried += 1
            for read in kind.readers:
                if found := _finding(read, file):
                    place, text = found
                    if place not in findings:
                        keep.mkdir(parents=True, exist_ok=True)
                        (keep / f"{name}-{len(findings)}-{kind.name}").write_bytes(file.read_bytes())
                        findings[place] = text
    return tried, findings


def _finding(read: Read, file: Path) -> tuple[str, str] | None:
    started = time.monotonic()
    try:
        read(file)
    except SegbenchError as error:
        if len(str(error)) > 200_000 or printable(str(error)) == "":
            return "a message without end or without words", str(error)[:200]
    except Exception as error:
        frame = traceback.extract_tb(error.__traceback__)[-1]
        return f"{type(error).__name__} at {frame.filename}:{frame.lineno}", traceback.format_exc()
    if (spent := time.monotonic() - started) > SLOW:
        return "slow", f"{spent:.1f} s"
    return None


def main(names: list[str]) -> int:
    """Fuzz the kinds that are named, or all; the number of findings."""
    faulthandler.enable()
    with suppress(ImportError):
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (16 << 30, resource.RLIM_INFINITY))
    chosen = {name: kind for name, kind in kinds().items() if not names or name in names}
    seconds, seed = float(os.environ.get("SEGBENCH_FUZZ", "60")) / len(chosen), time.time_ns()
    number = 0
    for name, kind in chosen.items():
        tried, findings = fuzz(name, kind, seconds, seed, ROOT / "build" / "fuzz")
        print(json.dumps({"kind": name, "inputs": tried, "findings": len(findings)}), flush=True)
        for place, text in findings.items():
            print(f"{place}\n{text}", flush=True)
        number += len(findings)
    return number


if __name__ == "__main__":
    sys.exit(min(main(sys.argv[1:]), 1))
