"""ENet: its authors' network as converted from Torch7, and the port by davidtvs, which is another network and is refused.

References: github.com/bermanmaxim/Enet-PyTorch, which converts the release of github.com/e-lab/ENet-training, and
github.com/davidtvs/PyTorch-ENet. The converted network is nested numbered sequences, as the Lua files nest them. Torch7's spatial dropout
does not enlarge what it keeps while training but shrinks everything when it is off, by 1 minus its rate; here that factor is
folded into the normalisation in front of it. Images are RGB in 0..1, 512x1024. It has 20 scores: the first is for what is not evaluated. It
has weight 0 in the encoder's loss; ``decoder.lua`` gives it a weight like the others', so it was learnt, and ``test.lua`` leaves it out.
"""

from __future__ import annotations

from segbench.models.sources.base import UNIT, Source, State, within

# Our module of each bottleneck of the sequence, whose first four layers are the initial block; and the rate of its dropout.
SECTION = tuple((f"stage_{stage}.{block}", 0.1) for stage in (2, 3) for block in range(8))
ENCODER = (("down_1", 0.01), *((f"stage_1.{block}", 0.01) for block in range(4)), ("down_2", 0.1), *SECTION)
DECODER = ("up_2", "stage_4.0", "stage_4.1", "up_1", "stage_5")
FIRST = 4
# Positions in a branch with a pair of asymmetric convolutions, which is one longer, are those of our own sequence all the same.
ASYMMETRIC = (2, 6)


def normalisation_before_dropout(ours: str) -> int:
    """Position of the last normalisation in a bottleneck's branch."""
    stage, _, block = ours.partition(".")
    return 8 if stage in ("stage_2", "stage_3") and int(block) in ASYMMETRIC else 7


def torch7() -> dict[str, str]:
    """Position in the converted sequence to our modules. In a bottleneck 0.0 is the branch, 0.1 the shortcut and 2 the activation."""
    modules = {"0.0": "initial.conv", "2": "initial.after.0", "3": "initial.after.1"}
    for position, (ours, _) in enumerate(ENCODER, start=FIRST):
        modules |= {f"{position}.0.0": f"{ours}.main", f"{position}.2": f"{ours}.act"}
    for position, ours in enumerate(DECODER, start=FIRST + len(ENCODER)):
        modules |= {f"{position}.0.0": f"{ours}.main"}
        if ours.startswith("up"):
            modules |= within(f"{position}.0.1", f"{ours}.project", {"1": "0", "2": "1"})
    return modules | {f"{FIRST + len(ENCODER) + len(DECODER)}": "score"}


def dropout_folded(state: State) -> State:
    """Every branch of the encoder, shrunk by its dropout's share, in the scale and shift of its last normalisation."""
    folded = dict(state)
    for position, (ours, rate) in enumerate(ENCODER, start=FIRST):
        for name in ("weight", "bias"):
            key = f"{position}.0.0.{normalisation_before_dropout(ours)}.{name}"
            if key in folded:
                folded[key] = folded[key] * (1 - rate)
    return folded


def davidtvs() -> dict[str, str]:
    """What corresponds, for the sake of naming what does not."""
    blocks = {f"regular1_{i + 1}": f"stage_1.{i}" for i in range(4)} | {"downsample1_0": "down_1", "downsample2_0": "down_2"}
    kinds = ("regular", "dilated", "asymmetric", "dilated", "regular", "dilated", "asymmetric", "dilated")
    for stage, first in ((2, 1), (3, 0)):
        blocks |= {f"{kind}{stage}_{first + i}": f"stage_{stage}.{i}" for i, kind in enumerate(kinds)}
    plain = {"ext_conv1.0": "main.0", "ext_conv1.1": "main.1", "ext_conv1.2": "main.2", "ext_conv2.0": "main.3", "out_activation": "act"}
    last = {"ext_conv2.1": "main.4", "ext_conv2.2": "main.5", "ext_conv3.0": "main.6", "ext_conv3.1": "main.7"}
    paired = {"ext_conv2.3": "main.4", "ext_conv2.4": "main.5", "ext_conv2.5": "main.6", "ext_conv3.0": "main.7", "ext_conv3.1": "main.8"}
    modules = {"initial_block.main_branch": "initial.conv", "initial_block.batch_norm": "initial.after.0"}
    modules |= {"initial_block.out_activation": "initial.after.1", "transposed_conv": "score"}
    for foreign, ours in blocks.items():
        modules |= within(foreign, ours, plain | (paired if foreign.startswith("asymmetric") else last))
    decoder = {"ext_conv1.0": "main.0", "ext_conv1.1": "main.1"}
    for foreign, ours in (("regular4_1", "stage_4.0"), ("regular4_2", "stage_4.1"), ("regular5_1", "stage_5")):
        modules |= within(foreign, ours, decoder | {"ext_conv2.0": "main.3", **last})
    up = {"ext_tconv1": "main.3", "ext_tconv1_bnorm": "main.4", "ext_conv2.0": "main.6", "ext_conv2.1": "main.7", "main_conv1": "project"}
    for foreign, ours in (("upsample4_0", "up_2"), ("upsample5_0", "up_1")):
        modules |= within(foreign, ours, decoder | up)
    return modules


DIFFERENCES = (
    "davidtvs/PyTorch-ENet is another network than the authors' Lua definition, which `enet` is: its blocks that change the size work on a "
    "quarter of their input's channels, PReLU learns one slope for all channels, convolutions have no biases, the asymmetric pair is 5x1 "
    "first and normalised in between, the last layer of a branch is activated, enlarging is a 2x2 and the last layer a 3x3 transposed "
    "convolution"
)

ENET = (
    Source(
        name="e-lab/ENet-training, converted by bermanmaxim/Enet-PyTorch, Cityscapes",
        url="https://github.com/bermanmaxim/Enet-PyTorch",
        trained_on="Cityscapes fine, train",
        modules=torch7(),
        scores=(f"{FIRST + len(ENCODER) + len(DECODER)}",),
        void_channel=0,
        labels="cityscapes",
        normalize=UNIT,
        prepare=dropout_folded,
        note="trained and tested on images of half of Cityscapes' size (512x1024)",
    ),
    Source(
        name="davidtvs/PyTorch-ENet",
        url="https://github.com/davidtvs/PyTorch-ENet",
        trained_on="Cityscapes or CamVid",
        modules=davidtvs(),
        scores=("transposed_conv",),
        differs=DIFFERENCES,
    ),
)
