"""``hf:REPO`` or ``hf:FOLDER``: semantic segmentation networks of transformers, from the Hugging Face Hub or from a local folder.

``REPO@REVISION`` pins a branch, a tag or a commit. Normalisation, channel order and class names are those of the repository's own files,
and of the image processor's class where these say nothing; what it would resize to is printed, and left to ``--input-size``: it belongs to
the protocol. Code of repositories is never run.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import accumulate
from operator import mul
from pathlib import Path
from typing import Any

from segbench.errors import UnknownNameError, WeightsError
from segbench.labels.space import LabelSpace
from segbench.models.adapters.base import import_package, named_classes, sha256_of_files
from segbench.models.segmenter import InputRule, Runtime, Segmenter

EXAMPLE = "segbench run --models hf:nvidia/segformer-b0-finetuned-cityscapes-1024-1024 --dataset cityscapes --data DIR"
PIP = "transformers huggingface_hub"
# Their scores are of masks, not of pixels.
MASK_TYPES = ("eomt", "eomt_dinov3", "mask2former", "maskformer", "oneformer")
# Their position codes, or the code that folds patches back into a plane, are of one size: other images are cut into windows or resized.
FIXED_TYPES = ("beit", "data2vec-vision", "dpt", "eomt", "eomt_dinov3")
# They cut out what a point or a box shows, or what a text names: without such a prompt no pixel has a class.
PROMPTED_TYPES = ("sam", "sam_hq", "sam2", "sam2_video", "sam3", "sam3_video", "edgetam", "edgetam_video", "clipseg", "seggpt")
# Five halvings. Where a network pads by itself, what segbench mirrors outwards only replaces its zeros.
DIVISOR = 32
# They take any size, and their scores depend on it: nothing is mirrored but what they are too small for.
FREE_TYPES = ("segformer",)
WEIGHTS = ("model*.safetensors", "pytorch_model*.bin")
TEXTS = ("*.json", "*.txt", "*.model")


def open_model(reference: str, labels: LabelSpace) -> Segmenter:
    """A network with its weights, its classes and the normalisation of its image processor.

    :raises WeightsError: it cannot be found or downloaded, part of its weights is missing, or its normalisation is not written down.
    :raises UnknownNameError: it is not a kind of network that gives a class to every pixel.
    """
    transformers = import_package("transformers", purpose="hf:REPO", pip=PIP)
    from segbench.models.adapters.hf_networks import MaskScores, PixelScores, task_tokens
    from segbench.models.adapters.hf_processors import input_note, normalization, read_processor

    folder, facts = _fetch(reference)
    try:
        config = transformers.AutoConfig.from_pretrained(folder)
    except (OSError, ValueError) as error:
        raise WeightsError(f"hf:{reference}: {error}") from error
    kind = config.model_type
    made_by, processor = read_processor(transformers, folder, reference, kind)
    network = _network(transformers, folder, reference, kind)
    fixed = _only_size(config, processor) if kind in FIXED_TYPES else None
    if kind in MASK_TYPES:
        tokens = task_tokens(transformers.AutoTokenizer.from_pretrained(folder), config.task_seq_len) if kind == "oneformer" else None
        module: MaskScores | PixelScores = MaskScores(network, f"hf:{facts['source']}", fixed, tokens)
    else:
        module = PixelScores(network, f"hf:{facts['source']}", fixed)
    names = [str(config.id2label[index]) for index in sorted(config.id2label)]
    return Segmenter(
        name=f"hf:{facts['source']}",
        network=module,
        labels=named_classes(str(facts["source"]), names),
        normalize=normalization(made_by, processor, reference),
        input_rule=InputRule() if fixed else _input_rule(config),
        trained_on=facts | {"architecture": type(network).__name__} | input_note(processor),
        weights_sha256=sha256_of_files(_weight_files(folder)),
        probabilities=kind in MASK_TYPES,
        runtime=Runtime(fixed),
    )


def _fetch(reference: str) -> tuple[Path, dict[str, Any]]:
    """The folder with the files of a reference, and where they are from.

    :raises WeightsError: there is no such folder, and the Hub does not give one.
    """
    if Path(reference).is_dir():
        return Path(reference), {"source": Path(reference).resolve().name}
    hub = import_package("huggingface_hub", purpose="hf:REPO", pip=PIP)
    repo, _, revision = reference.partition("@")
    try:
        folder = Path(hub.snapshot_download(repo, revision=revision or None, allow_patterns=[*TEXTS, WEIGHTS[0]]))
        if not _weight_files(folder):
            folder = Path(hub.snapshot_download(repo, revision=revision or None, allow_patterns=[*TEXTS, WEIGHTS[1]]))
    except Exception as error:  # the Hub's own errors, those of HTTP, and those of names that are none
        first = str(error).strip().partition("\n")[0]
        way_out = "name a repository of huggingface.co, or a folder that save_pretrained wrote"
        raise WeightsError(f"hf:{reference}: no such folder, and no download ({type(error).__name__}: {first}); {way_out}") from error
    # The cache calls a snapshot's folder by its commit.
    return folder, {"source": reference, "revision": folder.name}


def _weight_files(folder: Path) -> list[Path]:
    """The files that transformers would load: safetensors where there are some."""
    return next((found for pattern in WEIGHTS if (found := sorted(folder.glob(pattern)))), [])


def _network(transformers: Any, folder: Path, reference: str, kind: str) -> Any:
    """The network, every parameter of it from the files.

    :raises WeightsError: a parameter is missing: it would be random.
    """
    if kind in PROMPTED_TYPES:
        raise UnknownNameError(
            f"hf:{reference} is a {kind!r}, which cuts out what a point, a box, a picture or a text shows; without one no pixel has a class"
        )
    if kind not in MASK_TYPES and kind not in _types_of_pixels(transformers):
        known = ", ".join(sorted((*_types_of_pixels(transformers), *MASK_TYPES)))
        raise UnknownNameError(f"hf:{reference} is a {kind!r}, which gives no class to each pixel here; these do: {known}")
    auto = transformers.AutoModelForUniversalSegmentation if kind in MASK_TYPES else transformers.AutoModelForSemanticSegmentation
    bars = transformers.utils.logging
    shown = bars.is_progress_bar_enabled()
    bars.disable_progress_bar()
    try:
        network, info = auto.from_pretrained(folder, output_loading_info=True)
    except (OSError, RuntimeError, ValueError) as error:
        raise WeightsError(f"hf:{reference}: {error}") from error
    finally:
        if shown:
            bars.enable_progress_bar()
    mismatched = {entry if isinstance(entry, str) else entry[0] for entry in info.get("mismatched_keys", ())}
    if absent := sorted((set(info["missing_keys"]) | mismatched) & {name for name, _ in network.named_parameters()}):
        some = ", ".join(absent[:4]) + (", ..." if len(absent) > 4 else "")
        raise WeightsError(
            f"hf:{reference}: {len(absent)} tensors are not in its weights and would be random ({some}): not a trained network"
        )
    return network.float()  # some are stored in half precision, which is a matter of --precision here


def _types_of_pixels(transformers: Any) -> tuple[str, ...]:
    return tuple(transformers.models.auto.modeling_auto.MODEL_FOR_SEMANTIC_SEGMENTATION_MAPPING_NAMES)


def _input_rule(config: Any) -> InputRule:
    """Any size on which the reduction of keys fits into the map of every stage; or what is halved five times."""
    if config.model_type not in FREE_TYPES:
        return InputRule(divisor=DIVISOR)
    strides = accumulate(config.strides, mul)
    return InputRule(min_size=max(stride * (reduction - 1) + 1 for stride, reduction in zip(strides, config.sr_ratios, strict=True)))


def _only_size(config: Any, processor: Mapping[str, Any]) -> tuple[int, int]:
    """(height, width): that of the position codes; DPT's are stretched, to the square that its processor makes."""
    sides = processor.get("size") if config.model_type == "dpt" else None
    if isinstance(sides, Mapping) and sides.get("height") == sides.get("width") is not None:
        return int(sides["height"]), int(sides["height"])
    size = config.image_size
    return (size, size) if isinstance(size, int) else (int(size[0]), int(size[1]))
