"""ERFNet, by its authors, trained on Cityscapes.

Reference: github.com/Eromera/erfnet_pytorch, ``train/erfnet.py``. The state has ``module.`` in front of every name. Images are RGB in 0..1,
half of Cityscapes' size. It has 20 scores: the last is for what is not evaluated and has weight 0 in both losses, so it was never learnt.
"""

from __future__ import annotations

from segbench.models.sources.base import UNIT, Source, within

DOWN = {"conv": "conv", "bn": "norm"}
RESIDUAL = {"conv3x1_1": "0", "conv1x3_1": "2", "bn1": "3", "conv3x1_2": "5", "conv1x3_2": "7", "bn2": "8"}
# Of the encoder's layers behind the initial block: the first and the seventh halve the size.
ENCODER_LAYERS, DOWNSAMPLERS = 15, (0, 6)


def erfnet() -> dict[str, str]:
    """Encoder, decoder and both classifiers."""
    modules = within("encoder.initial_block", "encoder.0", DOWN)
    for layer in range(ENCODER_LAYERS):
        foreign, ours = f"encoder.layers.{layer}", f"encoder.{layer + 1}"
        modules |= within(foreign, ours, DOWN) if layer in DOWNSAMPLERS else within(foreign, f"{ours}.main", RESIDUAL)
    for stage in range(2):
        modules |= within(f"decoder.layers.{3 * stage}", f"decoder.{stage}", {"conv": "0", "bn": "1"})
        for block in range(2):
            modules |= within(f"decoder.layers.{3 * stage + 1 + block}", f"decoder.{stage}.{3 + block}.main", RESIDUAL)
    return modules | {"decoder.output_conv": "score", "encoder.output_conv": "encoder_score"}


ERFNET = (
    Source(
        name="Eromera/erfnet_pytorch, Cityscapes",
        url="https://github.com/Eromera/erfnet_pytorch",
        trained_on="Cityscapes fine, train",
        modules=erfnet(),
        scores=("decoder.output_conv", "encoder.output_conv"),
        void_channel=19,
        labels="cityscapes",
        normalize=UNIT,
        note="trained and tested on images of half of Cityscapes' size (512x1024)",
    ),
)
