"""`segbench pack`: checking with progress, and what to do with the archive."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from segbench.console.terminal import console, progress_bar
from segbench.errors import DataError, UnknownNameError
from segbench.files.atomic import require_writable
from segbench.scoring.packing import pack
from segbench.scoring.test_servers import SERVERS


def pack_with_progress(preds: Path, name: str, data: Path, out: Path | None, *, check: bool, **options: Any) -> None:
    """Pack a folder for the server ``name``, or only check it; a bar counts the maps.

    :raises SegbenchError: there is no such server, or the maps are not what it takes.
    """
    if name not in SERVERS:
        raise UnknownNameError(f"no test server {name!r} is known; known: {', '.join(SERVERS)}")
    server = SERVERS[name]
    out = None if check else out or Path(f"{preds.resolve().name}-{name}{server.ending}")
    if out is not None:
        if out.suffix != server.ending:
            raise DataError(f"{out}: {name} takes a {server.ending} file", way_out=f"--out {out.with_suffix(server.ending)}")
        require_writable(out.parent)
    with progress_bar("checking") as bar:
        task = bar.add_task("checking", total=server.official_images)
        packed = pack(preds, server, data, out, on_map=lambda: bar.advance(task), **options)
    say = console(stderr=True)
    if packed.void > 0:
        say.print(f"warning: {100 * packed.void:.2f} % of the pixels are predicted as no class; they will count as wrong", markup=False)
    if packed.left_out:
        say.print(f"{packed.left_out} other label maps in {preds} belong to no test image and were left out", markup=False)
    show = console()
    show.print(f"{packed.maps} maps: names, sizes and ids are what {name} takes", markup=False)
    if out is not None:
        show.print(f"wrote {out} ({out.stat().st_size / 1e6:.1f} MB); submit it at {server.upload}", markup=False, soft_wrap=True)
