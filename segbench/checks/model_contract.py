"""What every model must keep to: our own tests, `segbench check` and the authors of plugins run the same properties.

A property is a function that returns if a segmenter has it and raises if not; the first line of its docstring says what holds. The test of
a plugin is ``for finding in check_model(my_model(labels)): assert finding.holds, finding``. Datasets have theirs in dataset_contract.py.

Each property gets a copy of the network of its own, on the segmenter's device; the segmenter and torch's generator stay as they were.
"""

from __future__ import annotations

import copy
import inspect
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from segbench.checks.dataset_contract import check_dataset as check_dataset
from segbench.checks.findings import ContractError, Finding, problem_of, require, some, title
from segbench.errors import UnknownNameError
from segbench.models import MODELS
from segbench.models.segmenter import Segmenter, forward, network_inputs, predict
from segbench.models.weights import build, load, save
from segbench.training.batches import Batch
from segbench.training.cpu_workarounds import sound_on_cpu
from segbench.training.objective import Objective

GIVEN = (("rgb",), ("rgb", "depth"))
ODD_SIZES = ((1, 1), (37, 51), (65, 33))
CAMVID_SIZE = (360, 480)
SMALL_SIZE = (48, 80)
TRAINING_SIZE = (64, 64)
TRAINING_STEPS = 3
LEARNING_RATES = (1e-3, 1e-4, 1e-5)  # the first is for narrow networks; wide ones without normalisation need a smaller one
# Of the range of the logits. Another batch size is another order of summation and nothing more.
BATCH_TOLERANCE = 1e-3


Property = Callable[[Segmenter], None]


def check_model(segmenter: Segmenter, properties: Iterable[Property] | None = None) -> Iterator[Finding]:
    """Check a model: one finding for each of ``properties``, by default all of :data:`MODEL_PROPERTIES`, in turn.

    >>> import segbench
    >>> segmenter = segbench.build_model("enet", segbench.label_space("camvid"), width=0.125)
    >>> findings = list(segbench.check_model(segmenter))
    >>> all(finding.holds for finding in findings), len(findings)
    (True, 12)
    """
    for has in MODEL_PROPERTIES if properties is None else properties:
        yield Finding(segmenter.name, title(has), _problem(has, segmenter))


def _problem(has: Property, segmenter: Segmenter) -> str | None:
    """What a property finds in a copy of the network, with torch's generator put back."""
    devices = [] if segmenter.device.type == "cpu" else [segmenter.device]
    with torch.random.fork_rng(devices):
        torch.manual_seed(0)
        return problem_of(lambda: has(replace(segmenter, network=copy.deepcopy(segmenter.network).eval())))


def gives_a_plane_of_logits_for_each_class(segmenter: Segmenter) -> None:
    """In evaluation it gives one tensor of finite logits, [N, classes, h, w]."""
    require(segmenter.inputs in GIVEN, f"it takes {' and '.join(segmenter.inputs)}; datasets give rgb, or rgb and depth")
    logits = segmenter.network(*network_inputs(segmenter, *_images(segmenter, 2, SMALL_SIZE)))
    require(isinstance(logits, Tensor), f"the network gives a {type(logits).__name__}; auxiliary outputs are for training mode only")
    expected = (2, len(segmenter.labels.classes))
    require(
        logits.dim() == 4 and logits.shape[:2] == expected, f"logits are {list(logits.shape)}, not [{expected[0]}, {expected[1]}, h, w]"
    )
    require(logits.is_floating_point(), f"logits are {logits.dtype}; the class map is taken from them by segbench")
    require(bool(logits.isfinite().all()), f"{(~logits.isfinite()).float().mean():.1%} of the logits are infinite or NaN")


def takes_images_of_odd_sizes(segmenter: Segmenter) -> None:
    """Class maps are uint8, below the number of classes and of the image's size: 1x1, 37x51, 65x33."""
    for size in ODD_SIZES:
        images, depth = _arrays(segmenter, 1, size)
        _require_class_map(predict(segmenter, images, depth), (1, *size), segmenter)


def covers_360x480_at_one_stride(segmenter: Segmenter) -> None:
    """360x480 is taken, and its logits cover the image at one whole stride."""
    images, depth = _arrays(segmenter, 1, CAMVID_SIZE)
    _require_class_map(predict(segmenter, images, depth), (1, *CAMVID_SIZE), segmenter)
    rule = segmenter.input_rule
    covered = [rule.padded(side) - 2 * rule.context for side in CAMVID_SIZE]
    found = _logits(segmenter, *_images(segmenter, 1, CAMVID_SIZE)).shape[-2:]
    strides = range(1, min(covered) + 1)
    # Caffe's pools round up and count both edges: one more than fit is no hole.
    at_one = any(all(-s < have * s - side <= s for have, side in zip(found, covered, strict=True)) for s in strides)
    what = f"{found[0]}x{found[1]} logits cannot cover {covered[0]}x{covered[1]} pixels at one stride"
    require(at_one, f"{what}; an unpadded convolution eats the border: pad it, or tell InputRule its context")


def sees_each_image_alone(segmenter: Segmenter) -> None:
    """The logits of an image do not depend on what else is in the batch."""
    images, depth = _images(segmenter, 3, SMALL_SIZE)
    images[0] //= 8  # what shares the batch is as different as it can be, but never flat: ties in a pool are broken by rounding
    images[2] = 255 - images[2] // 8
    _wake(segmenter)
    together = _logits(segmenter, images, depth)
    for i in range(len(images)):
        alone = _logits(segmenter, images[i : i + 1], None if depth is None else depth[i : i + 1])[0]
        moved = float((alone - together[i]).abs().max() / (alone.max() - alone.min()).clamp(min=torch.finfo(alone.dtype).tiny))
        require(moved <= BATCH_TOLERANCE, f"logits of an image alone and among others differ by {moved:.1%} of their range")


def sees_the_image(segmenter: Segmenter) -> None:
    """Another image gives other logits."""
    _wake(segmenter)
    logits = _logits(segmenter, *_images(segmenter, 2, SMALL_SIZE))
    require(not torch.equal(logits[0], logits[1]), "two images of noise give the same logits")


def repeats_itself(segmenter: Segmenter) -> None:
    """Evaluation is deterministic, whatever torch's generator says."""
    images, depth = _images(segmenter, 2, SMALL_SIZE)
    _wake(segmenter)
    first = _logits(segmenter, images, depth)
    torch.manual_seed(1)
    again = _logits(segmenter, images, depth)
    require(torch.equal(first, again), f"two passes over the same images differ, by up to {float((first - again).abs().max()):.3g}")


def switches_modes_without_a_trace(segmenter: Segmenter) -> None:
    """Switching to training and back changes neither weights nor logits."""
    network = segmenter.network
    images, depth = _images(segmenter, 2, SMALL_SIZE)
    _wake(segmenter)
    before, weights = _logits(segmenter, images, depth), {key: value.clone() for key, value in network.state_dict().items()}
    network.train()
    require(network.training, "train() leaves the network in evaluation mode")
    network.eval()
    left = [name or "the network" for name, module in network.named_modules() if module.training]
    require(not left, f"eval() leaves {', '.join(left[:3])} in training mode")
    after = network.state_dict()
    changed = sorted(key for key in weights.keys() | after.keys() if key not in after or not _same(weights.get(key), after[key]))
    require(not changed, f"switching changed {len(changed)} tensors: {', '.join(changed[:3])}")
    require(torch.equal(before, _logits(segmenter, images, depth)), "switching changed the logits")


def is_rebuilt_by_its_arguments(segmenter: Segmenter) -> None:
    """Its name and arguments build it again, and the arguments hold every keyword of its factory."""
    try:
        factory = MODELS.resolve(segmenter.name)
    except UnknownNameError as error:
        raise UnknownNameError(f"{error}; a Segmenter is called as it is asked for, e.g. file.py:function") from error
    keywords = list(inspect.signature(factory).parameters.values())[1:]
    missing = [k.name for k in keywords if k.kind in (k.POSITIONAL_OR_KEYWORD, k.KEYWORD_ONLY) and k.name not in segmenter.arguments]
    require(not missing, f"its arguments lack {', '.join(missing)}")
    again = build(segmenter.name, segmenter.labels, **segmenter.arguments)
    require(again.name == segmenter.name, f"{segmenter.name!r} builds a segmenter that calls itself {again.name!r}")
    require(again.arguments == segmenter.arguments, f"rebuilt, its arguments are {dict(again.arguments)}, not {dict(segmenter.arguments)}")


def comes_back_from_a_weights_file(segmenter: Segmenter) -> None:
    """A weights file brings back the same logits, whatever the network was initialised with."""
    segmenter = replace(segmenter, network=segmenter.network.cpu())
    images, depth = _images(segmenter, 3, TRAINING_SIZE)
    _wake(segmenter)
    forward(replace(segmenter, network=segmenter.network.train()), images, depth)  # running statistics are no longer what they start as
    segmenter.network.eval()
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "model.safetensors"
        save(file, segmenter, trained_on={}, recipe={}, half=False)
        torch.manual_seed(1)
        again = load(file, expected_model=segmenter.name)
    expected, found = _logits(segmenter, images, depth), _logits(again, images, depth)
    require(torch.equal(expected, found), "loaded, it gives other logits: something that it computes with is not in its state dict")


def infers_without_the_heads_of_training(segmenter: Segmenter) -> None:
    """Inference does not use the heads that the network calls training_only."""
    network = segmenter.network
    heads = {f"{head}.{name}": p for head in segmenter.training_only for name, p in network.get_submodule(head).named_parameters()}
    forward(segmenter, *_images(segmenter, 1, SMALL_SIZE)).sum().backward()
    used = [name for name, p in heads.items() if p.grad is not None]
    require(not used, f"inference uses {some(used)}, which would not be counted")


def learns_with_every_parameter(segmenter: Segmenter) -> None:
    """The gradient of the training loss reaches every trainable parameter, those of auxiliary heads included."""
    trainable = {name: p for name, p in segmenter.network.named_parameters() if p.requires_grad}
    require(bool(trainable), "no parameter is trainable")
    _wake(segmenter)
    with _training(segmenter):
        _training_loss(segmenter).backward()
    # A bias in front of batch normalisation is reached, by zero.
    missed = {name for name, p in trainable.items() if p.grad is None or (p.dim() > 1 and not p.grad.any())}
    require(not missed, f"{len(missed)} of {len(trainable)} parameters get no gradient: {some(missed)}")


def learns_a_batch(segmenter: Segmenter) -> None:
    """A few training steps lower the loss on a fixed batch."""
    tried = []
    for rate in LEARNING_RATES:
        before, after = _losses(replace(segmenter, network=copy.deepcopy(segmenter.network)), rate)
        if after < before:
            return
        tried.append(f"from {before:.4g} to {after:.4g} at a learning rate of {rate:g}")
    raise ContractError(f"in {TRAINING_STEPS} steps the loss goes {', '.join(tried)}")


MODEL_PROPERTIES: tuple[Property, ...] = (
    gives_a_plane_of_logits_for_each_class,
    takes_images_of_odd_sizes,
    covers_360x480_at_one_stride,
    sees_each_image_alone,
    sees_the_image,
    repeats_itself,
    switches_modes_without_a_trace,
    is_rebuilt_by_its_arguments,
    comes_back_from_a_weights_file,
    infers_without_the_heads_of_training,
    learns_with_every_parameter,
    learns_a_batch,
)


def _arrays(segmenter: Segmenter, count: int, size: tuple[int, int]) -> tuple[NDArray[np.uint8], NDArray[np.float32] | None]:
    """Photographs of noise, and depth if the segmenter takes it."""
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (count, *size, 3), np.uint8)
    return images, rng.standard_normal((count, *size), np.float32) if "depth" in segmenter.inputs else None


def _images(segmenter: Segmenter, count: int, size: tuple[int, int]) -> tuple[Tensor, Tensor | None]:
    images, depth = _arrays(segmenter, count, size)
    return torch.from_numpy(images).to(segmenter.device), None if depth is None else torch.from_numpy(depth).to(segmenter.device)


@torch.inference_mode()
def _logits(segmenter: Segmenter, images: Tensor, depth: Tensor | None) -> Tensor:
    return forward(segmenter, images, depth)


def _require_class_map(classes: NDArray[np.uint8], shape: tuple[int, ...], segmenter: Segmenter) -> None:
    require(
        classes.dtype == np.uint8 and classes.shape == shape,
        f"the class map is {classes.dtype}{list(classes.shape)}, not uint8{list(shape)}",
    )
    known = len(segmenter.labels.classes)
    require(int(classes.max()) < known, f"the class map names class {int(classes.max())}; there are {known}")


@torch.no_grad()
def _wake(segmenter: Segmenter) -> None:
    """Give layers that start at zero, as score layers do, some weights: behind them nothing could be seen of the image."""
    for p in segmenter.network.parameters():
        if p.dim() > 1 and not p.any():
            p.normal_(std=p[0].numel() ** -0.5)


def _losses(segmenter: Segmenter, rate: float) -> tuple[float, float]:
    """The loss before and after a few steps of AdamW."""
    optimizer = torch.optim.AdamW([p for p in segmenter.network.parameters() if p.requires_grad], lr=rate)
    losses = []
    with _training(segmenter):
        for _ in range(TRAINING_STEPS + 1):
            torch.manual_seed(0)  # the same units are dropped every time
            loss = _training_loss(segmenter)
            losses.append(loss.item())
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return losses[0], losses[-1]


def _training(segmenter: Segmenter) -> AbstractContextManager[None]:
    segmenter.network.train()
    return sound_on_cpu(segmenter.network) if segmenter.device.type == "cpu" else nullcontext()


def _training_loss(segmenter: Segmenter) -> Tensor:
    """Of three images whose left and right halves are two classes."""
    images, depth = _images(segmenter, 3, TRAINING_SIZE)
    target = torch.zeros(images.shape[:3], dtype=torch.int64, device=images.device)
    target[..., TRAINING_SIZE[1] // 2 :] = len(segmenter.labels.classes) - 1
    images[target > 0] //= 4
    return Objective(rule=segmenter.input_rule, grid=segmenter.grid)(forward(segmenter, images, depth), Batch(images, target))


def _same(one: Tensor | None, other: Tensor) -> bool:
    return one is not None and one.shape == other.shape and torch.equal(one, other)
