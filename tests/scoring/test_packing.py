from __future__ import annotations

import tarfile
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from numpy.typing import NDArray
from PIL import Image

from segbench.cli.main import main
from segbench.datasets.cityscapes import LABELS as CITY
from segbench.errors import DataError
from segbench.images.files import read_labels, write_image, write_labels
from segbench.scoring.packing import pack
from segbench.scoring.test_servers import SERVERS, Server

IDS = ("berlin_000000_000019", "berlin_000001_000019", "bonn_000000_000019")
SIZE = (24, 36)
Ids = NDArray[np.uint8]


@pytest.fixture
def street(tmp_path: Path) -> Path:
    """Three test images in Cityscapes' layout, and ``preds`` in label ids."""
    rng = np.random.default_rng(0)
    for image_id in IDS:
        city = image_id.partition("_")[0]
        write_image(tmp_path / "leftImg8bit" / "test" / city / f"{image_id}_leftImg8bit.png", np.zeros((*SIZE, 3), np.uint8))
        pred = rng.choice(CITY.id_of_index, SIZE, p=np.r_[0.4, 0.1, 0.2, np.full(16, 0.3 / 16)])
        write_labels(tmp_path / "preds" / f"{image_id}_pred.png", pred)
    return tmp_path


@pytest.fixture(autouse=True)
def small_servers(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, server in list(SERVERS.items()):
        monkeypatch.setitem(SERVERS, name, replace(server, official_images=len(IDS)))


def cityscapes() -> Server:
    return SERVERS["cityscapes"]


def contents(archive: Path, to: Path) -> dict[str, Ids]:
    if archive.suffix == ".zip":
        zipfile.ZipFile(archive).extractall(to)
    else:
        with tarfile.open(archive, "r:gz") as tar:
            tar.extractall(to, filter="data")
    return {path.relative_to(to).as_posix(): read_labels(path) for path in sorted(to.rglob("*.png"))}


def segbench(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments], catch_exceptions=False)


def test_the_zip_holds_one_map_of_label_ids_for_each_test_image(street: Path) -> None:
    packed = pack(street / "preds", cityscapes(), street, street / "out.zip")
    assert (packed.maps, packed.left_out, packed.void) == (3, 0, 0)
    found = contents(street / "out.zip", street / "unpacked")
    assert list(found) == [f"{image_id}.png" for image_id in IDS]
    for image_id in IDS:
        assert np.array_equal(found[f"{image_id}.png"], read_labels(street / "preds" / f"{image_id}_pred.png"))


def test_train_ids_are_recognised_without_targets_and_packed_as_label_ids_when_asked(street: Path) -> None:
    for image_id in IDS:
        ids = read_labels(street / "preds" / f"{image_id}_pred.png")
        write_labels(street / "train" / f"{image_id}.png", CITY.index_of_id[ids])
    with pytest.raises(DataError, match=r"look like train ids; cityscapes takes label ids\n.*--encoding train-ids"):
        pack(street / "train", cityscapes(), street, street / "out.zip")
    assert not (street / "out.zip").exists()
    pack(street / "train", cityscapes(), street, street / "out.zip", encoding="train-ids")
    pack(street / "preds", cityscapes(), street, street / "right.zip")
    asked, right = contents(street / "out.zip", street / "a"), contents(street / "right.zip", street / "b")
    assert asked.keys() == right.keys()
    assert all(np.array_equal(asked[name], right[name]) for name in right)


def _half_size(path: Path) -> None:
    write_labels(path, read_labels(path)[::2, ::2])


def _colours(path: Path) -> None:
    Image.fromarray(np.dstack([read_labels(path)] * 2 + [read_labels(path) + 1])).save(path)


def _ids_that_do_not_exist(path: Path) -> None:
    ids = read_labels(path)
    ids[0, :2] = 34, 255
    write_labels(path, ids)


def _twice(path: Path) -> None:
    write_labels(path.parent / "again" / path.name, read_labels(path))


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:60])


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (Path.unlink, "no prediction"),
        (_twice, "2 predictions"),
        (_half_size, "size 18x12, its image is 36x24"),
        (_colours, "3 bands (RGB)"),
        (_ids_that_do_not_exist, "ids [34, 255] are not in 'cityscapes-19'"),
        (_cut, "damaged"),
    ],
)
def test_what_the_server_would_refuse_is_named_and_nothing_is_written(street: Path, spoil: Callable[[Path], None], said: str) -> None:
    for image_id in IDS[1:]:
        spoil(street / "preds" / f"{image_id}_pred.png")
    result = segbench("pack", street / "preds", "--server", "cityscapes", "--data", street, "--out", street / "new" / "out.zip")
    assert result.exit_code == 2
    lines = result.stderr.splitlines()
    assert lines[0] == "error: 2 of 3 maps cannot be submitted, so nothing is packed:"
    assert [said in line for line in lines[1:3]] == [True, True]
    assert [image_id in line for image_id, line in zip(IDS[1:], lines[1:3], strict=True)] == [True, True]
    assert list((street / "new").iterdir()) == []


def test_an_incomplete_download_cannot_be_packed_for(street: Path) -> None:
    next((street / "leftImg8bit").rglob("bonn*.png")).unlink()
    with pytest.raises(DataError, match="holds 2 of the 3 test images of cityscapes"):
        pack(street / "preds", cityscapes(), street, None)


def test_void_and_files_of_no_image_are_said(street: Path) -> None:
    write_labels(street / "preds" / "val_000000_000019.png", np.full(SIZE, 7, np.uint8))
    path = street / "preds" / f"{IDS[0]}_pred.png"
    ids = read_labels(path)
    ids[:2] = 0
    write_labels(path, ids)
    result = segbench("pack", street / "preds", "--server", "cityscapes", "--data", street, "--check")
    assert result.exit_code == 0
    assert "2.78 % of the pixels are predicted as no class" in result.stderr
    assert "1 other label maps" in result.stderr
    assert "3 maps: names, sizes and ids are what cityscapes takes" in result.stdout
    assert "wrote" not in result.stdout
    assert not list(street.glob("*.zip"))


def test_vocs_archive_is_a_gzipped_tar_of_palette_images_in_its_folders(tmp_path: Path) -> None:
    root, ids = tmp_path / "VOCdevkit" / "VOC2012", ("2008_000006", "2008_000011", "2008_000012")
    rng = np.random.default_rng(0)
    (root / "ImageSets" / "Segmentation").mkdir(parents=True)
    (root / "ImageSets" / "Segmentation" / "test.txt").write_text("\n".join(ids))
    (root / "JPEGImages").mkdir()
    for index, image_id in enumerate(ids):
        Image.new("RGB", (30 + index, 20)).save(root / "JPEGImages" / f"{image_id}.jpg")
        write_labels(tmp_path / "preds" / f"{image_id}.png", rng.integers(0, 21, (20, 30 + index), np.uint8))
    result = segbench("pack", tmp_path / "preds", "--server", "pascal_voc2012", "--data", tmp_path, "--out", tmp_path / "r.tgz")
    assert result.exit_code == 0, result.output
    assert "submit it at http" in result.stdout
    found = contents(tmp_path / "r.tgz", tmp_path / "unpacked")
    assert list(found) == [f"results/VOC2012/Segmentation/comp6_test_cls/{image_id}.png" for image_id in ids]
    assert all(np.array_equal(found[name], read_labels(tmp_path / "preds" / Path(name).name)) for name in found)
    with Image.open(tmp_path / "unpacked" / next(iter(found))) as image:
        assert image.mode == "P"
        assert image.getpalette()[:9] == [0, 0, 0, 128, 0, 0, 0, 128, 0]  # type: ignore[index]


def test_unknown_servers_and_wrong_endings_are_refused(street: Path) -> None:
    result = segbench("pack", street / "preds", "--server", "city", "--data", street)
    assert result.exit_code == 2
    assert "no test server 'city' is known; known: cityscapes, pascal_voc2012" in result.stderr
    result = segbench("pack", street / "preds", "--server", "cityscapes", "--data", street, "--out", street / "r.tar")
    assert result.exit_code == 2
    assert "cityscapes takes a .zip file" in result.stderr


def test_servers_want_as_many_images_as_their_datasets_have(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    assert {name: server.official_images for name, server in SERVERS.items()} == {"cityscapes": 1525, "pascal_voc2012": 1456}


def _drawn(street: Path, order: Ids) -> Path:
    """The predictions as palette images that show the right colours, with the palette in another order."""
    colors = np.zeros((256, 3), np.uint8)
    for label in CITY.labels:
        for label_id in label.byte_ids:
            colors[label_id] = label.color
    for image_id in IDS:
        ids = read_labels(street / "preds" / f"{image_id}_pred.png")
        write_labels(street / "drawn" / f"{image_id}.png", np.argsort(order).astype(np.uint8)[ids], colors[order])
    return street / "drawn"


def test_a_palette_in_another_order_is_refused_and_packed_by_its_colours_when_asked(street: Path) -> None:
    order = np.arange(256)
    order[[7, 8, 11, 23]] = [8, 11, 23, 7]
    drawn = _drawn(street, order.astype(np.uint8))
    with pytest.raises(DataError, match=r"palette is not in the order of the labels: index 7 \(road\) is drawn in .*sidewalk") as refusal:
        pack(drawn, cityscapes(), street, street / "out.zip")
    assert "--encoding color reads them by their colours" in str(refusal.value)
    assert not (street / "out.zip").exists()
    pack(drawn, cityscapes(), street, street / "out.zip", encoding="color")
    for name, ids in contents(street / "out.zip", street / "unpacked").items():
        assert np.array_equal(ids, read_labels(street / "preds" / name.replace(".png", "_pred.png")))


def test_a_palette_in_the_order_of_the_labels_is_packed(street: Path) -> None:
    assert pack(_drawn(street, np.arange(256).astype(np.uint8)), cityscapes(), street, None).maps == len(IDS)


def test_a_linked_city_of_test_images_is_one_of_them(street: Path) -> None:
    city = street / "leftImg8bit" / "test" / "bonn"
    city.rename(street / "bonn")
    city.symlink_to(street / "bonn")
    assert pack(street / "preds", cityscapes(), street, None).maps == len(IDS)
