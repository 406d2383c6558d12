"""Public weights: every tensor of every source has one place, and it is the right one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import pytest
import torch
from torch import Tensor, nn

from segbench.datasets.cityscapes import LABELS
from segbench.errors import UnknownNameError, WeightsError
from segbench.labels.space import LabelClass, LabelSpace
from segbench.models import MODELS
from segbench.models.public_weights import COUNTER, SOURCES, Fit, Imported, adopt, identify, on_meta, sources_of
from segbench.models.sources.base import Source, below
from segbench.models.sources.torchvision import VOC
from tests.models import standins
from tests.models.references import VGG16, DeepLabV3, ResNet, torch7_enet
from tests.models.standins import Shapes, filled, image, numbered


def module_shapes(make: Callable[[], nn.Module]) -> Shapes:
    with torch.device("meta"):
        return {key: tuple(value.shape) for key, value in make().state_dict().items()}


@dataclass(frozen=True)
class Case:
    """A model, a source of it, and how the source's reference names its tensors: in a table, or by a module.

    ``settings`` say which of two networks with the same tensors is meant; ``counted``: whether the norms count batches.
    """

    model: str
    source: str
    table: str = ""
    make: Callable[[], nn.Module] | None = None
    settings: Mapping[str, str] = field(default_factory=dict)
    counted: bool = True

    @property
    def shapes(self) -> Shapes:
        shapes = standins.shapes(self.table) if self.make is None else module_shapes(self.make)
        return {key: shape for key, shape in shapes.items() if self.counted or not key.endswith(COUNTER)}

    @property
    def fit(self) -> Fit:
        found = next(source for source in sources_of(self.model) if source.name == self.source)
        return Fit(self.model, found, numbered(self.shapes))

    def __str__(self) -> str:
        return f"{self.model}-{self.source}"


def resnet(model: str, depth: int, suffix: str = "") -> Case:
    return Case(model, f"torchvision resnet{depth}, ImageNet{suffix}", make=lambda: ResNet(depth))


def vgg16(model: str, *, bn: bool = False) -> Case:
    return Case(model, f"torchvision vgg16{'_bn' if bn else ''}, ImageNet", make=lambda: VGG16(bn=bn))


CASES = [
    *(vgg16(model) for model in ("fcn32s", "fcn16s", "fcn8s", "fcn8s_atonce", "deeplab_v1", "deeplab_v2_vgg16")),
    *(vgg16(model, bn=True) for model in ("segnet", "bayesian_segnet", "deconvnet")),
    *(resnet(model, 18) for model in ("fanet18", "bisenet_r18")),
    *(resnet("fanet34", 34), resnet("deeplab_v3_r50", 50), resnet("rednet", 50, ", for colour and depth")),
    *(resnet(model, 101) for model in ("deeplab_v2", "deeplab_v3", "deeplab_v3plus_r101")),
    *(resnet(model, 152) for model in ("gcn", "gcn_k7")),
    Case("deeplab_v3_r50", "torchvision deeplabv3_resnet50, COCO with VOC's labels", make=lambda: DeepLabV3(50)),
    Case("deeplab_v3", "torchvision deeplabv3_resnet101, COCO with VOC's labels", make=lambda: DeepLabV3(101)),
    Case("enet", "e-lab/ENet-training, converted by bermanmaxim/Enet-PyTorch, Cityscapes", make=lambda: torch7_enet(20)),
    Case("erfnet", "Eromera/erfnet_pytorch, Cityscapes", "erfnet"),
    Case("fast_scnn", "Tramac/Fast-SCNN-pytorch, Cityscapes", "fast_scnn"),
    Case("ddrnet23_slim", "ydhongHIT/DDRNet 23-slim, Cityscapes", "ddrnet23_slim"),
    Case("pidnet_s", "XuJiacong/PIDNet S, Cityscapes", "pidnet_s"),
    Case("bisenet_r18", "CoinCheung/BiSeNet v1, Cityscapes", "coincheung_v1"),
    Case("bisenet_v2", "CoinCheung/BiSeNet v2, Cityscapes", "coincheung_v2"),
    Case("bisenet_r18", "TorchSeg cityscapes.bisenet.R18.speed", "torchseg_r18_speed"),
    Case("bisenet_r18", "TorchSeg cityscapes.bisenet.R18", "torchseg_r18_full"),
    Case("bisenet_x39", "TorchSeg cityscapes.bisenet.X39.speed", "torchseg_x39", settings={"port": "speed"}),
    Case("bisenet_x39", "TorchSeg cityscapes.bisenet.X39", "torchseg_x39", settings={"port": "full"}),
    Case("dfn", "TorchSeg cityscapes.dfn.R101_v1c", "torchseg_dfn"),
    Case("dfn", "TorchSeg resnet101_v1c, ImageNet", "torchseg_resnet101_v1c"),
    Case("pspnet_r50", "TorchSeg resnet50_v1c, ImageNet", "torchseg_resnet50_v1c"),
    Case("pspnet_r101", "TorchSeg resnet101_v1c, ImageNet", "torchseg_resnet101_v1c"),
    Case("pspnet_r50", "hszhao/semseg pspnet50, Cityscapes", "semseg_pspnet50"),
    Case("pspnet_r101", "hszhao/semseg pspnet101, Cityscapes", "semseg_pspnet101"),
    Case("pspnet_r50", "hszhao/semseg resnet50_v2, ImageNet", "semseg_resnet50"),
    Case("hrnet_w48", "HRNet W48, Cityscapes", "hrnet_w48"),
    Case("hrnet_w48", "HRNet W48 of PyTorch 0.4, Cityscapes", "hrnet_w48", counted=False),
    Case("hrnet_w48_ocr", "HRNet W48 OCR, Cityscapes", "hrnet_w48_ocr"),
    Case("hrnet_w48_ocr", "HRNet W48 OCR of PyTorch 0.4, Cityscapes", "hrnet_w48_ocr", counted=False),
    *(
        Case(f"segformer_{size}", f"{source} segformer-{size}, Cityscapes", f"{table}_segformer_{size}")
        for size in ("b0", "b2")
        for source, table in (("Hugging Face nvidia", "hub"), ("transformers 5, loaded,", "transformers5"), ("NVlabs", "nvlabs"))
    ),
]
# It differs from the trunk of 50 layers in the number of blocks alone.
WITHOUT_A_STAND_IN = {"hszhao/semseg resnet101_v2, ImageNet"}


def test_every_source_has_a_stand_in() -> None:
    named = {(model, source.name) for model in SOURCES.table for source in sources_of(model) if not source.differs}
    assert {(model, name) for model, name in named if name not in WITHOUT_A_STAND_IN} == {(case.model, case.source) for case in CASES}
    assert not set(SOURCES.table) - set(MODELS.table)


@pytest.mark.parametrize(
    ("make", "published"),
    [
        (lambda: ResNet(18), 11_689_512),
        (lambda: ResNet(34), 21_797_672),
        (lambda: ResNet(50), 25_557_032),
        (lambda: ResNet(101), 44_549_160),
        (lambda: ResNet(152), 60_192_808),
        (VGG16, 138_357_544),
        (lambda: VGG16(bn=True), 138_365_992),
        (lambda: DeepLabV3(50), 42_004_074),
        (lambda: DeepLabV3(101), 60_996_202),
    ],
)
def test_torchvisions_stand_ins_have_as_many_parameters_as_torchvision_says(make: Callable[[], nn.Module], published: int) -> None:
    with torch.device("meta"):
        assert sum(p.numel() for p in make().parameters()) == published


@pytest.mark.parametrize("case", CASES, ids=str)
def test_the_reference_fits_and_is_recognised(case: Case) -> None:
    state = standins.on_meta(case.shapes)
    assert identify(case.model, state, "file", case.settings).name == case.source


def first(value: Tensor) -> float:
    return value[(0,) * value.ndim].item()


@pytest.mark.parametrize("case", CASES, ids=str)
def test_every_tensor_of_the_reference_goes_to_one_place_and_every_place_gets_one(case: Case) -> None:
    fit = case.fit
    assert not fit.unknown
    own = on_meta(case.model, fit.classes or 2, fit.source).network.state_dict()
    assert set(fit.values) <= set(own)
    empty = [key for key in own if key not in fit.values and not key.endswith(COUNTER)]
    assert bool(empty) == fit.source.trunk
    assert not any(fit.source.theirs(key) for key in empty)
    prepared = fit.source.prepare(numbered(case.shapes))
    assert len(fit.values) + len(fit.left_out) == len(prepared)
    assert all(first(value) == first(prepared[fit.foreign_name[key]]) for key, value in fit.values.items())


@pytest.mark.parametrize("case", CASES, ids=str)
def test_the_parts_of_a_module_stay_together_and_keep_their_names(case: Case) -> None:
    """A bias is not another layer's, and a running mean is not a variance: only whole modules are renamed."""
    fit = case.fit
    for ours, theirs in fit.foreign_name.items():
        assert ours.rpartition(".")[2] == theirs.rpartition(".")[2]
        assert fit.source.theirs(ours) == theirs


# For each source tensors whose place follows from what they compute: the first and the last layers, and where orders could be confused.
PLACES = [
    ("fcn8s", "torchvision vgg16, ImageNet", "features.28.weight", "trunk.features.28.weight"),
    ("fcn8s", "torchvision vgg16, ImageNet", "classifier.3.bias", "head.3.bias"),
    ("segnet", "torchvision vgg16_bn, ImageNet", "features.41.running_var", "encoder.features.41.running_var"),
    ("gcn", "torchvision resnet152, ImageNet", "layer3.35.bn3.running_mean", "trunk.layer3.35.bn3.running_mean"),
    ("erfnet", "Eromera/erfnet_pytorch, Cityscapes", "encoder.initial_block.conv.weight", "encoder.0.conv.weight"),
    ("erfnet", "Eromera/erfnet_pytorch, Cityscapes", "encoder.layers.14.conv1x3_2.bias", "encoder.15.main.7.bias"),
    ("erfnet", "Eromera/erfnet_pytorch, Cityscapes", "decoder.layers.3.bn.running_var", "decoder.1.1.running_var"),
    ("erfnet", "Eromera/erfnet_pytorch, Cityscapes", "decoder.output_conv.weight", "score.weight"),
    ("erfnet", "Eromera/erfnet_pytorch, Cityscapes", "encoder.output_conv.weight", "encoder_score.weight"),
    ("bisenet_r18", "CoinCheung/BiSeNet v1, Cityscapes", "cp.arm32.conv.conv.weight", "refinements.0.conv.0.weight"),
    ("bisenet_r18", "CoinCheung/BiSeNet v1, Cityscapes", "cp.conv_head16.bn.bias", "smooth.1.1.bias"),
    ("bisenet_r18", "CoinCheung/BiSeNet v1, Cityscapes", "conv_out16.conv_out.bias", "aux_heads.1.1.bias"),
    ("bisenet_r18", "TorchSeg cityscapes.bisenet.R18.speed", "heads.2.conv_1x1.bias", "head.1.bias"),
    ("bisenet_v2", "CoinCheung/BiSeNet v2, Cityscapes", "bga.left1.0.weight", "aggregation.detail.0.0.weight"),
    ("bisenet_v2", "CoinCheung/BiSeNet v2, Cityscapes", "bga.right1.0.weight", "aggregation.semantic_up.0.weight"),
    ("bisenet_v2", "CoinCheung/BiSeNet v2, Cityscapes", "aux5_4.conv_out.1.weight", "boosters.3.4.weight"),
    ("dfn", "TorchSeg cityscapes.dfn.R101_v1c", "smooth_heads.3.conv.weight", "head.1.weight"),
    ("dfn", "TorchSeg cityscapes.dfn.R101_v1c", "smooth_heads.0.conv.weight", "aux_heads.0.1.weight"),
    ("pspnet_r50", "hszhao/semseg pspnet50, Cityscapes", "layer0.7.running_mean", "backbone.bn1.running_mean"),
    ("segformer_b0", "Hugging Face nvidia segformer-b0, Cityscapes", "decode_head.linear_c.3.proj.weight", "linears.3.weight"),
    ("segformer_b0", "NVlabs segformer-b0, Cityscapes", "backbone.block4.1.attn.kv.bias", "stages.3.blocks.1.attn.kv.bias"),
    ("enet", CASES[[case.model for case in CASES].index("enet")].source, "9.0.0.0.weight", "down_2.main.0.weight"),
    ("enet", CASES[[case.model for case in CASES].index("enet")].source, "12.0.0.4.weight", "stage_2.2.main.4.weight"),
    ("enet", CASES[[case.model for case in CASES].index("enet")].source, "29.0.1.2.running_var", "up_1.project.1.running_var"),
]


@pytest.mark.parametrize(("model", "source", "theirs", "ours"), PLACES)
def test_a_tensor_lands_where_it_computes_the_same(model: str, source: str, theirs: str, ours: str) -> None:
    case = next(case for case in CASES if (case.model, case.source) == (model, source))
    number = list(case.shapes).index(theirs) + 1
    assert first(case.fit.values[ours]) == number


def taken(model: str, state: dict[str, Tensor], labels: LabelSpace = LABELS) -> Imported:
    return adopt(model, identify(model, state, "file"), state, labels, file="file")


def same(ours: Tensor, theirs: Tensor) -> None:
    torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5 * theirs.abs().max().item())


def loaded(reference: nn.Module) -> tuple[nn.Module, dict[str, Tensor]]:
    state = filled({key: tuple(value.shape) for key, value in reference.state_dict().items()})
    reference.load_state_dict(state)
    return reference.eval(), state


def test_a_resnet_trunk_gives_the_maps_of_torchvisions() -> None:
    reference, state = loaded(ResNet(18))
    network = taken("bisenet_r18", state).segmenter.network
    with torch.inference_mode():
        for ours, theirs in zip(network.get_submodule("context")(image(64, 96)), reference(image(64, 96)), strict=True):
            same(ours, theirs)


def test_deeplab_v3_gives_torchvisions_logits() -> None:
    reference, state = loaded(DeepLabV3(50))
    imported = taken("deeplab_v3_r50", state, VOC)
    with torch.inference_mode():
        same(imported.segmenter.network(image(65, 97)), reference(image(65, 97)))
    assert not imported.random


def test_enet_gives_the_logits_of_the_authors_layers() -> None:
    """Torch7's dropout shrinks what it lets through after training; the shares are in the normalisation here."""
    reference, state = loaded(torch7_enet(20))
    imported = taken("enet", state)
    with torch.inference_mode():
        same(imported.segmenter.network(image(64, 96)), reference(image(64, 96))[:, 1:])
    assert imported.left_out == {"score 0 of 20": "not a class: it stands for what is not evaluated"}


def test_fc6_as_a_convolution_is_the_linear_layer_on_one_window() -> None:
    shapes: Shapes = {
        "classifier.0.weight": (5, 25088),
        "classifier.0.bias": (5,),
        "classifier.6.weight": (2, 4),
        "classifier.6.bias": (2,),
    }
    state = filled(shapes)
    fit = Fit("fcn8s", sources_of("fcn8s")[0], state)
    window = torch.randn(1, 512, 7, 7, generator=torch.Generator().manual_seed(0))
    linear = nn.functional.linear(window.flatten(1), state["classifier.0.weight"], state["classifier.0.bias"])
    same(nn.functional.conv2d(window, fit.values["head.0.weight"], fit.values["head.0.bias"]).flatten(1), linear)
    assert set(fit.left_out) == {"classifier.6.weight", "classifier.6.bias"}


def test_depths_stem_is_the_mean_over_colour() -> None:
    state = filled(module_shapes(lambda: ResNet(50)))
    values = Fit("rednet", sources_of("rednet")[0], state).values
    same(values["depth.conv1.weight"][:, 0], state["conv1.weight"].mean(1))
    assert torch.equal(values["depth.layer4.2.conv3.weight"], values["colour.layer4.2.conv3.weight"])


def test_a_trunk_leaves_the_rest_random_and_says_so() -> None:
    imported = taken("bisenet_r18", filled(module_shapes(lambda: ResNet(18))))
    assert imported.start
    assert imported.random == ("spatial", "tail", "refinements", "smooth", "fusion", "head", "aux_heads")
    assert set(imported.left_out) == {"fc.weight", "fc.bias"}
    again = taken("bisenet_r18", filled(module_shapes(lambda: ResNet(18))))
    assert torch.equal(imported.segmenter.network.state_dict()["head.1.weight"], again.segmenter.network.state_dict()["head.1.weight"])


def test_importing_leaves_the_random_generator_as_it_was() -> None:
    torch.manual_seed(5)
    before = torch.random.get_rng_state()
    taken("fast_scnn", filled(standins.shapes("fast_scnn")))
    assert torch.equal(torch.random.get_rng_state(), before)


def test_heads_that_only_train_may_be_absent_as_a_whole_but_not_in_part() -> None:
    shapes = standins.shapes("fast_scnn")
    without = {key: value for key, value in filled(shapes).items() if not below(key, "auxlayer")}
    imported = taken("fast_scnn", without)
    assert imported.random == ("aux_head",)
    assert not imported.start
    part = filled({key: shape for key, shape in shapes.items() if key != "auxlayer.4.bias"})
    with pytest.raises(WeightsError, match=r"1 tensors do not fit:\n  missing: auxlayer\.4\.bias \(here aux_head\.2\.bias\)\n"):
        identify("fast_scnn", part, "file")


def test_old_files_without_batch_counters_fit() -> None:
    state = {key: value for key, value in filled(standins.shapes("erfnet")).items() if not key.endswith(COUNTER)}
    assert not taken("erfnet", state).random


def test_half_precision_becomes_single() -> None:
    state = {key: value.half() if value.is_floating_point() else value for key, value in filled(standins.shapes("erfnet")).items()}
    assert all(p.dtype == torch.float32 for p in taken("erfnet", state).segmenter.network.parameters())


def some_labels(count: int) -> LabelSpace:
    return LabelSpace("some", tuple(LabelClass(f"class {i}", (i,), (i, i, i)) for i in range(count)))


def test_the_score_of_no_class_goes_and_the_others_stay_in_order() -> None:
    state = filled(standins.shapes("erfnet"))
    imported = taken("erfnet", state)
    own = imported.segmenter.network.state_dict()
    assert torch.equal(own["score.bias"], state["decoder.output_conv.bias"][:19])
    assert torch.equal(own["score.weight"], state["decoder.output_conv.weight"][:, :19])
    assert torch.equal(own["encoder_score.weight"], state["encoder.output_conv.weight"][:19])
    assert imported.left_out == {"score 19 of 20": "not a class: it stands for what is not evaluated"}


def test_with_labels_for_every_score_none_goes() -> None:
    imported = taken("erfnet", filled(standins.shapes("erfnet")), some_labels(20))
    assert imported.segmenter.network.state_dict()["score.bias"].shape == (20,)
    assert not imported.left_out


@pytest.mark.parametrize(("table", "model", "count"), [("erfnet", "erfnet", 11), ("erfnet", "erfnet", 21), ("fast_scnn", "fast_scnn", 18)])
def test_labels_that_are_not_as_many_as_the_scores_are_refused(table: str, model: str, count: int) -> None:
    with pytest.raises(WeightsError, match=f"scores, and label space 'some' has {count} classes"):
        taken(model, filled(standins.shapes(table)), some_labels(count))


def test_a_file_of_two_networks_that_compute_otherwise_is_refused_until_it_is_said_which() -> None:
    state = standins.on_meta(standins.shapes("torchseg_x39"))
    with pytest.raises(WeightsError) as caught:
        identify("bisenet_x39", state, "file.pth")
    assert str(caught.value).splitlines() == [
        "file.pth: its tensors are those of 2 networks that compute otherwise; say with --set",
        "  port=speed for TorchSeg cityscapes.bisenet.X39.speed",
        "  port=full for TorchSeg cityscapes.bisenet.X39",
    ]


def test_a_setting_that_no_source_has_is_refused_with_those_that_they_have() -> None:
    state = standins.on_meta(standins.shapes("torchseg_x39"))
    with pytest.raises(
        WeightsError,
        match=r"--set port=coincheung: no public weights of 'bisenet_x39' have these arguments; those that are known have port=speed \(",
    ):
        identify("bisenet_x39", state, "file", {"port": "coincheung"})


def test_a_setting_that_no_source_decides_builds_the_network() -> None:
    state = filled(standins.shapes("hrnet_w48"))
    source = identify("hrnet_w48", state, "file", {"align_corners": True})
    segmenter = adopt("hrnet_w48", source, state, LABELS, file="file").segmenter
    assert (segmenter.arguments["align_corners"], segmenter.grid) == (True, "align_corners")
    assert taken("hrnet_w48", state).segmenter.grid == "half_pixel"


@pytest.mark.parametrize("model", ["hrnet_w48", "hrnet_w48_ocr"])
def test_norms_that_count_no_batches_are_hrnets_older_ones(model: str) -> None:
    shapes = standins.shapes(model)
    uncounted = {key: shape for key, shape in shapes.items() if not key.endswith(COUNTER)}
    assert "PyTorch 0.4" not in identify(model, standins.on_meta(shapes), "file").name
    assert "PyTorch 0.4" in identify(model, standins.on_meta(uncounted), "file").name


def test_weights_for_another_number_of_classes_are_taken_with_their_labels() -> None:
    shapes = standins.shapes("fast_scnn")
    eleven = {key: tuple(11 if size == 19 else size for size in shape) for key, shape in shapes.items()}
    assert taken("fast_scnn", filled(eleven), some_labels(11)).segmenter.network.state_dict()["head.3.bias"].shape == (11,)


def test_every_key_that_does_not_fit_is_named_in_one_error() -> None:
    state = filled(standins.shapes("erfnet"))
    del state["encoder.initial_block.conv.bias"], state["decoder.layers.0.bn.running_var"]
    state |= {"surplus.weight": torch.zeros(1), "decoder.layers.9.conv.weight": torch.zeros(1)}
    state["encoder.layers.1.bn1.weight"] = torch.zeros(63)
    with pytest.raises(WeightsError) as caught:
        identify("erfnet", state, "file.pth")
    lines = str(caught.value).splitlines()
    assert lines[0].startswith("file.pth: these are not the weights that 'erfnet' takes from Eromera/erfnet_pytorch, Cityscapes. 5 tensors")
    assert sorted(lines[1:-1]) == [
        "  left over: decoder.layers.9.conv.weight",
        "  left over: surplus.weight",
        "  missing: decoder.layers.0.bn.running_var (here decoder.0.1.running_var)",
        "  missing: encoder.initial_block.conv.bias (here encoder.0.conv.bias)",
        "  shape of encoder.layers.1.bn1.weight (here encoder.2.main.3.weight): [63], the network has [64]",
    ]


def test_a_trunk_of_another_depth_is_refused_key_by_key() -> None:
    deeper, given = module_shapes(lambda: ResNet(152)), module_shapes(lambda: ResNet(101))
    with pytest.raises(WeightsError) as caught:
        identify("gcn", standins.on_meta(given), "file")
    absent = {key for key in deeper if key not in given and not key.endswith(COUNTER)}
    named = {line.split()[1] for line in str(caught.value).splitlines() if line.startswith("  missing")}
    assert named == absent
    assert "'gcn' can take: torchvision resnet152, ImageNet" in str(caught.value)


def test_torchvisions_fcn_is_not_taken_for_deeplab() -> None:
    shapes = {key: shape for key, shape in module_shapes(lambda: DeepLabV3(50)).items() if not below(key, "classifier")}
    shapes |= {"classifier.0.weight": (512, 2048, 3, 3), "classifier.4.weight": (21, 512, 1, 1), "classifier.4.bias": (21,)}
    with pytest.raises(WeightsError, match=r"left over: classifier\.0\.weight"):
        identify("deeplab_v3_r50", standins.on_meta(shapes), "file")


def test_keys_without_values_are_named_as_the_file_has_them() -> None:
    state = filled(standins.shapes("hub_segformer_b0"))
    gone = "segformer.encoder.block.0.0.attention.self.value.bias"
    del state[gone]
    with pytest.raises(WeightsError, match=r"left over: segformer\.encoder\.block\.0\.0\.attention\.self\.key\.bias"):
        identify("segformer_b0", state, "file")


def test_davidtvs_enet_is_refused_for_what_it_is_and_every_key_that_has_no_place_is_named() -> None:
    shapes = standins.shapes("davidtvs_enet")
    with pytest.raises(WeightsError, match="another network than the authors' Lua definition") as caught:
        identify("enet", standins.on_meta(shapes), "file")
    text = str(caught.value)
    for line in (
        "left over: asymmetric2_3.ext_conv2.1.running_mean",
        "left over: regular1_1.ext_conv3.2.weight",
        "missing: regular1_1.ext_conv2.0.bias (here stage_1.0.main.3.bias)",
        "shape of downsample1_0.ext_conv1.0.weight (here down_1.main.0.weight): [4, 16, 2, 2], the network has [16, 16, 2, 2]",
        "shape of transposed_conv.weight (here score.weight): [16, 20, 3, 3], the network has [16, 20, 2, 2]",
    ):
        assert f"\n  {line}\n" in text
    placed = Fit("enet", next(source for source in sources_of("enet") if source.differs), standins.on_meta(shapes))
    named = {key for key in shapes if f" {key}\n" in text or f" {key} (here" in text or f" {key}:" in text}
    own = on_meta("enet", 20, placed.source).network.state_dict()
    fitting = {placed.foreign_name[ours] for ours, value in placed.values.items() if ours in own and own[ours].shape == value.shape}
    assert named == set(shapes) - fitting
    assert "bermanmaxim/Enet-PyTorch" in text.splitlines()[-1]


def test_a_model_without_public_weights_is_told_which_have_some() -> None:
    with pytest.raises(UnknownNameError, match="no public weights are known for model 'unet'; they are for fcn32s"):
        sources_of("unet")


@pytest.mark.parametrize("model", SOURCES.table)
def test_no_two_modules_of_a_source_share_a_place(model: str) -> None:
    for source in sources_of(model):
        assert len(set(source.modules.values())) == len(source.modules)


def facts(source: Source) -> tuple[tuple[float, ...], tuple[float, ...], str]:
    return source.normalize.mean, source.normalize.std, source.normalize.order


def test_images_are_normalised_as_each_source_was_trained() -> None:
    unit, imagenet = (0.0, 255.0), (123.675, 58.395)
    expected = {"enet": unit, "erfnet": unit, "fast_scnn": imagenet, "ddrnet23_slim": imagenet, "pidnet_s": imagenet}
    for model, (mean, std) in (
        expected | dict.fromkeys(("segformer_b0", "gcn", "deeplab_v3", "pspnet_r50", "hrnet_w48"), imagenet)
    ).items():
        assert [facts(sources_of(model)[0])[i][0] for i in (0, 1)] == [mean, std], model
    coincheung = sources_of("bisenet_v2")[0].normalize
    assert coincheung.mean == pytest.approx((83.0535, 94.095, 82.1865))
    assert coincheung.std == pytest.approx((53.856, 54.774, 53.9325))
    assert {facts(source)[2] for model in SOURCES.table for source in sources_of(model)} == {"RGB"}


def test_training_only_modules_exist_in_the_networks_that_name_them() -> None:
    segmenter = on_meta("fast_scnn", 19, sources_of("fast_scnn")[0])
    assert segmenter.training_only == ("aux_head",)
