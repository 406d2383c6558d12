from __future__ import annotations

import json
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from segbench.errors import ProtocolError, UnknownNameError, WeightsError
from segbench.evaluation.multi_view import _resize_images, protocol_scores
from segbench.evaluation.protocol import Protocol
from segbench.labels.space import LabelSpace
from segbench.models.adapters.base import feeds, sha256_of_files
from segbench.models.adapters.hf_networks import CHUNK, mask_scores, task_tokens
from segbench.models.facts import model_facts
from segbench.models.segmenter import InputRule, Normalize, Segmenter, forward, predict
from segbench.models.weights import build
from tests.tiny import LABELS

transformers = pytest.importorskip("transformers", reason="hf:REPO takes transformers: pip install 'segbench[hf]'")

NAMES = {0: "sky", 1: "road", 2: "car"}
KNOWN = {"id2label": NAMES, "label2id": {name: index for index, name in NAMES.items()}}
PROCESSOR = {
    "do_rescale": True,
    "rescale_factor": 1 / 255,
    "do_normalize": True,
    "image_mean": [0.485, 0.456, 0.406],
    "image_std": [0.229, 0.224, 0.225],
    "do_resize": True,
    "size": {"height": 64, "width": 64},
}
STAGES = ["stage1", "stage2", "stage3", "stage4"]


def segformer() -> Any:
    config = transformers.SegformerConfig(
        depths=[1] * 4, hidden_sizes=[8, 8, 16, 16], decoder_hidden_size=16, num_attention_heads=[1, 1, 2, 2], **KNOWN
    )
    return transformers.SegformerForSemanticSegmentation(config)


def beit() -> Any:
    sizes = {"hidden_size": 16, "num_hidden_layers": 4, "num_attention_heads": 2, "intermediate_size": 32, "image_size": 64}
    config = transformers.BeitConfig(**sizes, out_indices=[1, 2, 3, 4], use_relative_position_bias=True, pool_scales=[1, 2], **KNOWN)
    return transformers.BeitForSemanticSegmentation(config)


def dpt() -> Any:
    sizes = {"hidden_size": 16, "num_hidden_layers": 4, "num_attention_heads": 2, "intermediate_size": 32, "image_size": 32}
    neck = {"backbone_out_indices": [0, 1, 2, 3], "neck_hidden_sizes": [8, 8, 16, 16], "fusion_hidden_size": 16}
    return transformers.DPTForSemanticSegmentation(transformers.DPTConfig(**sizes, **neck, patch_size=16, is_hybrid=False, **KNOWN))


def upernet() -> Any:
    backbone = transformers.ConvNextConfig(hidden_sizes=[8, 8, 16, 16], depths=[1] * 4, out_features=STAGES)
    head = {"hidden_size": 16, "pool_scales": [1, 2], "auxiliary_channels": 8, "auxiliary_in_channels": 16}
    return transformers.UperNetForSemanticSegmentation(transformers.UperNetConfig(backbone_config=backbone, **head, **KNOWN))


def upernet_of(backbone: Any, channels: int) -> Any:
    head = {"hidden_size": 16, "pool_scales": [1, 2], "auxiliary_channels": 8, "auxiliary_in_channels": channels}
    return transformers.UperNetForSemanticSegmentation(transformers.UperNetConfig(backbone_config=backbone, **head, **KNOWN))


def dinov2() -> Any:
    sizes = {"hidden_size": 32, "num_hidden_layers": 4, "num_attention_heads": 2, "image_size": 70, "patch_size": 14}
    return upernet_of(transformers.Dinov2Config(**sizes, out_features=STAGES, reshape_hidden_states=True), 32)


def dinov3() -> Any:
    return upernet_of(transformers.DINOv3ConvNextConfig(hidden_sizes=[8, 8, 16, 16], depths=[1] * 4, out_features=STAGES), 16)


EOMT = {"num_hidden_layers": 3, "num_attention_heads": 2, "image_size": 64, "patch_size": 16, "num_blocks": 1, "num_queries": CHUNK + 3}


def eomt() -> Any:
    network = transformers.EomtForUniversalSegmentation(transformers.EomtConfig(hidden_size=32, **EOMT, **KNOWN))
    network.attn_mask_probs.zero_()  # as at the end of its training
    return network


def eomt_dinov3() -> Any:
    sizes = {"hidden_size": 32, "intermediate_size": 64}
    network = transformers.EomtDinov3ForUniversalSegmentation(transformers.EomtDinov3Config(**sizes, **EOMT, **KNOWN))
    network.attn_mask_probs.zero_()
    return network


def swin() -> Any:
    return transformers.SwinConfig(embed_dim=12, depths=[1] * 4, num_heads=[1, 1, 2, 2], window_size=4, out_features=STAGES)


def mask2former() -> Any:
    sizes = {"feature_size": 32, "mask_feature_size": 32, "hidden_dim": 32, "encoder_feedforward_dim": 16, "dim_feedforward": 16}
    config = transformers.Mask2FormerConfig(
        backbone_config=swin(), **sizes, encoder_layers=1, decoder_layers=2, num_attention_heads=2, num_queries=CHUNK + 3, **KNOWN
    )
    return transformers.Mask2FormerForUniversalSegmentation(config)


def oneformer() -> Any:
    sizes = {"conv_dim": 32, "mask_dim": 32, "hidden_dim": 32, "encoder_feedforward_dim": 16, "dim_feedforward": 16}
    text = {"text_encoder_width": 32, "text_encoder_num_layers": 1, "text_encoder_context_length": 8, "text_encoder_vocab_size": 32}
    layers = {"encoder_layers": 1, "decoder_layers": 2, "num_attention_heads": 2, "query_dec_layers": 1, "num_queries": 5}
    more = {"text_encoder_proj_layers": 1, "text_encoder_n_ctx": 1, "task_seq_len": 8, "is_training": False}
    config = transformers.OneFormerConfig(backbone_config=swin(), **sizes, **text, **layers, **more, **KNOWN)
    return transformers.OneFormerForUniversalSegmentation(config)


def words(folder: Path) -> Any:
    """A tokenizer that knows OneFormer's four words."""
    from tokenizers import Tokenizer, models, pre_tokenizers

    tokenizer = Tokenizer(models.WordLevel({"<pad>": 9, "the": 1, "task": 2, "is": 3, "semantic": 4, "?": 5}, unk_token="?"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    fast = transformers.PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token="<pad>", unk_token="?")
    fast.save_pretrained(folder)
    return fast


def saved(folder: Path, make: Callable[[], Any], **processor: Any) -> Any:
    """A random network in a folder, as save_pretrained writes it; returns the network."""
    torch.manual_seed(0)
    network = make().eval()
    network.save_pretrained(folder)
    (folder / "preprocessor_config.json").write_text(json.dumps(PROCESSOR | processor))
    return network


def images(*size: int) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    return np.random.default_rng(1).integers(0, 256, (2, *size, 3), dtype=np.uint8)


def planes(*size: int) -> torch.Tensor:
    """What transformers' own processor makes of the images: 0..1, then mean and standard deviation of that."""
    unit = torch.from_numpy(images(*size)).permute(0, 3, 1, 2) / 255
    return (unit - torch.tensor(PROCESSOR["image_mean"]).view(3, 1, 1)) / torch.tensor(PROCESSOR["image_std"]).view(3, 1, 1)


def test_a_segformer_gives_the_logits_that_transformers_gives(tmp_path: Path) -> None:
    network = saved(tmp_path / "tiny", segformer)
    segmenter = build(f"hf:{tmp_path / 'tiny'}", LABELS)
    with torch.inference_mode():
        own = network(pixel_values=planes(64, 96)).logits
        logits = forward(segmenter, torch.from_numpy(images(64, 96)))
    torch.testing.assert_close(logits, own)
    assert logits.shape == (2, 3, 16, 24)
    expected = F.interpolate(own, size=(64, 96), mode="bilinear", align_corners=False).argmax(1)
    np.testing.assert_array_equal(predict(segmenter, images(64, 96)), expected)


def test_a_segformer_sees_any_size_as_it_is(tmp_path: Path) -> None:
    network = saved(tmp_path / "tiny", segformer)
    segmenter = build(f"hf:{tmp_path / 'tiny'}", LABELS)
    with torch.inference_mode():
        own = network(pixel_values=planes(60, 90)).logits
    expected = F.interpolate(own, size=(60, 90), mode="bilinear", align_corners=False).argmax(1)
    np.testing.assert_array_equal(predict(segmenter, images(60, 90)), expected)


def test_a_folder_says_everything_about_its_network(tmp_path: Path) -> None:
    saved(tmp_path / "tiny", segformer)
    segmenter = build(f"hf:{tmp_path / 'tiny'}", LABELS)
    assert segmenter.name == "hf:tiny"
    assert segmenter.labels.class_names == ("sky", "road", "car")
    assert (segmenter.normalize, segmenter.input_rule) == (Normalize(), InputRule(min_size=29))
    assert segmenter.weights_sha256 == sha256_of_files([tmp_path / "tiny" / "model.safetensors"])
    assert segmenter.trained_on is not None
    assert segmenter.trained_on["architecture"] == "SegformerForSemanticSegmentation"
    assert "--input-size 64x64" in feeds(segmenter)
    assert not segmenter.network.training


def test_half_precision_in_a_file_is_storage_and_not_arithmetic(tmp_path: Path) -> None:
    saved(tmp_path, lambda: segformer().half())
    assert predict(build(f"hf:{tmp_path}", LABELS), images(64, 64)).shape == (2, 64, 64)


@pytest.mark.parametrize(
    ("processor", "normalize"),
    [
        ({"image_mean": [0.5] * 3, "image_std": [0.5] * 3}, Normalize((127.5,) * 3, (127.5,) * 3)),
        ({"do_normalize": False}, Normalize((0,) * 3, (255,) * 3)),
        ({"image_processor_type": "MobileViTImageProcessor"}, Normalize((0,) * 3, (255,) * 3, "BGR")),
        ({"rescale_factor": 1 / 127.5, "image_mean": [1] * 3, "image_std": [1] * 3}, Normalize((127.5,) * 3, (127.5,) * 3)),
        ({"do_rescale": False, "image_mean": [123, 117, 104], "image_std": [1] * 3}, Normalize((123, 117, 104), (1,) * 3)),
    ],
)
def test_normalisation_is_read_off_the_processor_in_bytes(tmp_path: Path, processor: dict[str, Any], normalize: Normalize) -> None:
    saved(tmp_path, segformer, **processor)
    assert build(f"hf:{tmp_path}", LABELS).normalize == normalize


def test_a_processor_of_a_newer_layout_is_found(tmp_path: Path) -> None:
    saved(tmp_path, segformer)
    (tmp_path / "preprocessor_config.json").unlink()
    (tmp_path / "processor_config.json").write_text(json.dumps({"image_processor": PROCESSOR | {"size": {"shortest_edge": 48}}}))
    assert "resizes to 48 (--input-size 48 repeats that)" in feeds(build(f"hf:{tmp_path}", LABELS))


PROCESSORS = ["Segformer", "MobileViT", "MobileNetV2", "Beit", "DPT", "MaskFormer", "Mask2Former", "OneFormer"]
SAID: list[dict[str, Any]] = [
    {},
    {"do_normalize": True},
    {"do_normalize": False},
    {"do_rescale": False},
    {"rescale_factor": 1 / 127.5, "do_normalize": True},
    {"image_mean": [0.1, 0.2, 0.3], "image_std": [0.4, 0.5, 0.6]},
    {"image_mean": None, "do_flip_channel_order": True},
]


@pytest.mark.parametrize("said", SAID, ids=lambda said: ",".join(said) or "nothing")
@pytest.mark.parametrize("kind", PROCESSORS)
def test_images_are_fed_as_the_class_of_the_processor_feeds_them_its_defaults_included(
    tmp_path: Path, kind: str, said: dict[str, Any]
) -> None:
    own = getattr(transformers, f"{kind}ImageProcessorPil", None) or getattr(transformers, f"{kind}ImageProcessor")
    saved(tmp_path, segformer)
    name = {"image_processor_type": f"{kind}ImageProcessor"} if kind != "Segformer" else {}  # which is that of the network's kind
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(name | said))
    off = {"do_resize": False} | ({"do_center_crop": False} if hasattr(own, "do_center_crop") else {})
    task = {"task_inputs": ["semantic"]} if kind == "OneFormer" else {}
    right = own(**{key: value for key, value in said.items() if value is not None} | off)(
        list(images(32, 32)), return_tensors="pt", **task
    )["pixel_values"]
    found = build(f"hf:{tmp_path}", LABELS).normalize(torch.from_numpy(images(32, 32)))
    torch.testing.assert_close(found, right.float(), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", ["SegformerImageProcessorFast", "SegformerImageProcessorPil", "SegformerImageProcessor"])
def test_every_name_of_a_processor_means_the_same_class(tmp_path: Path, name: str) -> None:
    saved(tmp_path, segformer)
    for said in ({"image_processor_type": name}, {"feature_extractor_type": "SegformerFeatureExtractor"}):
        (tmp_path / "preprocessor_config.json").write_text(json.dumps(said))
        assert build(f"hf:{tmp_path}", LABELS).normalize == Normalize()


def test_nothing_about_normalisation_is_guessed(tmp_path: Path) -> None:
    saved(tmp_path, segformer)
    (tmp_path / "preprocessor_config.json").write_text(json.dumps({"image_processor_type": "TheirImageProcessor"}))
    with pytest.raises(WeightsError, match="made by a 'TheirImageProcessor', which this transformers does not have; so nothing says"):
        build(f"hf:{tmp_path}", LABELS)
    (tmp_path / "preprocessor_config.json").unlink()
    with pytest.raises(WeightsError, match="nothing says how images must be normalised"):
        build(f"hf:{tmp_path}", LABELS)


def test_a_trunk_without_its_head_is_no_trained_network(tmp_path: Path) -> None:
    saved(tmp_path, lambda: transformers.SegformerForImageClassification(segformer().config))
    with pytest.raises(WeightsError, match=r"are not in its weights and would be random \(decode_head"):
        build(f"hf:{tmp_path}", LABELS)


def test_a_network_that_classifies_images_is_refused(tmp_path: Path) -> None:
    config = transformers.ResNetConfig(embedding_size=8, hidden_sizes=[8] * 4, depths=[1] * 4, **KNOWN)
    saved(tmp_path, lambda: transformers.ResNetForImageClassification(config))
    with pytest.raises(UnknownNameError, match=r"is a 'resnet'.*mask2former.*segformer"):
        build(f"hf:{tmp_path}", LABELS)


def test_a_folder_of_something_else_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"hf:.*config\.json"):
        build(f"hf:{tmp_path}", LABELS)


def test_upernet_takes_images_of_any_size(tmp_path: Path) -> None:
    network = saved(tmp_path, upernet)
    segmenter = build(f"hf:{tmp_path}", LABELS)
    assert predict(segmenter, images(50, 70)).shape == (2, 50, 70)
    with torch.inference_mode():
        torch.testing.assert_close(forward(segmenter, torch.from_numpy(images(64, 96))), network(pixel_values=planes(64, 96)).logits)


@pytest.mark.parametrize("make", [beit, dpt])
def test_networks_of_one_size_say_how_other_images_get_there(tmp_path: Path, make: Callable[[], Any]) -> None:
    network = saved(tmp_path, make)
    segmenter = build(f"hf:{tmp_path}", LABELS)
    assert segmenter.input_rule == InputRule()
    assert "images of 64x64 only" in feeds(segmenter)
    with torch.inference_mode():
        torch.testing.assert_close(forward(segmenter, torch.from_numpy(images(64, 64))), network(pixel_values=planes(64, 64)).logits)
    with pytest.raises(ProtocolError, match=r"--input-size 64x64.*--crop 64x64"):
        predict(segmenter, images(64, 96))


def mask_formula(found: Any, size: tuple[int, int]) -> torch.Tensor:
    """The scores as the papers write them, all queries at once."""
    classes = found.class_queries_logits.softmax(-1)[..., :-1]
    masks = F.interpolate(found.masks_queries_logits, size=size, mode="bilinear", align_corners=False).sigmoid()
    return torch.einsum("nqc,nqhw->nchw", classes, masks)


def spread(segmenter: Segmenter) -> None:
    """Random queries all prefer one class, and EoMT's see all pixels alike; let them differ."""
    with torch.no_grad():
        for name, parameter in segmenter.network.named_parameters():
            if any(part in name for part in ("class_predictor", "class_embed", "mask_head", "patch_embeddings", "query.weight")):
                parameter.normal_(std=3)


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_mask2former_scores_a_class_by_its_queries(tmp_path: Path) -> None:
    saved(tmp_path, mask2former)
    segmenter = build(f"hf:{tmp_path}", LABELS)
    spread(segmenter)
    with torch.inference_mode():
        scores = mask_formula(segmenter.network.network(pixel_values=planes(64, 96)), (64, 96))  # type: ignore[union-attr, operator]
        logits = forward(segmenter, torch.from_numpy(images(64, 96)))
    torch.testing.assert_close(logits, scores)
    assert segmenter.probabilities
    np.testing.assert_array_equal(predict(segmenter, images(64, 96)), scores.argmax(1))


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_oneformer_is_told_its_task(tmp_path: Path) -> None:
    saved(tmp_path, oneformer)
    words(tmp_path)
    segmenter = build(f"hf:{tmp_path}", LABELS)
    spread(segmenter)
    told = torch.tensor([[1, 2, 3, 4, 0, 0, 0, 0]]).expand(2, -1)
    with torch.inference_mode():
        found = segmenter.network.network(pixel_values=planes(64, 64), task_inputs=told)  # type: ignore[union-attr, operator]
        logits = forward(segmenter, torch.from_numpy(images(64, 64)))
    torch.testing.assert_close(logits, mask_formula(found, (64, 64)))


@pytest.mark.parametrize("make", [eomt, eomt_dinov3])
def test_eomt_gives_the_class_maps_of_its_own_post_processing_whole_and_in_windows(tmp_path: Path, make: Callable[[], Any]) -> None:
    saved(tmp_path, make)
    segmenter = build(f"hf:{tmp_path}", LABELS)
    spread(segmenter)
    own = transformers.EomtImageProcessorPil(size={"shortest_edge": 64, "longest_edge": None})
    for size, protocol in (
        ((50, 70), Protocol(input_size=(64, 64))),  # stretched, and brought back
        ((64, 128), Protocol(crop=(64, 64), stride=(64, 64))),  # side by side
        ((64, 96), Protocol(crop=(64, 64), stride=(32, 32))),  # overlapping by half
    ):
        given = torch.from_numpy(images(*size)[:1])
        if protocol.crop is None:
            windows, offsets = [segmenter.normalize(_resize_images(given, (64, 64)))], None
        else:
            starts = (0, size[1] - 64)
            windows, offsets = [segmenter.normalize(given[:, :, at : at + 64]) for at in starts], [(0, at, at + 64) for at in starts]
        with torch.inference_mode():
            found = segmenter.network.network(pixel_values=torch.cat(windows))  # type: ignore[union-attr, operator]
            expected = own.post_process_semantic_segmentation(
                SimpleNamespace(**found, patch_offsets=offsets), [size], size={"shortest_edge": 64, "longest_edge": None}
            )[0]
            classes = protocol_scores(segmenter, given, None, protocol).class_map()[0]
        assert len(expected.unique()) > 1
        np.testing.assert_array_equal(classes, expected)


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_probabilities_are_averaged_over_views_as_they_are(tmp_path: Path) -> None:
    saved(tmp_path, mask2former)
    segmenter = build(f"hf:{tmp_path}", LABELS)
    spread(segmenter)
    given = torch.from_numpy(images(64, 96))
    with torch.inference_mode():
        both = forward(segmenter, given) + forward(segmenter, given.flip(2)).flip(3)
        scores = protocol_scores(segmenter, given, None, Protocol(flip=True))
    torch.testing.assert_close(scores.values, both / 2)


@pytest.mark.parametrize("make", [segformer, upernet, dinov2, dinov3])
def test_scores_of_pixels_give_the_class_maps_of_the_librarys_own_post_processing(tmp_path: Path, make: Callable[[], Any]) -> None:
    network = saved(tmp_path, make)
    segmenter = build(f"hf:{tmp_path}", LABELS)
    own = transformers.SegformerImageProcessorPil()
    with torch.inference_mode():
        expected = own.post_process_semantic_segmentation(network(pixel_values=planes(64, 96)), [(64, 96)] * 2)
    np.testing.assert_array_equal(predict(segmenter, images(64, 96)), np.stack(expected))


@pytest.mark.parametrize(
    ("config", "shown"),
    [("SamConfig", "a point, a box"), ("Sam2Config", "a point, a box"), ("CLIPSegConfig", "a text shows"), ("SegGptConfig", "a picture")],
)
def test_what_waits_for_a_prompt_is_refused_with_the_reason(tmp_path: Path, config: str, shown: str) -> None:
    getattr(transformers, config)().save_pretrained(tmp_path)
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(PROCESSOR | {"image_processor_type": "SegformerImageProcessor"}))
    with pytest.raises(UnknownNameError, match=f"{shown}.*without one no pixel has a class"):
        build(f"hf:{tmp_path}", LABELS)


def test_a_processor_that_takes_a_package_that_is_not_there_says_which(tmp_path: Path) -> None:
    if find_spec("torchvision") is not None:
        pytest.skip("torchvision is there")
    head = {"upsample_out_channels": [16, 8], "conv_out_channels": [8]}
    sizes = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "image_size": 64, "patch_size": 16}
    config = transformers.Sapiens2Config(**sizes, head_config=head, **KNOWN)
    saved(tmp_path, lambda: transformers.Sapiens2ForSemanticSegmentation(config), image_processor_type="Sapiens2ImageProcessor")
    with pytest.raises(WeightsError, match="Sapiens2ImageProcessor requires the Torchvision library, to say how images are normalised"):
        build(f"hf:{tmp_path}", LABELS)


@pytest.mark.parametrize("make", [segformer, beit, dpt, upernet, dinov2, dinov3, eomt, eomt_dinov3, mask2former, oneformer])
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_the_size_of_every_kind_is_counted_and_it_stays_trainable(tmp_path: Path, make: Callable[[], Any]) -> None:
    saved(tmp_path, make)
    if make is oneformer:
        words(tmp_path)
    segmenter = build(f"hf:{tmp_path}", LABELS)
    before = [parameter.requires_grad for parameter in segmenter.network.parameters()]
    facts = model_facts(segmenter, (64, 64))
    assert facts["macs"] > 10_000
    assert facts["params"] == sum(parameter.numel() for parameter in segmenter.network.parameters())
    assert [parameter.requires_grad for parameter in segmenter.network.parameters()] == before


def test_padding_tokens_are_zero_whatever_the_tokenizer_calls_them(tmp_path: Path) -> None:
    assert task_tokens(words(tmp_path), 6).tolist() == [[1, 2, 3, 4, 0, 0]]


def test_a_pixel_of_no_query_has_finite_scores() -> None:
    scores = mask_scores(torch.tensor([[[0.0, 0.0, 200.0]]]), torch.full((1, 1, 2, 2), -200.0), (4, 4))
    assert scores.shape == (1, 2, 4, 4)
    assert scores.isfinite().all()


def test_a_repository_is_downloaded_once_and_pinned_by_its_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    commit = tmp_path / "0123abcd"
    saved(commit, segformer)
    asked: list[tuple[str, str | None, tuple[str, ...]]] = []

    def snapshot_download(repo: str, *, revision: str | None, allow_patterns: list[str]) -> str:
        asked.append((repo, revision, tuple(allow_patterns)))
        return str(commit)

    monkeypatch.setattr("huggingface_hub.snapshot_download", snapshot_download)
    segmenter = build("hf:somebody/some-net@v1", LABELS)
    assert [(repo, revision) for repo, revision, _ in asked] == [("somebody/some-net", "v1")]
    assert not any(pattern.endswith((".py", ".bin")) for pattern in asked[0][2])
    assert segmenter.name == "hf:somebody/some-net@v1"
    assert segmenter.trained_on is not None
    assert (segmenter.trained_on["source"], segmenter.trained_on["revision"]) == ("somebody/some-net@v1", "0123abcd")


def test_older_weights_are_fetched_only_where_there_are_no_safetensors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[list[str]] = []

    def snapshot_download(repo: str, *, revision: str | None, allow_patterns: list[str]) -> str:
        asked.append(allow_patterns)
        if "pytorch_model*.bin" in allow_patterns:
            torch.save(network.state_dict(), tmp_path / "pytorch_model.bin")
        return str(tmp_path)

    monkeypatch.setattr("huggingface_hub.snapshot_download", snapshot_download)
    network = saved(tmp_path, segformer)
    (tmp_path / "model.safetensors").unlink()
    segmenter = build("hf:somebody/old", LABELS)
    assert [("pytorch_model*.bin" in patterns) for patterns in asked] == [False, True]
    assert segmenter.weights_sha256 == sha256_of_files([tmp_path / "pytorch_model.bin"])


def test_a_download_that_fails_says_what_a_name_may_be(monkeypatch: pytest.MonkeyPatch) -> None:
    def snapshot_download(*_: object, **__: object) -> str:
        raise ConnectionError("no route to the hub\nwith more lines")

    monkeypatch.setattr("huggingface_hub.snapshot_download", snapshot_download)
    with pytest.raises(WeightsError, match=r"no such folder, and no download \(ConnectionError: no route to the hub\); name a"):
        build("hf:some/repo", LabelSpace("x", LABELS.classes))
