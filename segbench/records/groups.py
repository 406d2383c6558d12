"""Groups of images that resemble each other, as their names say: what intervals draw instead of single images."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from segbench.errors import DataError

if TYPE_CHECKING:
    from segbench.labels.space import LabelSpace
    from segbench.metrics.per_image import PerImage
    from segbench.metrics.uncertainty import Intervals

# How a group's name is taken from the name of an image, without its folders; and what the groups are called.
GROUPS: dict[str, tuple[str, Callable[[str], str]]] = {
    "city": ("cities", lambda name: name.partition("_")[0]),
    "sequence": ("sequences", lambda name: name.rpartition("_")[0]),
}


def groups_of(ids: Sequence[str], how: str) -> list[str]:
    """The group of each image, by a key of :data:`GROUPS`.

    :raises DataError: names have no group, or all have the same.
    """
    unit, group_of = GROUPS[how]
    groups = [group_of(sample_id.rpartition("/")[2]) for sample_id in ids]
    if nameless := [sample_id for sample_id, group in zip(ids, groups, strict=True) if not group or group == sample_id]:
        raise DataError(
            f"{len(nameless)} of {len(ids)} images have no {how} in their name, e.g. {nameless[0]!r}", way_out="leave out --groups"
        )
    if len(set(groups)) < 2:
        raise DataError(f"there are no {unit} to draw: all {len(ids)} images are of one", way_out="leave out --groups")
    return groups


def intervals_of(labels: LabelSpace, ids: Sequence[str], counted: PerImage, groups: str | None = None) -> Intervals:
    """Intervals over images, or over groups of them by a key of :data:`GROUPS`.

    :raises DataError: see :func:`groups_of`.
    """
    from segbench.metrics.uncertainty import bootstrap  # numpy, which the command line does without when it lists GROUPS

    if groups is None:
        return bootstrap(labels, counted)
    return bootstrap(labels, counted, groups=groups_of(ids, groups), unit=GROUPS[groups][0])
