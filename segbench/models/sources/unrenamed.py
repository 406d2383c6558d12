"""Networks whose parameters we name as their references do: DDRNet, PIDNet, HRNet and PSPNet but for its stem.

References: github.com/ydhongHIT/DDRNet (and chenjun2hao/DDRNet.pytorch), github.com/XuJiacong/PIDNet, github.com/HRNet/HRNet-Semantic-
Segmentation, github.com/hszhao/semseg. The first three train a module that holds network and losses, so names have ``model.`` in front and
class weights beside them. Images are RGB in 0..1 minus ImageNet's mean, over its deviation.

HRNet's older files (branch ``master``, and those called ``torch04``) were trained with in-place activated batch normalisation, whose
scale is the absolute value of its weight plus epsilon. Such norms do not count batches, which tells them apart.
"""

from __future__ import annotations

from dataclasses import replace

from segbench.models.sources.base import COUNTER, Source, State
from segbench.models.sources.torchseg import deep_stem_resnet
from segbench.models.sources.torchvision import CLASSIFIER, IMAGENET

CLASS_WEIGHTS = "class weights of the training loss"
LOSSES = dict.fromkeys(("loss", "sem_loss", "bd_loss"), CLASS_WEIGHTS)
ABN_EPS = 1e-5


def cityscapes(name: str, url: str, scores: tuple[str, ...], note: str = "") -> Source:
    """A network trained on Cityscapes, beside its losses."""
    return Source(
        name=f"{name}, Cityscapes",
        url=url,
        trained_on="Cityscapes fine",
        modules={"": ""},
        left_out=LOSSES,
        scores=scores,
        labels="cityscapes",
        note=note,
    )


def counts_batches(state: State) -> bool:
    """Whether the norms of a state are torch's own."""
    return any(key.endswith(COUNTER) for key in state)


def absolute_scales(state: State) -> State:
    """The weights of in-place activated batch normalisation as those of torch's: what they multiply by."""
    norms = [key.removesuffix("running_mean") + "weight" for key in state if key.endswith("running_mean")]
    return state | {key: state[key].abs() + ABN_EPS for key in norms if key in state}


def hrnet(name: str, scores: tuple[str, ...], note: str = "") -> tuple[Source, Source]:
    """HRNet with torch's norms, and with those of its older files."""

    def counted(state: State) -> str:
        return "" if counts_batches(state) else f"no {COUNTER}: its norms are not torch's, but in-place activated ones"

    def uncounted(state: State) -> str:
        return f"{COUNTER}: its norms are torch's" if counts_batches(state) else ""

    now = replace(cityscapes(name, HRNET_URL, scores, note), unlike=counted)
    return now, replace(now, name=f"{name} of PyTorch 0.4, Cityscapes", prepare=absolute_scales, unlike=uncounted)


def pspnet(depth: int) -> Source:
    """PSPNet; the deep stem is the first seven layers of ``layer0``, and the normalisation behind it the eighth."""
    stem = {f"layer0.{layer}": f"backbone.conv1.{layer}" for layer in (0, 1, 3, 4, 6)}
    stages = {f"layer{stage}": f"backbone.layer{stage}" for stage in range(1, 5)}
    return Source(
        name=f"hszhao/semseg pspnet{depth}, Cityscapes",
        url="https://github.com/hszhao/semseg",
        trained_on="Cityscapes fine, train",
        modules=stem | {"layer0.7": "backbone.bn1"} | stages | {name: name for name in ("ppm", "cls", "aux")},
        scores=("cls.4", "aux.4"),
        labels="cityscapes",
        note="trained and tested on windows of 713x713 (--crop 713x713 --stride 476x476)",
    )


def semseg_resnet(depth: int) -> Source:
    """The ImageNet ResNet with a deep stem that PSPNet starts from."""
    convs = {"conv1": "backbone.conv1.0", "bn1": "backbone.conv1.1", "conv2": "backbone.conv1.3", "bn2": "backbone.conv1.4"}
    stages = {f"layer{stage}": f"backbone.layer{stage}" for stage in range(1, 5)}
    return Source(
        name=f"hszhao/semseg resnet{depth}_v2, ImageNet",
        url="https://github.com/hszhao/semseg",
        trained_on=IMAGENET,
        modules=convs | {"conv3": "backbone.conv1.6", "bn3": "backbone.bn1"} | stages,
        left_out={"fc": CLASSIFIER},
        trunk=True,
    )


HRNET_URL = "https://github.com/HRNet/HRNet-Semantic-Segmentation"
W48_NOTE = "aligns no corners, as code and configurations have it; the README of HRNet-OCR says otherwise: --set align_corners=true"
DDRNET23_SLIM = (
    cityscapes("ydhongHIT/DDRNet 23-slim", "https://github.com/ydhongHIT/DDRNet", ("final_layer.conv2", "seghead_extra.conv2")),
)
PIDNET_S = (cityscapes("XuJiacong/PIDNet S", "https://github.com/XuJiacong/PIDNet", ("final_layer.conv2", "seghead_p.conv2")),)
HRNET_W48 = hrnet("HRNet W48", ("last_layer.3",), W48_NOTE)
HRNET_W48_OCR = hrnet("HRNet W48 OCR", ("cls_head", "aux_head.3"))
PSPNET_R50 = (pspnet(50), semseg_resnet(50), deep_stem_resnet(50, "backbone"))
PSPNET_R101 = (pspnet(101), semseg_resnet(101), deep_stem_resnet(101, "backbone"))
