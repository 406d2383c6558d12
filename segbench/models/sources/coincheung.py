"""CoinCheung's BiSeNet and BiSeNet v2, trained on Cityscapes.

Reference: github.com/CoinCheung/BiSeNet, ``lib/models``. Files are plain state dicts with their auxiliary heads. Images are RGB in 0..1
minus Cityscapes' own mean, over its own deviation; the weights for COCO-Stuff and ADE20K go with other values (``--normalize``).
"""

from __future__ import annotations

from segbench.models.segmenter import Normalize
from segbench.models.sources.base import Source, within
from segbench.models.sources.torchseg import BISENET_R18 as TORCHSEG_R18
from segbench.models.sources.torchvision import resnet

URL = "https://github.com/CoinCheung/BiSeNet"
CITYSCAPES = Normalize((0.3257 * 255, 0.3690 * 255, 0.3223 * 255), (0.2112 * 255, 0.2148 * 255, 0.2115 * 255))
CONV_BN = {"conv": "0", "bn": "1"}
CONV_BN_TWICE = {"0": "0.0", "1": "0.1", "2": "1"}


def conv_bn(foreign: str, ours: str) -> dict[str, str]:
    """A ``ConvBNReLU`` as our first two layers."""
    return within(foreign, ours, CONV_BN)


def bisenet_v1() -> dict[str, str]:
    """Spatial path, context path, fusion, heads."""
    modules = {"cp.resnet": "context"}
    for number, name in enumerate(("conv1", "conv2", "conv3", "conv_out")):
        modules |= conv_bn(f"sp.{name}", f"spatial.{number}")
    modules |= conv_bn("cp.conv_avg", "tail.1")
    for number, stride in enumerate((32, 16)):
        arm, refinement = f"cp.arm{stride}", f"refinements.{number}"
        modules |= conv_bn(f"{arm}.conv", f"{refinement}.conv")
        modules |= {f"{arm}.conv_atten": f"{refinement}.gate.1.0", f"{arm}.bn_atten": f"{refinement}.gate.1.1"}
        modules |= conv_bn(f"cp.conv_head{stride}", f"smooth.{number}")
    modules |= conv_bn("ffm.convblk", "fusion.conv") | {"ffm.conv": "fusion.gate.1.0", "ffm.bn": "fusion.gate.1.1"}
    for foreign, ours in (("conv_out", "head"), ("conv_out32", "aux_heads.0"), ("conv_out16", "aux_heads.1")):
        modules |= conv_bn(f"{foreign}.conv", f"{ours}.0") | {f"{foreign}.conv_out": f"{ours}.1"}
    return modules


def detail() -> dict[str, str]:
    """The detail branch: three stages, one after the other here."""
    layers = [f"detail.S{stage}.{layer}" for stage, count in ((1, 2), (2, 3), (3, 3)) for layer in range(count)]
    modules: dict[str, str] = {}
    for number, layer in enumerate(layers):
        modules |= conv_bn(layer, f"detail.{number}")
    return modules


def expansion(foreign: str, ours: str, *, strided: bool) -> dict[str, str]:
    """A gather-and-expansion layer."""
    modules = conv_bn(f"{foreign}.conv1", f"{ours}.main.0")
    depthwise = ("dwconv1", "dwconv2") if strided else ("dwconv",)
    for number, name in enumerate((*depthwise, "conv2"), start=1):
        modules |= {f"{foreign}.{name}": f"{ours}.main.{number}"}
    if strided:
        modules |= within(f"{foreign}.shortcut", f"{ours}.shortcut", {"0": "0.0", "1": "0.1", "2": "1.0", "3": "1.1"})
    return modules


def semantic() -> dict[str, str]:
    """The semantic branch: a stem, three stages and the context embedding."""
    stem, ours = "segment.S1S2", "semantic.stages.0"
    modules = conv_bn(f"{stem}.conv", f"{ours}.first") | conv_bn(f"{stem}.fuse", f"{ours}.merge")
    for number in range(2):
        modules |= conv_bn(f"{stem}.left.{number}", f"{ours}.conv.{number}")
    for stage, (name, blocks) in enumerate((("S3", 2), ("S4", 2), ("S5_4", 4)), start=1):
        for block in range(blocks):
            modules |= expansion(f"segment.{name}.{block}", f"semantic.stages.{stage}.{block}", strided=block == 0)
    embedding, context = "segment.S5_5", "semantic.context"
    modules |= {f"{embedding}.bn": f"{context}.norm"}
    return modules | conv_bn(f"{embedding}.conv_gap", f"{context}.conv_mean") | conv_bn(f"{embedding}.conv_last", f"{context}.conv")


def aggregation() -> dict[str, str]:
    """The bilateral guided aggregation."""
    modules = within("bga.left1", "aggregation.detail", CONV_BN_TWICE) | within("bga.right2", "aggregation.semantic", CONV_BN_TWICE)
    modules |= within("bga.left2", "aggregation.detail_down", {"0": "0.0", "1": "0.1"})
    return modules | {"bga.right1": "aggregation.semantic_up", "bga.conv": "aggregation.merge"}


BOOSTERS = ("aux2", "aux3", "aux4", "aux5_4")


def bisenet_v2() -> dict[str, str]:
    """Both branches, aggregation, the head and the boosters."""
    modules = detail() | semantic() | aggregation()
    modules |= conv_bn("head.conv", "head.0") | {"head.conv_out.1": "head.2"}
    for number, name in enumerate(BOOSTERS):
        ours = f"boosters.{number}"
        modules |= conv_bn(f"{name}.conv", f"{ours}.0")
        modules |= conv_bn(f"{name}.conv_out.0.1", f"{ours}.3") | {f"{name}.conv_out.1": f"{ours}.4"}
    return modules


def trained(variant: str, modules: dict[str, str], scores: tuple[str, ...], **arguments: str) -> Source:
    """A network trained on Cityscapes."""
    return Source(
        name=f"CoinCheung/BiSeNet {variant}, Cityscapes",
        url=URL,
        trained_on="Cityscapes fine, train",
        modules=modules,
        scores=scores,
        labels="cityscapes",
        normalize=CITYSCAPES,
        arguments=arguments,
    )


V1_SCORES = ("conv_out.conv_out", "conv_out32.conv_out", "conv_out16.conv_out")
BISENET_R18 = (
    trained("v1", bisenet_v1(), V1_SCORES, port="coincheung"),
    *TORCHSEG_R18,
    resnet(18, "context"),
)
BISENET_V2 = (trained("v2", bisenet_v2(), ("head.conv_out.1", *(f"{name}.conv_out.1" for name in BOOSTERS))),)
