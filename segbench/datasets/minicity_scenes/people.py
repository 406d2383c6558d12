"""People and two-wheelers of generated streets, as parts on upright planes (all lengths cm)."""

from __future__ import annotations

import numpy as np

from segbench.datasets.minicity_scenes.paint import Canvas, Dice, Plane, bar, disc
from segbench.datasets.minicity_scenes.palette import BODY, CHROME, CLOTH, MOTORCYCLE, PERSON, RIDER, RUBBER, SKIN


def person(canvas: Canvas, dice: Dice, x: int, z: int) -> None:
    """Somebody who stands or walks."""
    height, stride, broad = dice.between(150, 190), dice.between(0, 26), dice.between(16, 21)
    if dice.chance(12):
        height = dice.between(105, 130)
    top, legs, skin = dice.tint(dice.pick(CLOTH), 16), dice.tint(dice.pick(CLOTH), 14), dice.pick(SKIN)
    plane = canvas.frontal(x, z, (-42, 42), (0, height))
    if plane is None:
        return
    u, v = plane.u * 175 // height, plane.v * 175 // height
    u = u if dice.chance(50) else -u
    for sign in (-1, 1):
        plane.add((np.abs(u - sign * (7 + stride * (90 - v) // 90)) <= 8) & (v < 90), legs, 12)
        plane.add((np.abs(u - sign * (7 + stride) - 3) <= 11) & (v < 8), RUBBER, 6)
        plane.add(bar(u, v, (sign * (broad + 3), 142), (sign * (broad + 7 + stride // 3), 82), 11), top, 14)
        plane.add(disc(u, v, (sign * (broad + 7 + stride // 3), 79), (6, 6)), skin, 4)
    if dice.chance(25):
        plane.add((np.abs(u) <= 14 + (96 - v) // 4) & (v > 48) & (v < 98), legs, 14)
    plane.add((np.abs(u) <= broad - (146 - v) // 14) & (v > 80) & (v <= 148), top, 18)
    plane.add((np.abs(u) <= 6) & (v > 144) & (v < 156), skin, 4)
    plane.add(disc(u, v, (0, 162), (11, 13)), skin, 6)
    hair = dice.tint(dice.pick(((40, 30, 24), (96, 70, 40), (170, 140, 90), (120, 118, 116))), 14)
    plane.add(disc(u, v, (0, 166), (12, 10)) & (v > 162), hair, 10)
    if dice.chance(45):
        plane.add(disc(u, v, (0, 163), (12, 14)), hair, 10)  # seen from behind
    if dice.chance(35):
        plane.add((np.abs(u - broad - 9) < 11) & (v > 62) & (v < 92), dice.tint(dice.pick(CLOTH), 20), 16)
    if dice.chance(20):
        plane.add((np.abs(u) < broad - 4) & (v > 100) & (v < 146), dice.tint(dice.pick(CLOTH), 20), 20)
    plane.paint(PERSON, canvas.instance(PERSON), light=dice.between(210, 256), scale=3)


def _bicycle_side(plane: Plane, dice: Dice) -> None:
    u, v, frame = plane.u, plane.v, dice.tint(dice.pick(BODY), 20)
    for at in (-52, 52):
        plane.add(disc(u, v, (at, 34), (35, 35)), RUBBER, 6)
        plane.add(disc(u, v, (at, 34), (27, 27)), None)
        plane.add(bar(u, v, (at, 6), (at, 62), 3) | bar(u, v, (at - 26, 34), (at + 26, 34), 3), CHROME, 10)
    rods = (
        ((-52, 34), (-14, 84)),
        ((-52, 34), (0, 34)),
        ((0, 34), (-16, 92)),
        ((0, 34), (40, 82)),
        ((-14, 80), (40, 84)),
        ((52, 34), (38, 100)),
    )
    for start, end in rods:
        plane.add(bar(u, v, start, end, 8), frame, 10)
    plane.add((np.abs(u + 18) < 15) & (v > 90) & (v < 99), RUBBER, 6)
    plane.add((np.abs(u - 34) < 14) & (v > 99) & (v < 106), RUBBER, 6)


def _motorcycle_side(plane: Plane, dice: Dice) -> None:
    u, v, paint = plane.u, plane.v, dice.tint(dice.pick(BODY), 20)
    for at in (-68, 68):
        plane.add(disc(u, v, (at, 32), (33, 33)), RUBBER, 10)
        plane.add(disc(u, v, (at, 32), (17, 17)), CHROME, 40)
    plane.add(bar(u, v, (68, 32), (44, 100), 10), CHROME, 30)
    plane.add(disc(u, v, (0, 46), (36, 24)), (58, 58, 60), 60)
    plane.add(bar(u, v, (-95, 34), (10, 28), 12), CHROME, 40)
    plane.add(disc(u, v, (16, 80), (34, 18)), paint, 20)
    plane.add(bar(u, v, (-96, 86), (-10, 78), 18), RUBBER, 12)
    plane.add(bar(u, v, (-92, 64), (-50, 76), 20), paint, 16)
    plane.add(disc(u, v, (56, 90), (14, 14)), (200, 200, 190), 20)
    plane.add((np.abs(u - 38) < 18) & (v > 102) & (v < 109), RUBBER, 6)


def _bicycle_end(plane: Plane, dice: Dice) -> None:
    u, v = np.abs(plane.u), plane.v
    plane.add((u <= 4) & (v < 70), RUBBER, 6)
    plane.add((u <= 4) & (v > 60) & (v < 100), dice.tint(dice.pick(BODY), 20), 10)
    plane.add((u <= 7) & (v > 58) & (v < 68), (190, 30, 26), 10)
    plane.add((u <= 12) & (v > 88) & (v < 98), RUBBER, 6)
    plane.add((u <= 30) & (v > 99) & (v < 106), (70, 70, 72), 10)


def _motorcycle_end(plane: Plane, dice: Dice) -> None:
    u, v, paint = np.abs(plane.u), plane.v, dice.tint(dice.pick(BODY), 20)
    plane.add((u <= 10) & (v < 62), RUBBER, 6)
    plane.add((u <= 24) & (v > 36) & (v < 52), (60, 60, 62), 40)
    plane.add((u <= 21 - np.maximum(v - 80, 0) // 3) & (v > 48) & (v < 98), paint, 20)
    plane.add((u <= 13) & (v > 74) & (v < 86), (200, 34, 28), 20)
    plane.add((u <= 17) & (v > 56) & (v < 68), (224, 224, 214), 10)
    plane.add((u <= 40) & (v > 100) & (v < 107), RUBBER, 6)
    plane.add(disc(u, v, (40, 118), (9, 7)), CHROME, 40)


def two_wheeler(canvas: Canvas, dice: Dice, label: int, x: int, z: int, *, ridden: bool, along: bool) -> None:
    """A bicycle or motorcycle, with its rider if ``ridden``; ``along`` the street (seen from its end) or across it."""
    reach = 46 if along else 108
    plane = canvas.frontal(x, z, (-reach, reach), (0, 185))
    if plane is None:
        return
    motor = label == MOTORCYCLE
    if not along:
        squash = dice.between(100, 150 if not ridden else 115)  # a stand set at an angle to the street
        plane.u = plane.u * (squash if dice.chance(50) else -squash) // 100
    ({(True, True): _motorcycle_end, (True, False): _motorcycle_side, (False, True): _bicycle_end, (False, False): _bicycle_side})[
        motor, along
    ](plane, dice)
    plane.paint(label, canvas.instance(label), light=dice.between(220, 256), scale=3)
    if ridden and (plane := canvas.frontal(x, z - 2, (-reach, reach), (0, 185))):
        (_rider_end if along else _rider_side)(plane, dice, motor)
        plane.paint(RIDER, canvas.instance(RIDER), light=dice.between(210, 256), scale=3)


def _head(plane: Plane, dice: Dice, u: int, v: int, helmet: bool) -> None:
    plane.add(disc(plane.u, plane.v, (u, v), (11, 13)), dice.pick(SKIN), 6)
    color = dice.tint(dice.pick(BODY), 20) if helmet else dice.tint((70, 52, 38), 20)
    plane.add(disc(plane.u, plane.v, (u, v + 2), (14, 15) if helmet else (12, 12)) & (plane.v > v - (6 if helmet else -4)), color, 20)


def _rider_end(plane: Plane, dice: Dice, motor: bool) -> None:
    u, v = plane.u, plane.v
    top, legs = dice.tint(dice.pick(CLOTH), 18), dice.tint(dice.pick(CLOTH), 14)
    lift = dice.between(0, 20)
    for sign in (-1, 1):
        foot = 24 + (lift if sign > 0 else 20 - lift)
        plane.add(bar(u, v, (sign * 12, 98), (sign * 17, foot), 14), legs, 14)
        plane.add((np.abs(u - sign * 17) < 8) & (v > foot - 8) & (v < foot + 2), RUBBER, 6)
        plane.add(bar(u, v, (sign * 18, 144), (sign * 30, 104), 11), top, 14)
    plane.add((np.abs(u) <= 19 + (v - 110) // 12) & (v > 88) & (v < 150), top, 20)
    _head(plane, dice, 0, 163, motor or dice.chance(60))


def _rider_side(plane: Plane, dice: Dice, motor: bool) -> None:
    u, v = plane.u, plane.v
    top, legs = dice.tint(dice.pick(CLOTH), 18), dice.tint(dice.pick(CLOTH), 14)
    knee, foot = ((16, 68), (6, 26)) if motor else ((16, 66), (4, 20 + dice.between(0, 12)))
    plane.add(bar(u, v, (-20, 96), knee, 18) | bar(u, v, knee, foot, 13), legs, 14)
    plane.add((np.abs(u - foot[0] - 4) < 12) & (np.abs(v - foot[1]) < 6), RUBBER, 6)
    plane.add(bar(u, v, (-22, 90), (2, 148), 27), top, 20)
    plane.add(bar(u, v, (2, 140), (34, 106), 11), top, 16)
    _head(plane, dice, 10, 162, motor or dice.chance(60))
