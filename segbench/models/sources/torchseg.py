"""TorchSeg, by the first author of BiSeNet and DFN: its trained networks, and its ImageNet ResNets with a deep stem.

Reference: github.com/ycszen/TorchSeg, ``model/bisenet``, ``model/dfn`` and ``furnace/base_model``. Files hold the state under ``model``.
Images are RGB in 0..1 minus ImageNet's mean, over its deviation. The ``.speed`` networks have images of 768x1536 and labels of 96x192,
taken to the nearest: their published scores are of 1/8, and every score is that of the first of eight pixels. On Xception39 a file of the
network for full size has the same tensors: ``--set port=speed`` or ``port=full`` says which it is.
"""

from __future__ import annotations

from segbench.models.sources.base import Source, State, reshaped, within
from segbench.models.sources.torchvision import CLASSIFIER, IMAGENET

URL = "https://github.com/ycszen/TorchSeg"
CONV_BN = {"conv": "0", "bn": "1"}
FULL_NOTE = "trained and tested at full size, in windows of 1024x1024"
SPEED_NOTE = "trained and tested on images of 768x1536 (--input-size 768x1536); its authors score labels of 96x192, we every pixel"


def conv_bn(foreign: str, ours: str) -> dict[str, str]:
    """A ``ConvBnRelu`` as our first two layers."""
    return within(foreign, ours, CONV_BN)


def bisenet(context: dict[str, str]) -> dict[str, str]:
    """BiSeNet on any trunk. Heads 0 and 1 are the auxiliary ones."""
    spatial = enumerate(("conv_7x7", "conv_3x3_1", "conv_3x3_2", "conv_1x1"))
    modules = dict(context)
    for number, name in spatial:
        modules |= conv_bn(f"spatial_path.{name}", f"spatial.{number}")
    modules |= conv_bn("global_context.1", "tail.1")
    for number in range(2):
        modules |= conv_bn(f"arms.{number}.conv_3x3", f"refinements.{number}.conv")
        modules |= conv_bn(f"arms.{number}.channel_attention.1", f"refinements.{number}.gate.1")
        modules |= conv_bn(f"refines.{number}", f"smooth.{number}")
    modules |= conv_bn("ffm.conv_1x1", "fusion.conv")
    modules |= {"ffm.channel_attention.1.conv": "fusion.gate.1", "ffm.channel_attention.2.conv": "fusion.gate.3"}
    for foreign, ours in (("heads.2", "head"), ("heads.0", "aux_heads.0"), ("heads.1", "aux_heads.1")):
        modules |= conv_bn(f"{foreign}.conv_3x3", f"{ours}.0") | {f"{foreign}.conv_1x1": f"{ours}.1"}
    return modules


def separable(foreign: str, ours: str) -> dict[str, str]:
    """A depthwise convolution and the pointwise one behind it."""
    return {f"{foreign}.conv1": f"{ours}.0"} | conv_bn(f"{foreign}.point_wise_cbr", f"{ours}.1")


def xception39() -> dict[str, str]:
    """The trunk of 4, 8 and 4 blocks; the first of each stage has a projection."""
    modules = conv_bn("context_path.conv1", "context.stem.0")
    for stage, blocks in enumerate((4, 8, 4)):
        for block in range(blocks):
            foreign, ours = f"context_path.layer{stage + 1}.{block}", f"context.stages.{stage}.{block}"
            for number in range(3):
                modules |= separable(f"{foreign}.residual_branch.{number}", f"{ours}.main.{number}")
            if block == 0:
                modules |= separable(f"{foreign}.proj", f"{ours}.shortcut")
    return modules


def refinement(foreign: str, ours: str) -> dict[str, str]:
    """A refinement residual block."""
    inner = {"conv_1x1": "unify", "cbr.conv": "refine.0.0", "cbr.bn": "refine.0.1", "conv_refine": "refine.1"}
    return within(foreign, ours, inner)


def dfn_head(foreign: str, ours: str) -> dict[str, str]:
    """A head of either sub-network."""
    return refinement(f"{foreign}.rrb", f"{ours}.0") | {f"{foreign}.conv": f"{ours}.1"}


def dfn() -> dict[str, str]:
    """Smooth and border network. Smooth stages run from the coarsest map, the border's from the finest, on both sides."""
    modules = {"backbone": "trunk"} | conv_bn("global_context.1", "top.1")
    for stage in range(4):
        modules |= refinement(f"smooth_pre_rrbs.{stage}", f"stages.{stage}.before")
        modules |= refinement(f"smooth_aft_rrbs.{stage}", f"stages.{stage}.after")
        gate, fc = f"stages.{stage}.attention.gate", f"cabs.{stage}.channel_attention.fc"
        modules |= {f"{fc}.0": f"{gate}.1", f"{fc}.2": f"{gate}.3"}
        modules |= dfn_head(f"smooth_heads.{stage}", "head" if stage == 3 else f"aux_heads.{stage}")
        modules |= refinement(f"border_pre_rrbs.{stage}", f"border.before.{stage}")
        modules |= refinement(f"border_aft_rrbs.{stage}", f"border.after.{stage}")
        modules |= dfn_head(f"border_heads.{stage}", f"border.heads.{stage}")
    return modules


def gates_as_convolutions(state: State) -> State:
    """The linear layers of DFN's channel attention as 1x1 convolutions."""
    for stage in range(4):
        for layer in (0, 2):
            key = f"cabs.{stage}.channel_attention.fc.{layer}.weight"
            if key in state:
                state = reshaped(state, key, (state[key].shape[1], 1, 1))
    return state


def deep_stem_resnet(depth: int, trunk: str) -> Source:
    """An ImageNet ResNet whose stem is three 3x3 convolutions of 64, 64 and 128 channels (``v1c``), in our names already."""
    return Source(
        name=f"TorchSeg resnet{depth}_v1c, ImageNet",
        url=URL,
        trained_on=IMAGENET,
        modules={"": trunk},
        left_out={"fc": CLASSIFIER},
        trunk=True,
    )


def trained_bisenet(variant: str, context: dict[str, str], port: str, note: str) -> Source:
    """A BiSeNet trained on Cityscapes."""
    return Source(
        name=f"TorchSeg cityscapes.bisenet.{variant}",
        url=URL,
        trained_on="Cityscapes fine, train",
        modules=bisenet(context),
        scores=("heads.2.conv_1x1", "heads.0.conv_1x1", "heads.1.conv_1x1"),
        labels="cityscapes",
        arguments={"port": port},
        note=note,
    )


RESNET18 = {"context_path": "context"}
BISENET_R18 = (
    trained_bisenet("R18.speed", RESNET18, "speed", SPEED_NOTE),
    trained_bisenet("R18", RESNET18, "full", FULL_NOTE),
)
BISENET_X39 = (
    trained_bisenet("X39.speed", xception39(), "speed", SPEED_NOTE),
    trained_bisenet("X39", xception39(), "full", FULL_NOTE),
)
DFN = (
    Source(
        name="TorchSeg cityscapes.dfn.R101_v1c",
        url=URL,
        trained_on="Cityscapes fine, train",
        modules=dfn(),
        scores=("smooth_heads.3.conv", *(f"smooth_heads.{stage}.conv" for stage in range(3))),
        labels="cityscapes",
        prepare=gates_as_convolutions,
    ),
    deep_stem_resnet(101, "trunk"),
)
