"""Box-like vehicles of generated streets, as parts on their side and their near end (all lengths cm)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from segbench.datasets.minicity_scenes.paint import Canvas, Dice, Plane, disc
from segbench.datasets.minicity_scenes.palette import BODY, BUS, CAR, CARAVAN, CHROME, GLASS, RUBBER, TRAILER, TRAIN, TRUCK, Color


@dataclass(frozen=True)
class Box:
    """A vehicle that drives along the street: the middle of its near end, and its size."""

    x: int
    z: int
    width: int
    length: int
    height: int
    front: bool  # its front faces the camera


@dataclass(frozen=True)
class Look:
    """Two colours and, of a car, how far the cabin stands back from the nose and from the tail."""

    paint: Color
    other: Color
    nose: int
    tail: int


def _look(dice: Dice) -> Look:
    return Look(dice.tint(dice.pick(BODY), 18), dice.tint(dice.pick(BODY), 18), dice.between(70, 110), dice.pick((8, 16, 60)))


def vehicle(canvas: Canvas, dice: Dice, label: int, box: Box) -> None:
    """Side and near end of a box-like vehicle along the street."""
    one, (side, end) = canvas.instance(label), _FACES[label]
    look, lit, half = _look(dice), dice.between(190, 250), box.width // 2
    edge = box.x - half if box.x > 0 else box.x + half
    if edge * box.x > 0 and abs(edge) > 15 and (plane := canvas.lateral(edge, (box.z, box.z + box.length), (0, box.height))):
        side(plane, dice, box.length, box.height, look, box.front)
        plane.paint(label, one, light=lit)
    back = look.nose + 25 if box.front else look.tail
    if label == CAR and (plane := canvas.frontal(box.x, box.z + back, (-half, half), (0, box.height))):
        _car_cabin(plane, half, box.height, look)
        plane.paint(label, one, light=456 - lit)
    if plane := canvas.frontal(box.x, box.z, (-half, half), (0, box.height)):
        end(plane, dice, half, box.height, look, box.front)
        plane.paint(label, one, light=456 - lit)


def crossing_vehicle(canvas: Canvas, dice: Dice, label: int, x: int, z: int, size: tuple[int, int]) -> None:
    """A vehicle of (length, height) seen exactly from its side."""
    length, height = size
    if plane := canvas.frontal(x, z, (-length // 2, length // 2), (0, height)):
        plane.u = plane.u + length // 2 if dice.chance(50) else length // 2 - plane.u
        _FACES[label][0](plane, dice, length, height, _look(dice), dice.chance(50))
        plane.paint(label, canvas.instance(label), light=dice.between(200, 256))


def _wheels(plane: Plane, at: tuple[int, ...], radius: int) -> None:
    for u in at:
        plane.add(disc(plane.u, plane.v, (u, radius), (radius, radius)), RUBBER, 6)
        plane.add(disc(plane.u, plane.v, (u, radius), (radius * 4 // 7, radius * 4 // 7)), CHROME, 30)


def _car_side(plane: Plane, dice: Dice, length: int, height: int, look: Look, front: bool) -> None:
    u, v = plane.u if front else length - plane.u, plane.v  # u from the nose
    belt, bonnet = 92, look.nose
    slope = dice.between(3, 7)
    plane.add((v > 24) & (v <= np.where(u < bonnet, 72 + u * 20 // bonnet, belt)) & (u > 2) & (u < length - 2), look.paint, 10)
    rise = v - belt
    tail = length - look.tail
    plane.add((rise > 0) & (v <= height) & (u > bonnet + rise * slope // 10) & (u < tail - rise // 10), look.paint, 10)
    glass = (rise > 2) & (v < height - 9) & (u > bonnet + 14 + rise * slope // 10) & (u < tail - 14 - rise // 10)
    plane.add(glass & (np.abs(u - length * 52 // 100) > 5), GLASS, 60)
    plane.add((v > 24) & (v < 36), (40, 40, 42), 8)
    plane.add((np.abs(u - length * 52 // 100) < 2) & (v > 36) & (v < belt), (look.paint[0] // 2, look.paint[1] // 2, look.paint[2] // 2), 0)
    plane.add((u < 14) & (v > 58) & (v < 72) & (u > 2), (225, 225, 215), 20)
    plane.add((u > length - 14) & (v > 62) & (v < 84) & (u < length - 2), (170, 26, 24), 30)
    _wheels(plane, (78, length - 84), 32)


def _car_cabin(plane: Plane, half: int, height: int, look: Look) -> None:
    u, v = np.abs(plane.u), plane.v
    roof = half - 6 - np.maximum(v - 92, 0) * 10 // (height - 92)
    plane.add((u <= np.minimum(roof, half - 2)) & (v > 60) & (v <= height), look.paint, 12)
    plane.add((u <= roof - 10) & (v > 98) & (v <= height - 10), GLASS, 44)


def _car_end(plane: Plane, dice: Dice, half: int, height: int, look: Look, front: bool) -> None:
    u, v = np.abs(plane.u), plane.v
    plane.add((u > half - 26) & (u < half - 4) & (v < 40), RUBBER, 6)
    plane.add((u <= half) & (v > 26) & (v <= 95), look.paint, 16)
    plane.add((u <= half - 2) & (v > 24) & (v < 46), (46, 46, 48), 10)
    if front:
        plane.add((u < half - 34) & (v > 56) & (v < 74), (30, 30, 32), 40)
        plane.add((u > half - 34) & (u < half - 4) & (v > 62) & (v < 78), (236, 236, 224), 20)
    else:
        plane.add((u > half - 26) & (u < half - 2) & (v > 68) & (v < 90), (186, 24, 22), 40)
    plane.add((u < 27) & (v > 47) & (v < 59), (228, 228, 220), 10)


def _bus_side(plane: Plane, dice: Dice, length: int, height: int, look: Look, front: bool) -> None:
    u, v = plane.u, plane.v
    plane.add((v > 28) & (v <= height), look.paint, 12)
    plane.add((v > 60) & (v <= 84), look.other, 10)
    plane.add((v > 118) & (v < height - 64) & (u > 14) & (u < length - 14) & (u % 150 > 9), GLASS, 44)
    plane.add((v > 34) & (v < height - 64) & ((u - 120) % 480 < 110), (70, 80, 90), 60)
    _wheels(plane, (250, length - 270), 48)


def _bus_end(plane: Plane, dice: Dice, half: int, height: int, look: Look, front: bool) -> None:
    u, v = np.abs(plane.u), plane.v
    plane.add((u > half - 34) & (u < half - 4) & (v < 50), RUBBER, 6)
    plane.add((u <= half) & (v > 30) & (v <= height), look.paint, 14)
    plane.add((v > 60) & (v <= 84), look.other, 10)
    low = 105 if front else 160
    plane.add((u < half - 10) & (v > low) & (v < height - 52), GLASS, 50)
    plane.add((u < half - 34) & (v > height - 46) & (v < height - 16), (24, 22, 20), 10)
    plane.add((u < half - 56) & (v > height - 38) & (v < height - 24) & (plane.u % 18 < 13), (240, 170, 40), 20)
    plane.add((u > half - 34) & (u < half - 6) & (v > 62) & (v < 82), (236, 236, 220) if front else (190, 28, 24), 20)
    plane.add((u < 27) & (v > 44) & (v < 56), (228, 228, 220), 10)


def _truck_side(plane: Plane, dice: Dice, length: int, height: int, look: Look, front: bool) -> None:
    u, v = plane.u if front else length - plane.u, plane.v
    plane.add((v > 50) & (v < 84) & (u > 10), (44, 44, 46), 20)
    plane.add((u > 235) & (v > 84) & (v <= height), look.paint, 8)
    plane.add(
        (u > 235) & (v > 84) & (v <= height) & (u % 120 < 4), (look.paint[0] * 3 // 4, look.paint[1] * 3 // 4, look.paint[2] * 3 // 4), 0
    )
    plane.add((u > 300) & (u < length - 90) & (v > height - 150) & (v < height - 90) & (u % 60 < 44), look.other, 10)
    plane.add((u < 215) & (v > 44) & (v < height - 60 - np.maximum(30 - u, 0)), look.other, 12)
    plane.add((u > 40) & (u < 150) & (v > 160) & (v < height - 100), GLASS, 60)
    _wheels(plane, (110, length - 240, length - 120), 50)


def _truck_end(plane: Plane, dice: Dice, half: int, height: int, look: Look, front: bool) -> None:
    u, v = np.abs(plane.u), plane.v
    plane.add((u > half - 55) & (u < half - 4) & (v < 95), RUBBER, 6)
    if front:
        plane.add((v > 130) & (v <= height), look.paint, 8)
        plane.add((u < half - 4) & (v > 36) & (v < height - 60), look.other, 12)
        plane.add((u < half - 16) & (v > 150) & (v < height - 100), GLASS, 44)
        plane.add((u < half - 40) & (v > 70) & (v < 136) & (v % 16 < 9), (40, 40, 42), 10)
        plane.add((u > half - 40) & (u < half - 8) & (v > 52) & (v < 74), (236, 236, 220), 20)
        return
    plane.add((v > 84) & (v <= height), look.paint, 10)
    plane.add(
        (u < 3) & (v > 90) | (u > half - 8) & (v > 84) | (v > height - 9),
        (look.paint[0] * 2 // 3, look.paint[1] * 2 // 3, look.paint[2] * 2 // 3),
        6,
    )
    plane.add((np.abs(u - half // 2) < 3) & (v > 90) & (v < height - 14), CHROME, 20)
    plane.add((v > 52) & (v < 84), (50, 50, 52), 12)
    plane.add((v > 70) & (v < 80) & (plane.u % 40 < 20), (190, 40, 36), 12)
    plane.add((u > half - 36) & (u < half - 6) & (v > 56) & (v < 70), (190, 28, 24), 20)


def _train_side(plane: Plane, dice: Dice, length: int, height: int, look: Look, front: bool) -> None:
    u, v = plane.u, plane.v
    plane.add((v > 12) & (v <= height), look.paint, 8)
    plane.add((v > height - 40) & (v <= height), CHROME, 24)
    plane.add((v > 12) & (v < 40), (60, 60, 62), 14)
    plane.add((v > 40) & (v < 96), look.other, 8)
    plane.add((v > 130) & (v < height - 70) & (u > 40) & (u % 240 > 14), GLASS, 50)
    plane.add((v > 30) & (v < height - 60) & ((u - 300) % 720 < 130), look.other, 8)
    plane.add((v > 120) & (v < height - 74) & ((u - 310) % 720 < 50), GLASS, 50)


def _train_end(plane: Plane, dice: Dice, half: int, height: int, look: Look, front: bool) -> None:
    u, v = np.abs(plane.u), plane.v
    shell = (u <= half - np.maximum(v - height + 60, 0) * 3 // 4) & (v > 16)
    plane.add(shell, look.paint, 10)
    plane.add(shell & (v < 110), look.other, 8)
    plane.add(shell & (v < 44), (60, 60, 62), 12)
    plane.add((u < half - 16) & (v > 130) & (v < height - 66) & (u < half - 16 - np.maximum(v - height + 100, 0) // 3), GLASS, 50)
    plane.add((u < half - 60) & (v > height - 58) & (v < height - 34), (28, 26, 22), 10)
    plane.add((u < 12) & (v > height - 56) & (v < height - 36), (245, 190, 60), 10)
    plane.add(disc(u, v, (half - 34, 78), (13, 13)), (240, 238, 220), 10)
    plane.add((u < 20) & (v > 22) & (v < 38), (34, 34, 36), 10)


def _caravan_side(plane: Plane, dice: Dice, length: int, height: int, look: Look, front: bool) -> None:
    u, v = plane.u, plane.v
    plane.add((v > 34) & (v <= height - np.maximum(40 - u, 0) // 2), (214, 212, 204), 10)
    plane.add((v > 80) & (v < 96), look.other, 8)
    plane.add((v > 130) & (v < 190) & (u > 60) & (u < length - 60) & (u % 170 > 50), GLASS, 50)
    _wheels(plane, (length // 2,), 32)


def _caravan_end(plane: Plane, dice: Dice, half: int, height: int, look: Look, front: bool) -> None:
    u, v = np.abs(plane.u), plane.v
    plane.add((v > 34) & (u <= half - np.maximum(v - height + 30, 0) // 2), (214, 212, 204), 10)
    plane.add((v > 80) & (v < 96), look.other, 8)
    plane.add((u < half - 26) & (v > 130) & (v < 196), GLASS, 60)
    plane.add((u > half - 26) & (v > 56) & (v < 74), (186, 28, 26), 20)


def _trailer_side(plane: Plane, dice: Dice, length: int, height: int, look: Look, front: bool) -> None:
    plane.add((plane.v > 46) & (plane.v <= height) & (plane.u % 60 > 4), CHROME, 26)
    _wheels(plane, (length // 2,), 30)


def _trailer_end(plane: Plane, dice: Dice, half: int, height: int, look: Look, front: bool) -> None:
    u, v = np.abs(plane.u), plane.v
    plane.add((u > half - 22) & (v < 50), RUBBER, 6)
    plane.add((v > 46) & (v <= height), CHROME, 26)
    plane.add((u > half - 26) & (v > 50) & (v < 64), (186, 28, 26), 20)


_FACES = {
    CAR: (_car_side, _car_end),
    BUS: (_bus_side, _bus_end),
    TRUCK: (_truck_side, _truck_end),
    TRAIN: (_train_side, _train_end),
    CARAVAN: (_caravan_side, _caravan_end),
    TRAILER: (_trailer_side, _trailer_end),
}
