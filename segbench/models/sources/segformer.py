"""SegFormer: NVIDIA's weights in the form of Hugging Face's hub and of the authors' own repository.

References: github.com/huggingface/transformers, ``models/segformer`` (``nvidia/segformer-b0-finetuned-cityscapes-1024-1024`` and the
like), and github.com/NVlabs/SegFormer. Images are RGB in 0..1 minus ImageNet's mean, over its deviation. transformers has keys and values
apart; here they are one layer, keys first. Its norms have an epsilon of 1e-5, where NVlabs' blocks and stages have 1e-6. Since version 5 it
names the modules of a loaded network otherwise than in the files it writes.
"""

from __future__ import annotations

import torch

from segbench.models.sources.base import Source, State, within

B0, B2 = (2, 2, 2, 2), (3, 4, 6, 3)
HUB_BLOCK = {
    "layer_norm_1": "norm1",
    "attention.self.query": "attn.q",
    "attention.self.key_value": "attn.kv",
    "attention.self.sr": "attn.reduce",
    "attention.self.layer_norm": "attn.norm",
    "attention.output.dense": "attn.proj",
    "layer_norm_2": "norm2",
    "mlp.dense1": "mlp.fc1",
    "mlp.dwconv.dwconv": "mlp.dwconv",
    "mlp.dense2": "mlp.fc2",
}
LOADED_BLOCK = {
    "layernorm_before": "norm1",
    "attention.q_proj": "attn.q",
    "attention.key_value": "attn.kv",
    "attention.sequence_reduction.sequence_reduction": "attn.reduce",
    "attention.sequence_reduction.layer_norm": "attn.norm",
    "attention.o_proj": "attn.proj",
    "layernorm_after": "norm2",
    "mlp.fc1": "mlp.fc1",
    "mlp.dwconv.dwconv": "mlp.dwconv",
    "mlp.fc2": "mlp.fc2",
}
NVLABS_BLOCK = {
    "norm1": "norm1",
    "attn.q": "attn.q",
    "attn.kv": "attn.kv",
    "attn.sr": "attn.reduce",
    "attn.norm": "attn.norm",
    "attn.proj": "attn.proj",
    "norm2": "norm2",
    "mlp.fc1": "mlp.fc1",
    "mlp.dwconv.dwconv": "mlp.dwconv",
    "mlp.fc2": "mlp.fc2",
}
HEAD = {"decode_head.linear_fuse": "fuse.0", "decode_head.batch_norm": "fuse.1", "decode_head.classifier": "score"}


def hub(depths: tuple[int, ...]) -> dict[str, str]:
    """The names in files on the hub."""
    modules = dict(HEAD)
    for stage, depth in enumerate(depths):
        ours, encoder = f"stages.{stage}", "segformer.encoder"
        modules |= {f"{encoder}.patch_embeddings.{stage}.proj": f"{ours}.patch"}
        modules |= {f"{encoder}.patch_embeddings.{stage}.layer_norm": f"{ours}.patch_norm"}
        modules |= {f"{encoder}.layer_norm.{stage}": f"{ours}.norm", f"decode_head.linear_c.{stage}.proj": f"linears.{stage}"}
        for block in range(depth):
            modules |= within(f"{encoder}.block.{stage}.{block}", f"{ours}.blocks.{block}", HUB_BLOCK)
    return modules


def loaded(depths: tuple[int, ...]) -> dict[str, str]:
    """The names of a network that transformers 5 has loaded."""
    modules = dict(HEAD)
    for stage, depth in enumerate(depths):
        ours, theirs = f"stages.{stage}", f"segformer.stages.{stage}"
        modules |= {f"{theirs}.patch_embeddings.proj": f"{ours}.patch", f"{theirs}.patch_embeddings.layer_norm": f"{ours}.patch_norm"}
        modules |= {f"{theirs}.layer_norm": f"{ours}.norm", f"decode_head.linear_projections.{stage}.proj": f"linears.{stage}"}
        for block in range(depth):
            modules |= within(f"{theirs}.blocks.{block}", f"{ours}.blocks.{block}", LOADED_BLOCK)
    return modules


def nvlabs(depths: tuple[int, ...]) -> dict[str, str]:
    """The names in the authors' files, which count from 1 and keep keys and values together."""
    modules = {"decode_head.linear_fuse.conv": "fuse.0", "decode_head.linear_fuse.bn": "fuse.1", "decode_head.linear_pred": "score"}
    for stage, depth in enumerate(depths):
        ours, number = f"stages.{stage}", stage + 1
        modules |= within(f"backbone.patch_embed{number}", ours, {"proj": "patch", "norm": "patch_norm"})
        modules |= {f"backbone.norm{number}": f"{ours}.norm", f"decode_head.linear_c{number}.proj": f"linears.{stage}"}
        for block in range(depth):
            modules |= within(f"backbone.block{number}.{block}", f"{ours}.blocks.{block}", NVLABS_BLOCK)
    return modules


def keys_and_values_joined(state: State) -> State:
    """Keys and values as one layer, where both are there and have as many inputs."""
    joined = dict(state)
    for key, value_key, joint in (("self.key", "self.value", "self.key_value"), ("k_proj", "v_proj", "key_value")):
        for name in [name for name in state if name.endswith((f"attention.{key}.weight", f"attention.{key}.bias"))]:
            other = name.replace(f"attention.{key}.", f"attention.{value_key}.")
            if other in state and state[other].shape[1:] == state[name].shape[1:]:
                del joined[name], joined[other]
                joined[name.replace(f"attention.{key}.", f"attention.{joint}.")] = torch.cat([state[name], state[other]])
    return joined


def sources(size: str, depths: tuple[int, ...]) -> tuple[Source, ...]:
    """The three forms of one size."""

    def trained(name: str, url: str, modules: dict[str, str], **options: object) -> Source:
        return Source(
            name=f"{name} segformer-{size}, Cityscapes",
            url=url,
            trained_on="Cityscapes fine, train",
            modules=modules,
            labels="cityscapes",
            **options,  # type: ignore[arg-type]
        )

    hugging_face = "https://github.com/huggingface/transformers"
    apart = {"scores": ("decode_head.classifier",), "prepare": keys_and_values_joined, "arguments": {"norm_eps": 1e-5}}
    unused = {"decode_head.conv_seg": "a classifier that the reference builds and never uses"}
    return (
        trained("Hugging Face nvidia", hugging_face, hub(depths), **apart),
        trained("transformers 5, loaded,", hugging_face, loaded(depths), **apart),
        trained("NVlabs", "https://github.com/NVlabs/SegFormer", nvlabs(depths), scores=("decode_head.linear_pred",), left_out=unused),
    )


SEGFORMER_B0 = sources("b0", B0)
SEGFORMER_B2 = sources("b2", B2)
