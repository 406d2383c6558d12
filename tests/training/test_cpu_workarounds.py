from __future__ import annotations

import subprocess
import sys

import torch
from torch import nn

from segbench.training.cpu_workarounds import sound_on_cpu

# Channels-last input as in `train`: without the way around, oneDNN writes past its workspace here, so this runs in a process of its own.
CRASHES = """
import torch
from torch import nn
from segbench.training.cpu_workarounds import sound_on_cpu
torch.manual_seed(0)
network = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.Conv2d(8, 16, 1, 2, bias=False)).to(memory_format=torch.channels_last)
x = torch.randn(4, 3, 96, 192).to(memory_format=torch.channels_last)
with sound_on_cpu(network):
    network(x).square().mean().backward()
got = network[1].weight.grad.clone()
network.zero_grad()
network.to(memory_format=torch.contiguous_format).double()(x.double().contiguous()).square().mean().backward()
torch.testing.assert_close(got, network[1].weight.grad.float(), rtol=1e-4, atol=1e-7)
"""


def test_gradients_of_narrow_strided_pointwise_convolutions_are_right() -> None:
    done = subprocess.run([sys.executable, "-c", CRASHES], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


DILATED = """
import torch
from torch import nn
from segbench.training.cpu_workarounds import sound_on_cpu
torch.manual_seed(0)
for channels, groups in ((20, 1), (22, 1), (28, 28)):
    network = nn.Conv2d(channels, channels, 3, padding=6, dilation=6, groups=groups).to(memory_format=torch.channels_last)
    x = torch.randn(4, channels, 24, 48).to(memory_format=torch.channels_last)
    with sound_on_cpu(network), torch.autocast("cpu", torch.bfloat16):
        network(x).float().square().mean().backward()
    got = network.weight.grad.clone()
    network.zero_grad()
    network.to(memory_format=torch.contiguous_format).double()(x.double().contiguous()).square().mean().backward()
    torch.testing.assert_close(got, network.weight.grad.float(), rtol=0.02, atol=0.02 * float(got.abs().max()))
"""


def test_gradients_of_dilated_convolutions_are_right_in_bfloat16() -> None:
    done = subprocess.run([sys.executable, "-c", DILATED], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_outputs_stay_the_same_and_the_layers_are_put_back() -> None:
    torch.manual_seed(0)
    layers = nn.Conv2d(8, 4, 1, 2), nn.Conv2d(4, 4, 1, (1, 3), groups=2), nn.Conv2d(4, 8, 3, 2), nn.Conv2d(8, 8, 3, padding=2, dilation=2)
    network = nn.Sequential(*layers)
    x = torch.randn(2, 8, 13, 22)
    expected = network(x)
    with sound_on_cpu(network):
        assert [("forward" in vars(module)) for module in network] == [True, True, False, True]
        torch.testing.assert_close(network(x), expected)
    assert not any("forward" in vars(module) for module in network)
    assert torch.equal(network(x), expected)


def test_denormal_numbers_are_flushed_inside_only() -> None:
    denormal = torch.tensor([1e-40])
    with sound_on_cpu(nn.Identity()):
        assert float(denormal * 0.5) == 0.0
    assert float(denormal * 0.5) > 0.0
