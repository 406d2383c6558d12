"""The memory of a whole `segbench score`, in a process of its own."""

import subprocess
import sys
from pathlib import Path

SCORE = """
import re, resource, sys
from segbench.cli.main import main
try:
    main(["score", "preds", "gts", "--labels", "labels.yaml", *sys.argv[1:]])
finally:
    # Not ru_maxrss where there is better: Linux counts what the parent held before this process became another program.
    try:
        peak = 1024 * int(re.search(r"VmHWM:\\s+(\\d+) kB", open("/proc/self/status").read())[1])
    except OSError:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    print("peak", peak)
"""


def score_alone(root: Path, *options: str) -> tuple[str, int]:
    """What scoring ``preds`` against ``gts`` in a folder prints, and its peak in bytes."""
    done = subprocess.run([sys.executable, "-c", SCORE, *options], cwd=root, capture_output=True, text=True, check=True)
    printed, _, peak = done.stdout.rpartition("peak ")
    return printed, int(peak)
