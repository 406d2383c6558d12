"""Networks whose parameters we name as their references do: DDRNet, PIDNet, HRNet and PSPNet but for its stem.

References: github.com/ydhongHIT/DDRNet (and chenjun2hao/DDRNet.pytorch), github.com/XuJiacong/PIDNet, github.com/HRNet/HRNet-Semantic-
Segmentation, github.com/hszhao/semseg. The first three train a module that holds network and losses, so names have ``model.`` in front and
class weights beside them. Images are RGB in 0..1 minus ImageNet's mean, over its deviation.
"""

from __future__ import annotations

from segbench.models.sources.base import Source
from segbench.models.sources.torchseg import deep_stem_resnet
from segbench.models.sources.torchvision import CLASSIFIER, IMAGENET

CLASS_WEIGHTS = "class weights of the training loss"
LOSSES = dict.fromkeys(("loss", "sem_loss", "bd_loss"), CLASS_WEIGHTS)
ALIGNED = "its logits are brought to the image with aligned corners, ours without"


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
        note="trained and tested on crops of 713x713, with logits enlarged with aligned corners",
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
DDRNET23_SLIM = (
    cityscapes("ydhongHIT/DDRNet 23-slim", "https://github.com/ydhongHIT/DDRNet", ("final_layer.conv2", "seghead_extra.conv2")),
)
PIDNET_S = (cityscapes("XuJiacong/PIDNet S", "https://github.com/XuJiacong/PIDNet", ("final_layer.conv2", "seghead_p.conv2"), ALIGNED),)
HRNET_W18 = (cityscapes("HRNet W18", HRNET_URL, ("last_layer.3",), ALIGNED),)
HRNET_W48 = (cityscapes("HRNet W48", HRNET_URL, ("last_layer.3",), ALIGNED),)
HRNET_W48_OCR = (cityscapes("HRNet W48 OCR", HRNET_URL, ("cls_head", "aux_head.3"), ALIGNED),)
PSPNET_R50 = (pspnet(50), semseg_resnet(50), deep_stem_resnet(50, "backbone"))
PSPNET_R101 = (pspnet(101), semseg_resnet(101), deep_stem_resnet(101, "backbone"))
