"""torchvision: ImageNet trunks (VGG16, ResNet) and the segmentation networks whose architecture we have (DeepLab v3).

Reference: github.com/pytorch/vision, ``models/vgg.py``, ``models/resnet.py`` and ``models/segmentation``. All take RGB in 0..1 minus
ImageNet's mean, over its deviation. Our trunks have the same names, so a trunk is moved as a whole.
"""

from __future__ import annotations

from segbench.datasets.voc import LABELS as VOC
from segbench.models.sources.base import Source, State, as_it_is, reshaped

URL = "https://github.com/pytorch/vision"
IMAGENET = "ImageNet-1k (classification)"
CLASSIFIER = "the classifier of ImageNet's 1000 classes"


def resnet(depth: int, trunk: str, note: str = "", absent: tuple[str, ...] = ()) -> Source:
    """A ResNet without its classifier, as our module ``trunk``; ``absent`` are modules of ours that it has not."""
    return Source(
        name=f"torchvision resnet{depth}, ImageNet",
        url=URL,
        trained_on=IMAGENET,
        modules={"": trunk},
        left_out={"fc": CLASSIFIER},
        trunk=True,
        absent=absent,
        note=note,
    )


def vgg16(features: str, *, bn: bool = False, head: str | None = None) -> Source:
    """VGG16's convolutions as our module ``features``; with ``head`` also fc6 and fc7, as convolutions, as its layers 0 and 3."""
    kept = {} if head is None else {"classifier.0": f"{head}.0", "classifier.3": f"{head}.3"}
    dropped = ("classifier",) if head is None else ("classifier.6",)
    return Source(
        name="torchvision vgg16_bn, ImageNet" if bn else "torchvision vgg16, ImageNet",
        url=URL,
        trained_on=IMAGENET,
        modules={"features": features, **kept},
        left_out=dict.fromkeys(dropped, CLASSIFIER),
        trunk=True,
        prepare=convolutional if head else as_it_is,
    )


def convolutional(state: State) -> State:
    """fc6 and fc7 as 7x7 and 1x1 convolutions: torchvision flattens channels first, so the values keep their order."""
    return reshaped(reshaped(state, "classifier.0.weight", (512, 7, 7)), "classifier.3.weight", (4096, 1, 1))


def both_encoders(state: State) -> State:
    """A ResNet for colour and for depth; depth's first convolution is the mean over colour's channels, as RedNet's authors start."""
    both = state | {f"depth.{key}": value for key, value in state.items() if not key.startswith("fc.")}
    if "conv1.weight" in state:
        both["depth.conv1.weight"] = state["conv1.weight"].mean(1, keepdim=True)
    return both


def deeplab_v3(depth: int) -> Source:
    """The whole network, names unchanged; the auxiliary classifier is in the published files and may be missing."""
    return Source(
        name=f"torchvision deeplabv3_resnet{depth}, COCO with VOC's labels",
        url=URL,
        trained_on="COCO 2017, images with VOC's classes",
        modules={"": ""},
        scores=("classifier.4", "aux_classifier.4"),
        labels=VOC,
    )


CAFFE_STRIDE = "our network has Caffe's strides: the first block of layer2 is strided on its 1x1, torchvision's on its 3x3"
FANET_STRIDE = "our network's first stage also halves the size; the projection that this takes in its first shortcut stays random"
FANET_SHORTCUT = ("trunk.layer1.0.downsample",)

FCN = (vgg16("trunk.features", head="head"),)
VGG16_FEATURES = (vgg16("features"),)
VGG16_BN_ENCODER = (vgg16("encoder.features", bn=True),)
DEEPLAB_V2 = (resnet(101, "backbone", CAFFE_STRIDE),)
DEEPLAB_V3 = (deeplab_v3(101), resnet(101, "backbone"))
DEEPLAB_V3_R50 = (deeplab_v3(50), resnet(50, "backbone"))
DEEPLAB_V3PLUS_R101 = (resnet(101, "backbone"),)
GCN = (resnet(152, "trunk"),)
FANET18 = (resnet(18, "trunk", FANET_STRIDE, FANET_SHORTCUT),)
FANET34 = (resnet(34, "trunk", FANET_STRIDE, FANET_SHORTCUT),)
REDNET = (
    Source(
        name="torchvision resnet50, ImageNet, for colour and depth",
        url=URL,
        trained_on=IMAGENET,
        modules={"": "colour", "depth": "depth"},
        left_out={"fc": CLASSIFIER},
        trunk=True,
        prepare=both_encoders,
    ),
)
