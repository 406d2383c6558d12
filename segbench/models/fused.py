"""Multiply-accumulates of fused attention that torch's ``FlopCounterMode`` has no formula for.

It is fused on a CPU, and in the fast paths of ``nn.MultiheadAttention`` and ``nn.TransformerEncoderLayer``. A formula takes shapes, and
gives two operations for each multiply-accumulate, as torch's do.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch

Shape = Sequence[int]
aten: Any = torch.ops.aten


def attention(query: Shape, key: Shape, value: Shape, *args: Any, **kwargs: Any) -> int:
    """Scores of queries [N, heads, L, d] for keys [N, heads, S, d], then the sum of values [N, heads, S, e] that they weight."""
    number, heads, length, depth = query
    return 2 * number * heads * length * key[-2] * (depth + value[-1])


def multihead(query: Shape, key: Shape, value: Shape, width: int, heads: int, *args: Any, **kwargs: Any) -> int:
    """Attention of [N, L, width] with the projections before and behind it."""
    number, length, _ = query
    sources = key[1]
    projections = 2 * number * width * width * (2 * length + 2 * sources)
    return projections + attention((number, heads, length, width // heads), (sources, 0), (sources, width // heads))


def encoder_layer(source: Shape, width: int, heads: int, *args: Any, **kwargs: Any) -> int:
    """Attention of [N, L, width] to itself, and the two linear layers behind it, whose weights follow five facts and four norms."""
    number, length, _ = source
    hidden = int(args[11][0])
    return int(multihead(source, source, source, width, heads)) + 2 * number * length * width * hidden * 2


FUSED: dict[Any, Callable[..., int]] = {
    getattr(aten, name): formula
    for name, formula in (
        ("_scaled_dot_product_flash_attention_for_cpu", attention),
        ("_scaled_dot_product_fused_attention_overrideable", attention),
        ("_scaled_dot_product_attention_math_for_mps", attention),
        ("_native_multi_head_attention", multihead),
        ("_transformer_encoder_layer_fwd", encoder_layer),
    )
    if hasattr(aten, name)
}
"""By operator; ``custom_mapping`` of ``FlopCounterMode``."""
