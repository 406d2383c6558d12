"""What MACs are of, said under every table that shows them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from segbench.records.profile import Profile
from segbench.records.run_record import RunRecord

SHOWN = 16


def macs_note(records: Iterable[RunRecord] = (), profiles: Iterable[Profile] = ()) -> str:
    """What is in the MACs of these, and which operators are not; empty if none of them has any."""
    models = [record.model for record in records if record.model.get("macs") is not None]
    counted = [profile for profile in profiles if profile.macs is not None]
    if not models and not counted:
        return ""
    known = [*(model.get("uncounted", {}) for model in models), *(profile.uncounted for profile in counted)]
    return macs_text(sorted({name.lstrip("_") for each in known for name in each}))


def macs_text(uncounted: Sequence[str] = ()) -> str:
    """The same where these operators are not counted; without any of networks in general."""
    more = f" and {len(uncounted) - SHOWN} more" if len(uncounted) > SHOWN else ""
    names = ", ".join(uncounted[:SHOWN]) + more if uncounted else "norms, activations, resizes, pooling"
    return f"MACs count convolutions, matrix products and attention; not counted: {names}"
