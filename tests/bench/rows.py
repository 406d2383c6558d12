"""A measured figure of the bench: a peer and us, or us against a bound, in the same run."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """A bench module's ``measure(quick: bool) -> list[Row]`` returns these; the runner prints and stores them.

    ``ratio`` is peer over ours, so more is better and ``at_least`` is the smallest that will do; None: nothing is asked. A share of
    a limit is written the same way, with the limit as the peer (45 % of it is at_least 0.45). A row whose unit is not milliseconds
    (peak memory in MB) says so in ``unit``. ``per_core``: the same ratio of processor time, all threads together: a tool that computes on
    one core of many loses nothing there.
    """

    name: str
    against: str
    ours_ms: float
    peer_ms: float
    at_least: float | None = None
    note: str = ""
    unit: str = "ms"
    per_core: float | None = None

    @property
    def ratio(self) -> float:
        return self.peer_ms / self.ours_ms

    @property
    def missed(self) -> bool:
        return self.at_least is not None and self.ratio < self.at_least
