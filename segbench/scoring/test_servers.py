"""Test servers: which images they want predictions of, under which names, in which archive. Their targets are public nowhere.

Cityscapes takes one zip with exactly one map of label ids for each of its 1525 test images, at the image's size, in any folder, under a
name that begins with ``city_sequence_frame``.

PASCAL VOC takes a gzipped tar with ``results/VOC2012/Segmentation/comp6_test_cls/ID.png``, whose palette indices are the classes 0..20
(comp6: trained on any data; comp5: on VOC's alone).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from segbench.datasets import cityscapes, voc
from segbench.datasets.base import Dataset, Sample
from segbench.datasets.layout import folder_of, read_list
from segbench.errors import DataError
from segbench.images.folders import files_in_folders
from segbench.labels.space import LabelSpace
from segbench.labels.tables import voc_color


@dataclass(frozen=True)
class Server:
    """``images`` gives id to photograph below a folder; ``path`` is a map's name in the archive, ``ending`` that of the archive's own.

    ``colors`` uint8[256, 3]: of a palette, where maps are to be palette images. ``any_folder``: predictions are found by how their names
    begin.
    """

    name: str
    labels: LabelSpace
    official_images: int
    images: Callable[[Path], dict[str, Path]]
    path: Callable[[str], str]
    ending: str
    upload: str
    colors: NDArray[np.uint8] | None = None
    any_folder: bool = False

    def dataset(self, root: Path) -> Dataset:
        """The test images as a dataset without targets.

        :raises DataError: they are not there, or not all of them.
        """
        images = self.images(root)
        if len(images) != self.official_images:
            raise DataError(
                f"{root} holds {len(images)} of the {self.official_images} test images of {self.name}",
                way_out="the server wants a prediction for each: complete the download",
            )
        samples = tuple(Sample(image_id, path, path) for image_id, path in sorted(images.items()))
        folder = samples[0].image.parent if isinstance(samples[0].image, Path) else root
        return Dataset(self.name, "test", self.labels, samples, folder, prefix_pairing=self.any_folder)


def _cityscapes_images(root: Path) -> dict[str, Path]:
    suffix = "_leftImg8bit.png"
    images = {path.name.removesuffix(suffix): path for path in files_in_folders(root / "leftImg8bit" / "test", suffix)}
    if not images:
        raise DataError(
            f"cityscapes: no images {root / 'leftImg8bit' / 'test'}/*/*{suffix}", way_out="--data is the folder that holds leftImg8bit/"
        )
    return images


def _voc_images(root: Path) -> dict[str, Path]:
    way_out = "--data is the folder VOCdevkit of VOC2012test.tar, or VOC2012 in it"
    folder = folder_of("pascal_voc2012", root, ("JPEGImages", "ImageSets"), ("VOC2012", "VOCdevkit/VOC2012"), way_out)
    ids = read_list("pascal_voc2012", folder / "ImageSets" / "Segmentation" / "test.txt", way_out)
    return {image_id: folder / "JPEGImages" / f"{image_id}.jpg" for image_id in ids}


SERVERS = {
    server.name: server
    for server in (
        Server(
            "cityscapes",
            cityscapes.LABELS,
            cityscapes.SPLITS["test"],
            _cityscapes_images,
            "{}.png".format,
            ".zip",
            "https://www.cityscapes-dataset.com/submit/",
            any_folder=True,
        ),
        Server(
            "pascal_voc2012",
            voc.LABELS,
            1456,
            _voc_images,
            "results/VOC2012/Segmentation/comp6_test_cls/{}.png".format,
            ".tgz",
            "http://host.robots.ox.ac.uk:8080/",
            colors=np.array([voc_color(index) for index in range(256)], np.uint8),
        ),
    )
}
