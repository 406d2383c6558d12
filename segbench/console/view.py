"""`segbench view`: the page of a run until Ctrl-C ends it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from segbench.datasets.base import Dataset
from segbench.records.run_record import RunRecord
from segbench.report.pages.viewing import PREDICTIONS, View, ViewServer


def view(folder: Path, open_data: Callable[[RunRecord], Dataset], port: int) -> None:
    """Serve a run's page on this machine; the data are opened only where the run kept predictions.

    :raises SegbenchError: there is no such run, or its data cannot be opened.
    """
    kept = (folder / PREDICTIONS).is_dir()
    shown = View.of(folder, None)
    if kept:
        shown = View.of(folder, open_data(shown.board.records[0]))
    else:
        print(f"{folder} kept no predictions: pictures of every image need `segbench run --save-predictions`", flush=True)
    _ = shown.page
    with ViewServer(shown, port) as server:
        print(f"{server.address} shows {folder}; Ctrl-C ends it", flush=True)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            print("ended")
