"""Fast-SCNN by Tramac, trained on Cityscapes.

Reference: github.com/Tramac/Fast-SCNN-pytorch, ``models/fast_scnn.py``. Files are plain state dicts, with or without the auxiliary head.
Images are RGB in 0..1 minus ImageNet's mean, over its deviation.
"""

from __future__ import annotations

from segbench.models.sources.base import Source, within

SEPARABLE = {"conv.0": "0.0", "conv.1": "0.1", "conv.3": "1.0", "conv.4": "1.1"}
INVERTED = {
    **{f"block.0.conv.{layer}": f"main.0.{layer}" for layer in range(2)},
    **{f"block.1.conv.{layer}": f"main.1.{layer}" for layer in range(2)},
    **{f"block.{2 + layer}": f"main.2.{layer}" for layer in range(2)},
}
STAGES, BLOCKS = 3, 3


def fast_scnn() -> dict[str, str]:
    """Downsampling, global features, fusion, classifier, auxiliary head."""
    modules = {"learning_to_downsample.conv.conv": "downsample.0"}
    for number in range(2):
        modules |= within(f"learning_to_downsample.dsconv{number + 1}", f"downsample.{number + 1}", SEPARABLE)
        modules |= within(f"classifier.dsconv{number + 1}", f"head.{number}", SEPARABLE)
    for stage in range(STAGES):
        for block in range(BLOCKS):
            foreign = f"global_feature_extractor.bottleneck{stage + 1}.{block}"
            modules |= within(foreign, f"global_features.{BLOCKS * stage + block}", INVERTED)
    pyramid, ours = "global_feature_extractor.ppm", f"global_features.{STAGES * BLOCKS}"
    modules |= {f"{pyramid}.conv{number + 1}.conv": f"{ours}.branches.{number}" for number in range(4)}
    modules |= {f"{pyramid}.out.conv": f"{ours}.merge", "feature_fusion.dwconv.conv": "fusion.depthwise"}
    modules |= {"feature_fusion.conv_lower_res": "fusion.coarse", "feature_fusion.conv_higher_res": "fusion.fine"}
    modules |= {"classifier.conv.1": "head.3", "auxlayer.0": "aux_head.0.0", "auxlayer.1": "aux_head.0.1", "auxlayer.4": "aux_head.2"}
    return modules


FAST_SCNN = (
    Source(
        name="Tramac/Fast-SCNN-pytorch, Cityscapes",
        url="https://github.com/Tramac/Fast-SCNN-pytorch",
        trained_on="Cityscapes fine, train",
        modules=fast_scnn(),
        scores=("classifier.conv.1", "auxlayer.4"),
        labels="cityscapes",
    ),
)
