"""The temperature from two passes of sums against torch's LBFGS on all pixels."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch.nn import functional as F

from segbench.errors import DataError
from segbench.kernels.tempered import count_tempered, count_with_torch
from segbench.kernels.upsampling import enlarged_logits
from segbench.metrics.tempering import AROUND, GRID, Fitted, fit, guess

CLASSES, SIZE = 6, (90, 70)


def scene(seed: int, *, sharp: float = 3.0) -> tuple[torch.Tensor, torch.Tensor]:
    """Logits at stride 8, and targets that agree with most of them; the last class index is void."""
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(1, CLASSES, 12, 9, generator=generator)
    noisy = enlarged_logits(logits, SIZE, SIZE) + torch.randn(1, CLASSES, *SIZE, generator=generator)
    targets = noisy.argmax(1).to(torch.int32)
    targets[:, :5] = CLASSES
    return sharp * logits, targets


def sums(logits: torch.Tensor, targets: torch.Tensor, inverses: NDArray[np.float64]) -> NDArray[np.float64]:
    return count_tempered(logits, SIZE, targets, torch.from_numpy(inverses.astype(np.float32))).numpy()


def fitted(logits: torch.Tensor, targets: torch.Tensor) -> Fitted:
    first = sums(logits, targets, GRID)
    return fit(first, sums(logits, targets, guess(first) * AROUND))


def by_lbfgs(logits: torch.Tensor, targets: torch.Tensor) -> float:
    full = enlarged_logits(logits, SIZE, SIZE).double()
    log_t = torch.zeros((), dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS([log_t], max_iter=200, tolerance_grad=1e-12, tolerance_change=1e-14, line_search_fn="strong_wolfe")

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        loss = F.cross_entropy(full / log_t.exp(), targets.long(), ignore_index=CLASSES)
        loss.backward()  # type: ignore[no-untyped-call]
        return loss

    optimizer.step(closure)
    return float(log_t.detach().exp())


@pytest.mark.parametrize("sharp", [0.2, 1.0, 3.0, 10.0])
def test_it_is_the_temperature_of_lbfgs_on_all_pixels_within_the_bound_that_is_told(sharp: float) -> None:
    logits, targets = scene(1, sharp=sharp)
    found, expected = fitted(logits, targets), by_lbfgs(logits, targets)
    assert found.temperature == pytest.approx(expected, rel=1e-4)
    assert found.low * (1 - 1e-5) <= expected <= found.high * (1 + 1e-5)
    assert found.high / found.low < 1.004
    nll = F.cross_entropy(enlarged_logits(logits, SIZE, SIZE).double() / expected, targets.long(), ignore_index=CLASSES)
    assert found.nll == pytest.approx(float(nll), rel=1e-5)
    assert found.nll <= found.nll_before + 1e-9
    assert found.pixels == int((targets < CLASSES).sum())


def test_logits_that_are_multiplied_by_three_give_three_times_the_temperature() -> None:
    logits, targets = scene(2, sharp=1.0)
    assert fitted(3 * logits, targets).temperature == pytest.approx(3 * fitted(logits, targets).temperature, rel=1e-4)


def test_calibrated_logits_have_the_temperature_one() -> None:
    generator = torch.Generator().manual_seed(3)
    logits = torch.randn(1, CLASSES, 12, 9, generator=generator)
    p = enlarged_logits(2 * logits, SIZE, SIZE).softmax(1).permute(0, 2, 3, 1).reshape(-1, CLASSES)
    targets = torch.multinomial(p, 1, generator=generator).reshape(1, *SIZE).int()
    assert fitted(2 * logits, targets).temperature == pytest.approx(1, abs=0.05)


@pytest.mark.parametrize("grid", ["half_pixel", "align_corners", "asymmetric"])
def test_the_kernel_counts_what_torch_counts(grid: str) -> None:
    logits, targets = scene(4)
    inverses = torch.from_numpy(GRID.astype(np.float32))
    ours = count_tempered(logits, SIZE, targets, inverses, grid)  # type: ignore[arg-type]
    theirs = count_with_torch(logits, SIZE, targets, inverses, grid)  # type: ignore[arg-type]
    np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-2)


def test_where_no_temperature_is_the_best_it_is_said_why() -> None:
    logits, targets = scene(5)
    full = enlarged_logits(logits, SIZE, SIZE)
    with pytest.raises(DataError, match="nearly every pixel is right"):
        guess(sums(full, full.argmax(1).int(), GRID))
    with pytest.raises(DataError, match="hardly better than chance"):
        guess(sums(full, full.argmin(1).int(), GRID))
    with pytest.raises(DataError, match="no pixel was evaluated"):
        guess(sums(logits, torch.full_like(targets, CLASSES), GRID))
