from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional as F

from segbench.kernels import upsampling
from segbench.kernels.bilinear import GRIDS, Grid, bilinear_axis, interpolate
from segbench.kernels.upsampling import _largest, _pruned, count_enlarged, enlarged_classes, enlarged_logits
from tests.guarded import guarded, needs_guards

KINDS = ("noise", "smooth", "ties", "constant", "tiny", "huge", "nan", "infinite")


@pytest.fixture(autouse=True)
def _threads() -> Iterator[None]:
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)


def made_logits(kind: str, shape: tuple[int, int, int, int], seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    noise = torch.randn(shape, generator=generator)
    rare = torch.rand(shape, generator=generator) < 0.02
    match kind:
        case "smooth":
            coarse = torch.randn(*shape[:2], 4, 5, generator=generator) * 5
            return F.interpolate(coarse, size=shape[2:], mode="bicubic") + 0.05 * noise
        case "ties":
            return noise.round()
        case "constant":
            return torch.full(shape, 1.5)
        case "tiny":
            return noise * 1e-39
        case "huge":
            return noise.sign() * torch.finfo(torch.float32).max
        case "nan":
            return noise.masked_fill(rare, torch.nan)
        case "infinite":
            return noise.masked_fill(rare, torch.inf).masked_fill(rare.flip(1), -torch.inf)
    return noise


def enlarged_by_torch(logits: Tensor, enlarged: tuple[int, int], grid: Grid) -> Tensor:
    height, width = enlarged
    match grid:
        case "half_pixel":
            return F.interpolate(logits, size=enlarged, mode="bilinear", align_corners=False)
        case "align_corners":
            return F.interpolate(logits, size=enlarged, mode="bilinear", align_corners=True)
        case "asymmetric":
            repeated = torch.cat([logits, logits[:, :, -1:]], 2)
            repeated = torch.cat([repeated, repeated[..., -1:]], 3)
            return F.interpolate(repeated, size=(height + 1, width + 1), mode="bilinear", align_corners=True)[..., :height, :width]


def reference(logits: Tensor, enlarged: tuple[int, int], grid: Grid = "half_pixel") -> Tensor:
    logits = logits.float().contiguous()
    if tuple(logits.shape[2:]) != enlarged:
        logits = enlarged_by_torch(logits, enlarged, grid)
    return logits.argmax(1).to(torch.uint8)


sides = st.integers(1, 40) | st.integers(1, 200)


@given(kind=st.sampled_from(KINDS), images=st.integers(1, 2), classes=st.integers(1, 21), height=sides, width=sides,
       enlarged=st.tuples(sides, sides), grid=st.sampled_from(GRIDS), threads=st.integers(1, 2), seed=st.integers(0, 2**32))  # fmt: skip
@example(kind="smooth", images=1, classes=19, height=16, width=32, enlarged=(128, 256), grid="half_pixel", threads=2, seed=0)
@example(kind="smooth", images=1, classes=19, height=16, width=32, enlarged=(128, 256), grid="align_corners", threads=2, seed=0)
@example(kind="smooth", images=1, classes=19, height=16, width=32, enlarged=(128, 256), grid="asymmetric", threads=2, seed=0)
@example(kind="nan", images=1, classes=5, height=17, width=33, enlarged=(129, 257), grid="align_corners", threads=2, seed=0)
@example(kind="infinite", images=1, classes=5, height=17, width=32, enlarged=(17, 256), grid="asymmetric", threads=2, seed=0)
@example(kind="noise", images=1, classes=4, height=1, width=9, enlarged=(1, 200), grid="align_corners", threads=1, seed=0)
@example(kind="noise", images=1, classes=4, height=9, width=9, enlarged=(63, 64), grid="asymmetric", threads=1, seed=0)
@example(kind="noise", images=2, classes=19, height=17, width=33, enlarged=(131, 257), grid="half_pixel", threads=2, seed=0)
@example(kind="nan", images=1, classes=5, height=33, width=17, enlarged=(100, 100), grid="half_pixel", threads=1, seed=0)
@example(kind="infinite", images=1, classes=5, height=9, width=17, enlarged=(100, 100), grid="half_pixel", threads=1, seed=0)
@example(kind="noise", images=1, classes=19, height=1, width=1, enlarged=(100, 100), grid="half_pixel", threads=1, seed=0)
@example(kind="noise", images=1, classes=3, height=20, width=20, enlarged=(100, 100), grid="half_pixel", threads=1, seed=0)
@example(kind="noise", images=1, classes=255, height=9, width=12, enlarged=(72, 96), grid="half_pixel", threads=1, seed=0)
@example(kind="noise", images=1, classes=256, height=2, width=2, enlarged=(130, 2), grid="half_pixel", threads=1, seed=0)
@example(kind="noise", images=1, classes=7, height=2, width=3, enlarged=(600, 50), grid="half_pixel", threads=2, seed=0)
@example(kind="ties", images=1, classes=7, height=150, width=90, enlarged=(100, 60), grid="half_pixel", threads=2, seed=0)
def test_every_pixel_has_the_class_that_torch_gives_it(
    kind: str, images: int, classes: int, height: int, width: int, enlarged: tuple[int, int], grid: Grid, threads: int, seed: int
) -> None:
    torch.set_num_threads(threads)
    logits = made_logits(kind, (images, classes, height, width), seed)
    got = enlarged_classes(logits, enlarged, grid=grid)
    assert got.dtype == torch.uint8
    assert torch.equal(got, reference(logits, enlarged, grid))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("shape", [(1, 19, 30, 61), (2, 4, 70, 130), (1, 1, 5, 7), (1, 3, 9, 200)])
def test_logits_at_full_size_are_only_compared(kind: str, shape: tuple[int, int, int, int]) -> None:
    logits = made_logits(kind, shape, 0)
    assert torch.equal(enlarged_classes(logits, (shape[2], shape[3])), logits.argmax(1).to(torch.uint8))


@given(rows=st.integers(1, 128), columns=st.integers(1, 256), grid=st.sampled_from(GRIDS))
def test_a_cropped_map_is_the_corner_of_the_whole_one(rows: int, columns: int, grid: Grid) -> None:
    logits = made_logits("smooth", (1, 19, 16, 32), 0)
    whole = reference(logits, (128, 256), grid)
    assert torch.equal(enlarged_classes(logits, (128, 256), (rows, columns), grid), whole[:, :rows, :columns])


@pytest.mark.parametrize(
    ("grid", "pixels", "first", "apart"), [("half_pixel", 136, 3.5, 8), ("align_corners", 129, 0, 8), ("asymmetric", 136, 0, 8)]
)
def test_a_cell_lies_where_its_grid_says(grid: Grid, pixels: int, first: float, apart: int) -> None:
    """Cells that hold their own number: an enlarged value is the position of its pixel among them."""
    numbers = torch.arange(17.0).expand(1, 4, 1, 17)
    expected = ((torch.arange(pixels) - first) / apart).clamp(0, 16).expand(1, 4, 1, pixels)
    torch.testing.assert_close(enlarged_logits(numbers, (1, pixels), (1, pixels), grid), expected, rtol=0, atol=2e-6)


@pytest.mark.parametrize("stride", [1, 2])
def test_nothing_is_written_behind_a_cropped_map(stride: int) -> None:
    logits = made_logits("smooth", (1, 5, 80, 64), 0)
    enlarged, size = (80 * stride, 64 * stride), (7, 3)
    room = np.full(200, 99, np.uint8)
    classes = room[: size[0] * size[1]].reshape(size)
    kernel = _largest(logits) if stride == 1 else _pruned(logits, enlarged, size)
    kernel(0, classes, 0, size[0])
    assert np.array_equal(classes, reference(logits, enlarged)[0, : size[0], : size[1]].numpy())
    assert (room[classes.size :] == 99).all()


@pytest.mark.parametrize("change", ["channels last", "transposed", "double", "bf16", "fp16", "with gradient", "strided"])
def test_any_layout_and_type_gives_the_map_of_its_contiguous_single_precision(change: str) -> None:
    logits = made_logits("smooth", (2, 19, 16, 32), 0)
    changed = {
        "channels last": lambda: logits.contiguous(memory_format=torch.channels_last),
        "transposed": lambda: logits.mT.contiguous().mT,
        "double": lambda: logits.double() / 3,
        "bf16": lambda: logits.bfloat16(),
        "fp16": lambda: logits.half(),
        "with gradient": lambda: logits.clone().requires_grad_(),
        "strided": lambda: logits.repeat_interleave(2, 1)[:, ::2],
    }[change]()
    assert torch.equal(enlarged_classes(changed, (128, 256)), reference(changed, (128, 256)))


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("grid", GRIDS)
@pytest.mark.parametrize("enlarged", [(128, 300), (20, 32)], ids=["pruned", "left to torch"])
def test_counts_are_those_of_the_class_map_against_the_targets(threads: int, grid: Grid, enlarged: tuple[int, int]) -> None:
    torch.set_num_threads(threads)
    logits = made_logits("smooth", (2, 19, 16, 32), 0)
    targets = torch.randint(0, 256, (2, enlarged[0] - 3, enlarged[1] - 5), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    classes, counts = count_enlarged(logits, enlarged, targets, grid)
    assert torch.equal(classes, reference(logits, enlarged, grid)[:, :-3, :-5])
    for target, pred, counted in zip(targets, classes, counts, strict=True):
        expected = torch.bincount(target.flatten().int() * 256 + pred.flatten(), minlength=65536).reshape(256, 256)
        assert torch.equal(counted, expected)


def test_targets_of_another_type_or_number_are_refused() -> None:
    logits = torch.zeros(2, 4, 3, 3)
    with pytest.raises(ValueError, match=r"targets must be uint8\[2, H, W\]"):
        count_enlarged(logits, (6, 6), torch.zeros(2, 6, 6))
    with pytest.raises(ValueError, match=r"targets must be uint8\[2, H, W\]"):
        count_enlarged(logits, (6, 6), torch.zeros(1, 6, 6, dtype=torch.uint8))


@pytest.mark.parametrize("grid", GRIDS)
def test_where_torch_rounds_in_another_way_everything_is_left_to_torch(grid: Grid, monkeypatch: pytest.MonkeyPatch) -> None:
    logits = made_logits("noise", (1, 19, 16, 32), 0)
    expected = reference(logits, (128, 256), grid)
    upsampling._torch_keeps_to_the_formula.cache_clear()
    monkeypatch.setattr(upsampling, "interpolate", lambda *a: interpolate(*a) + np.float32(1e-7))
    monkeypatch.setattr(upsampling, "_pruned", lambda *a: pytest.fail("the kernel was used"))
    assert torch.equal(enlarged_classes(logits, (128, 256), grid=grid), expected)
    upsampling._torch_keeps_to_the_formula.cache_clear()


@given(
    height=st.integers(2, 60),
    width=st.integers(2, 60),
    enlarged=st.tuples(st.integers(65, 200), st.integers(65, 200)),
    grid=st.sampled_from(GRIDS),
)
def test_the_formula_is_torchs_to_the_last_bit_on_this_processor(height: int, width: int, enlarged: tuple[int, int], grid: Grid) -> None:
    if "AVX" not in torch.backends.cpu.get_cpu_capability():
        pytest.skip("torch's kernels for this processor do not fuse multiply and add")
    plane = made_logits("noise", (1, 1, height, width), height)
    expected = enlarged_by_torch(plane, enlarged, grid)[0, 0].numpy()
    axes = bilinear_axis(height, enlarged[0], enlarged[0], grid), bilinear_axis(width, enlarged[1], enlarged[1], grid)
    np.testing.assert_array_equal(interpolate(plane[0, 0].numpy(), *axes), expected)


def test_most_cells_of_smooth_logits_are_filled_without_arithmetic() -> None:
    from segbench.kernels.upsampling_cpu import _judge_cells

    logits = made_logits("smooth", (1, 19, 64, 128), 0)[0].numpy()
    low, high, size = np.empty((3, 129), np.float32)
    largest, mark = np.empty((19, 128), np.float32), np.empty(128, np.float32)
    staying, winner = np.empty((2, 128), np.int32)
    plain = 0
    for row in range(63):
        _judge_cells(logits, row, row + 1, low, high, size, largest, mark, staying, winner)
        plain += int((staying == 1).sum())
    assert plain > 0.6 * 63 * 128


@needs_guards
@pytest.mark.parametrize("at_end", [True, False])
@pytest.mark.parametrize("grid", GRIDS)
@pytest.mark.parametrize("kind", ["noise", "smooth", "constant"])
def test_no_memory_beyond_logits_and_class_map_is_touched(kind: str, grid: Grid, at_end: bool) -> None:
    for (height, width), enlarged, size in (
        ((3, 5), (90, 100), (90, 100)),
        ((7, 33), (56, 264), (55, 259)),
        ((40, 17), (97, 131), (97, 131)),
    ):
        logits = made_logits(kind, (1, 5, height, width), seed=width)
        planes = torch.from_numpy(guarded(logits.numpy(), at_end=at_end))
        classes = guarded(np.zeros(size, np.uint8), at_end=at_end)
        _pruned(planes, enlarged, size, grid)(0, classes, 0, size[0])
        assert np.array_equal(classes, reference(logits, enlarged, grid)[0, : size[0], : size[1]])
        small = guarded(np.zeros((height, width), np.uint8), at_end=at_end)
        _largest(planes)(0, small, 0, height)
        assert np.array_equal(small, reference(logits, (height, width))[0])
