"""Label ids and base colours of generated streets."""

from __future__ import annotations

Color = tuple[int, int, int]


# Cityscapes' label ids.
EGO, BORDER, OUT, STATIC, DYNAMIC, GROUND, ROAD, SIDEWALK, PARKING, RAIL = range(1, 11)
BUILDING, WALL, FENCE, GUARD_RAIL, BRIDGE = range(11, 16)
POLE, POLEGROUP, LIGHT, SIGN, VEGETATION, TERRAIN, SKY = range(17, 24)
PERSON, RIDER, CAR, TRUCK, BUS, CARAVAN, TRAILER, TRAIN, MOTORCYCLE, BICYCLE = range(24, 34)

RUBBER, GLASS, CHROME = (28, 28, 30), (48, 58, 68), (150, 152, 155)
BODY = (
    (200, 200, 202),
    (150, 152, 156),
    (60, 62, 66),
    (32, 33, 36),
    (150, 36, 34),
    (46, 70, 130),
    (70, 90, 78),
    (176, 160, 130),
    (196, 150, 50),
)
CLOTH = (
    (36, 38, 48),
    (60, 62, 70),
    (96, 40, 42),
    (50, 66, 110),
    (150, 140, 124),
    (190, 188, 184),
    (70, 88, 60),
    (180, 120, 60),
    (110, 70, 100),
)
SKIN = ((224, 180, 150), (196, 146, 112), (140, 96, 70), (92, 62, 48))
PLASTER = (
    (190, 176, 150),
    (170, 120, 96),
    (146, 140, 134),
    (206, 196, 180),
    (150, 86, 70),
    (120, 112, 108),
    (176, 160, 110),
    (130, 146, 156),
    (98, 84, 78),
)
LEAF = ((60, 92, 40), (78, 100, 46), (48, 76, 44), (104, 106, 50), (128, 92, 44))
