"""Poles, traffic lights, signs, trees, clutter and barriers of generated streets (all lengths cm)."""

from __future__ import annotations

import numpy as np

from segbench.datasets.minicity_scenes.paint import Canvas, Dice, bar, cloth, disc
from segbench.datasets.minicity_scenes.palette import CHROME, DYNAMIC, FENCE, GUARD_RAIL, LEAF, LIGHT, POLE, SIGN, STATIC, VEGETATION, WALL


def pole(canvas: Canvas, dice: Dice, x: int, z: int, height: int, *, lamp: bool, label: int = POLE) -> None:
    """A street pole, with an arm and a lamp towards the road if ``lamp``."""
    reach, thick = 190 if lamp else 14, dice.between(8, 10)
    plane = canvas.frontal(x, z, (-reach, reach), (0, height))
    if plane is None:
        return
    color, u, v = dice.tint(dice.pick(((120, 122, 122), (88, 92, 90), (70, 84, 74), (140, 134, 122))), 16), plane.u, plane.v
    plane.add((np.abs(u) <= thick) & (v <= height), color, 10)
    plane.add((u > thick // 3) & (u <= thick), (color[0] * 3 // 4, color[1] * 3 // 4, color[2] * 3 // 4), 8)
    plane.add((np.abs(u) <= thick + 5) & (v < 50), color, 12)
    if lamp:
        inward = -1 if x > 0 else 1
        plane.add(bar(u, v, (0, height - 40), (inward * 150, height - 10), 12), color, 8)
        plane.add(bar(u, v, (inward * 110, height - 16), (inward * 186, height - 8), 22), (170, 172, 168), 12)
    plane.paint(label, light=256)


_LAMPS = (((1, 0, 0), (236, 52, 40)), ((0, 1, 0), (244, 180, 50)), ((0, 0, 1), (60, 214, 130)), ((1, 1, 0), (240, 110, 40)))


def traffic_light(canvas: Canvas, dice: Dice, x: int, z: int) -> None:
    """A pole with one or two heads; sometimes one more above the road."""
    height = dice.between(300, 380)
    pole(canvas, dice, x, z, height, lamp=False)
    spots, inward = [(0, height - 110)], -1 if x > 0 else 1
    if dice.chance(50):
        reach = dice.between(200, 330)
        if plane := canvas.frontal(x, z, (-reach, reach), (height + 90, height + 130)):
            plane.add((plane.u * inward >= -8) & (np.abs(plane.v - height - 110) < 8), (110, 112, 112), 10)
            plane.paint(POLE)
        if plane := canvas.frontal(x, z, (-9, 9), (height, height + 110)):
            plane.add(plane.v >= 0, (110, 112, 112), 10)
            plane.paint(POLE)
        spots.append((inward * (reach - 30), height + 10))
    phase, case = dice.pick(_LAMPS), dice.tint(dice.pick(((34, 36, 36), (26, 44, 36), (190, 150, 40), (60, 62, 62))), 8)
    for side, low in spots:
        plane = canvas.frontal(x + side, z - 4, (-24, 24), (low, low + 122))
        if plane is None:
            continue
        plane.add(np.abs(plane.u) <= 23, case, 10)
        for row, lit in enumerate(phase[0]):
            center = (0, low + 101 - 39 * row)
            color = (((236, 52, 40), (244, 180, 50), (60, 214, 130))[row]) if lit else (52, 48, 46)
            plane.add(disc(plane.u, plane.v, center, (16, 16)), color, 20)
        plane.paint(LIGHT)


def traffic_sign(canvas: Canvas, dice: Dice, x: int, z: int) -> None:
    """A sign of one of seven kinds on its pole."""
    low, half = dice.between(190, 250), dice.between(36, 52)
    pole(canvas, dice, x, z, low + half, lamp=False)
    plane = canvas.frontal(x, z - 4, (-2 * half, 2 * half), (low, low + 2 * half))
    if plane is None:
        return
    kind, u, v = dice.between(0, 6), plane.u, plane.v - low - half
    inner = dice.pick(((236, 236, 230), (240, 200, 60)))
    disk, small = disc(u, v, (0, 0), (half, half)), disc(u, v, (0, 0), (half * 7 // 10, half * 7 // 10))
    if kind == 0:
        plane.add(disk, (200, 36, 36), 10)
        plane.add(small, inner, 8)
        plane.add((np.abs(np.abs(u) - 11) < 7) & (np.abs(v) < 17), (34, 34, 36), 4)
    elif kind == 1:
        plane.add(disk, (36, 78, 160), 10)
        plane.add(
            bar(u, v, (-half // 2, 0), (half // 2, 0), 14) | bar(u, v, (half // 4, half // 3), (half // 2, 0), 12), (232, 232, 232), 4
        )
    elif kind == 2:
        plane.add((2 * np.abs(u) <= half - v) & (v > -half), (200, 36, 36), 10)
        plane.add((2 * np.abs(u) <= half - v - 36) & (v > -half + 14), inner, 8)
    elif kind == 3:
        plane.add((np.abs(u) <= half) & (np.abs(v) <= half) & (np.abs(u) + np.abs(v) <= half * 14 // 10), (196, 32, 32), 10)
        plane.add((np.abs(u) < half * 7 // 10) & (np.abs(v) < 11) & (u % 16 > 4), (236, 236, 232), 4)
    elif kind == 4:
        plane.add((np.abs(u) + np.abs(v) <= half), (236, 236, 230), 8)
        plane.add((np.abs(u) + np.abs(v) <= half * 3 // 4), (240, 190, 40), 8)
    elif kind == 5:
        color = dice.pick(((34, 76, 150), (30, 110, 70), (236, 196, 60)))
        plane.add(np.abs(v) <= half * 8 // 10, (232, 232, 228), 8)
        plane.add((np.abs(v) <= half * 7 // 10) & (np.abs(u) <= 2 * half - 6), color, 8)
        plane.add((np.abs(v % 26 - 13) < 5) & (np.abs(v) < half // 2) & (np.abs(u + 10) < half), (240, 240, 236), 4)
    else:
        plane.add((np.abs(u) <= half) & (np.abs(v) <= half), (36, 78, 160), 10)
        plane.add((np.abs(u) <= half // 2) & (np.abs(v) <= half * 6 // 10), (236, 236, 232), 8)
    plane.paint(SIGN)


def tree(canvas: Canvas, dice: Dice, x: int, z: int) -> None:
    """A trunk and a ragged crown; sometimes a bush."""
    color = dice.tint(dice.pick(LEAF), 14)
    bush = dice.chance(25)
    stem, a, b = (
        (0, dice.between(70, 130), dice.between(60, 110))
        if bush
        else (dice.between(170, 260), dice.between(130, 260), dice.between(130, 260))
    )
    middle = stem + b * 8 // 10
    plane = canvas.frontal(x, z, (-a * 5 // 4, a * 5 // 4), (0, middle + b * 5 // 4))
    if plane is None:
        return
    u, v, shift = plane.u, plane.v, dice.between(0, 255)
    if not bush:
        plane.add((np.abs(u) <= 13 + np.maximum(40 - v, 0) // 6) & (v < middle), dice.tint((84, 68, 54), 12), 50)
    ragged = cloth()[(v + shift) & 255, (u + shift) & 255].astype(np.int32)
    crown = (u * u * 256 // (a * a)) + ((v - middle) ** 2 * 256 // (b * b)) < 210 + ragged
    plane.add(crown, color, 70)
    light, dark = (color[0] + 26, color[1] + 28, color[2] + 10), (color[0] * 6 // 10, color[1] * 6 // 10, color[2] * 6 // 10)
    plane.add(crown & (ragged * 2 + (v - middle) * 120 // b > 60), light, 60)
    plane.add(crown & (ragged * 2 + (v - middle) * 120 // b < -70), dark, 60)
    plane.paint(VEGETATION, scale=3)


def clutter(canvas: Canvas, dice: Dice, x: int, z: int) -> None:
    """What the label table calls static or dynamic: a bin, a box, a hydrant; a bag."""
    label, wide, high = dice.pick(((STATIC, 34, 110), (STATIC, 45, 140), (STATIC, 14, 70), (DYNAMIC, 28, 50)))
    if plane := canvas.frontal(x, z, (-wide, wide), (0, high)):
        color = dice.tint(dice.pick(((60, 90, 70), (90, 92, 94), (150, 120, 50), (110, 50, 46))), 20)
        plane.add(plane.v <= high - np.abs(plane.u) // 5, color, 16)
        plane.add((plane.v > high * 8 // 10) & (plane.v < high * 9 // 10), (color[0] * 2 // 3, color[1] * 2 // 3, color[2] * 2 // 3), 8)
        plane.paint(label)


def barrier(canvas: Canvas, dice: Dice, label: int, x: int, z: tuple[int, int]) -> None:
    """Wall, fence, guard rail or hedge along the street."""
    height = {WALL: dice.between(130, 260), FENCE: dice.between(110, 210), GUARD_RAIL: 85, VEGETATION: dice.between(100, 190)}[label]
    plane = canvas.lateral(x, z, (0, height))
    if plane is None:
        return
    u, v = plane.u, plane.v
    up = (v >= 0) & (v <= height)
    light = dice.between(190, 256)
    if label == WALL:
        color = dice.tint(dice.pick(((150, 146, 138), (140, 90, 72), (120, 118, 116), (176, 164, 140))), 18)
        plane.add(up, color, 30)
        joint = (v % 25 < 3) | ((u + (v // 25 % 2) * 30) % 60 < 4)
        if dice.chance(65):
            plane.add(up & joint, (color[0] * 3 // 4, color[1] * 3 // 4, color[2] * 3 // 4), 20)
        plane.add(up & (v > height - 14), (color[0] * 9 // 10, color[1] * 9 // 10, color[2] * 9 // 10), 12)
    elif label == FENCE:
        color, pitch = dice.tint(dice.pick(((70, 74, 72), (150, 150, 148), (110, 80, 54), (50, 66, 56))), 18), dice.pick((24, 32, 40))
        plane.add(up, None)
        plane.add(up & (u % pitch < pitch * 4 // 10), color, 14)
        plane.add(up & ((np.abs(v - height + 12) < 8) | (np.abs(v - 24) < 8) | (u % 240 < 14)), color, 14)
    elif label == GUARD_RAIL:
        plane.add(up & (v > 0) & (u % 200 < 14), CHROME, 10)
        plane.add(up & (v > 46) & (v < 80), CHROME, 20)
        plane.add(up & (np.abs(v - 62) < 3), (96, 98, 100), 10)
    else:
        ragged = cloth()[(v * 2) & 255, (u * 2) & 255].astype(np.int32)
        plane.add((v >= 0) & (v <= height - 20 + ragged // 5), dice.tint(dice.pick(LEAF), 14), 90)
    plane.paint(label, light=light, scale=1 if label != VEGETATION else 3)
