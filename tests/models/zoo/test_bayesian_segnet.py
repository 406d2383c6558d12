"""Bayesian SegNet: SegNet's weights, six dropouts, a repeatable mean of samples."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from segbench.models.zoo.bayesian_segnet import BayesianSegNet, _mask, _mixed, bayesian_segnet
from segbench.models.zoo.segnet import SegNet
from tests.models.checks import toy


def small(samples: int = 3, seed: int = 0) -> BayesianSegNet:
    torch.manual_seed(0)
    return BayesianSegNet(3, width=1 / 16, samples=samples, seed=seed).eval()


@pytest.mark.parametrize(("classes", "count"), [(11, 29_449_355), (19, 29_453_971), (21, 29_455_125)])
def test_parameter_count_is_segnets(classes: int, count: int) -> None:
    with torch.device("meta"):
        network = bayesian_segnet(toy(classes)).network
    assert sum(p.numel() for p in network.parameters() if p.requires_grad) == count


def gmacs(samples: int) -> float:
    with torch.device("meta"), FlopCounterMode(display=False) as flops:
        BayesianSegNet(19, samples=samples).eval()(torch.empty(1, 3, 512, 1024))
    return flops.get_total_flops() / 2e9


def test_one_sample_costs_as_much_as_segnet_and_each_further_one_less() -> None:
    """The part before the first dropout runs once."""
    none, one, two, three = (gmacs(samples) for samples in range(4))
    assert none == one == pytest.approx(325.55, abs=0.01)
    assert two - one == pytest.approx(three - two)
    assert two - one < 0.8 * one


def test_without_samples_it_is_segnet_with_segnets_weights() -> None:
    torch.manual_seed(0)
    plain, bayesian = SegNet(3, width=1 / 16).eval(), small(samples=0)
    bayesian.load_state_dict(plain.state_dict())
    x = torch.randn(1, 3, 45, 60)
    with torch.inference_mode():
        assert torch.equal(bayesian(x), plain(x))


def test_logits_are_the_logarithm_of_the_mean_softmax() -> None:
    network = small()
    x = torch.randn(2, 3, 45, 60)
    with torch.inference_mode():
        samples = [F.softmax(logits, 1) for logits in network.sample(x)]
        torch.testing.assert_close(network(x).exp(), torch.stack(samples).mean(0))
    assert len(samples) == 3
    assert not torch.equal(samples[0], samples[1])


def test_prediction_is_repeatable_and_leaves_torchs_generator_alone() -> None:
    network = small()
    x = torch.randn(1, 3, 32, 32)
    with torch.inference_mode():
        first = network(x)
        state = torch.get_rng_state()
        torch.rand(7)
        assert torch.equal(network(x), first)
        torch.set_rng_state(state)
        network(x)
        assert torch.equal(torch.get_rng_state(), state)


def test_another_seed_gives_other_samples_and_more_samples_a_steadier_mean() -> None:
    x = torch.randn(1, 3, 32, 32)

    def spread(samples: int) -> float:
        with torch.inference_mode():
            means = torch.stack([small(samples, seed)(x).exp() for seed in range(4)])
        return means.std(0).mean().item()

    assert 0 < spread(16) < spread(1) / 2


def test_half_of_the_units_after_pools_3_to_5_and_decoders_5_to_3_are_dropped_in_training(monkeypatch: pytest.MonkeyPatch) -> None:
    dropped: list[tuple[int, int]] = []

    def recording(maps: Tensor, rate: float, training: bool) -> Tensor:
        assert (rate, training) == (0.5, True)
        dropped.append((maps.shape[1], maps.shape[2]))
        return maps

    monkeypatch.setattr(F, "dropout", recording)
    small().train()(torch.randn(2, 3, 64, 64))
    widths = [channels // 16 for channels in (256, 512, 512, 512, 256, 128)]
    assert dropped == list(zip(widths, [8, 4, 2, 4, 8, 16], strict=True))


def test_masks_drop_half_and_keep_the_mean() -> None:
    """Element-wise, not whole channels."""
    mask = _mask(torch.zeros(2, 8, 50, 50), 0, 0)
    assert mask.shape == (1, 8, 50, 50)
    assert set(mask.unique().tolist()) == {0.0, 2.0}
    assert mask.mean(dim=(0, 2, 3)).sub(1).abs().max() < 0.1


def test_masks_of_other_numbers_and_seeds_have_nothing_in_common() -> None:
    """Of two independent masks half of the places agree: 20000 places, so by four standard deviations within 0.014."""
    masks = [_mask(torch.zeros(1, 8, 50, 50), seed, number) for seed, number in ((0, 0), (0, 1), (0, 6), (1, 0), (2**31, 0))]
    for index, first in enumerate(masks):
        for second in masks[index + 1 :]:
            assert abs((first == second).double().mean() - 0.5) < 0.015
        pairs = (first.flatten()[1:] == first.flatten()[:-1]).double().mean()
        assert abs(pairs - 0.5) < 0.015  # nor has a place with its neighbour


def test_the_mask_of_tensors_is_the_hash_of_integers() -> None:
    mask = _mask(torch.zeros(1, 3, 7, 11), 5, 9).flatten()
    expected = [2.0 if _mixed(place ^ _mixed(_mixed(5) + 9)) < 1 << 31 else 0.0 for place in range(len(mask))]
    assert mask.tolist() == expected


@pytest.mark.parametrize("samples", [0, 2])
@pytest.mark.parametrize("size", [(360, 480), (1, 64), (101, 77)], ids=str)
def test_logits_have_the_size_of_the_image(size: tuple[int, int], samples: int) -> None:
    with torch.device("meta"):
        assert BayesianSegNet(3, width=1 / 32, samples=samples).eval()(torch.empty(2, 3, *size)).shape == (2, 3, *size)


def test_a_negative_number_of_samples_is_refused() -> None:
    with pytest.raises(ValueError, match="samples must not be negative, not -1"):
        bayesian_segnet(toy(3), width=1 / 32, samples=-1)


def test_arguments_rebuild_the_network() -> None:
    first = bayesian_segnet(toy(3), width=1 / 32, samples=2, seed=5)
    assert first.arguments == {"width": 1 / 32, "samples": 2, "seed": 5}
    again = bayesian_segnet(toy(3), **first.arguments)
    again.network.load_state_dict(first.network.state_dict())
    x = torch.randn(1, 3, 32, 32)
    with torch.inference_mode():
        logits = first.network.eval()(x)
        assert torch.equal(again.network.eval()(x), logits)
