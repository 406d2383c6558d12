"""The page that says how work scales with processes: its table is made from what was measured."""

from __future__ import annotations

from tests.bench import scaling

MEASURED = """Measured on {date} with {cores} cores of {processor} ({system}) by `python -m tests.bench.scaling`: whole commands under
`torchrun`, one thread a process, medians. *images/s* is without the start; the last column says how many times as fast as one process
that is.

{table}"""
PAGE = """# How it scales

{measured}
The server of the HTTP rows ran on the same cores as its clients: they show that it works, not what a network gives.

## What to expect elsewhere

Processes exchange nothing while they count, so the time of a command is

    start + images / (processes * rate)        as long as every process has what bounds it for itself

with a start of some seconds, which grows with the number of processes on one machine, and behind it the first process alone: it reads the
journals, adds whole numbers and draws the intervals. What bounds the rate decides how far it goes:

- **Decoding** (`score` of large maps): processor cores. More processes than cores gain nothing. A process has a thread for each core that
  it may use, so on one machine `score` alone does what `torchrun` does; several machines add up.
- **The network** (URLs): each process keeps 16 images on their way, so `rate = 16 / (files of an image * seconds of an answer)`, until the
  line is full: `bytes a second / bytes of an image`, for all processes together. More processes than cores pay here.
- **Arithmetic** (`run`): one process on each GPU; on a CPU one for each core, or fewer with more threads. Decoding needs about two cores
  for each GPU.
"""


def page() -> str:
    """The table, and the model that extends it."""
    if not scaling.OUT.is_file():
        return PAGE.format(measured="`python -m tests.bench.scaling` measures it on a machine.\n")
    about, figures = scaling.read()
    return PAGE.format(measured=MEASURED.format(**about, table=scaling.markdown(figures)))
