"""Houses, the backdrop and bridges of generated streets (all lengths cm)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from segbench.datasets.minicity_scenes.paint import Canvas, Dice, Mask, Plane, cloth
from segbench.datasets.minicity_scenes.palette import BODY, BRIDGE, BUILDING, LEAF, PLASTER, VEGETATION, Color


@dataclass(frozen=True)
class House:
    """How a house looks; lengths in cm."""

    height: int
    roof: int
    floor: int
    pitch: int
    window: tuple[int, int]
    plaster: Color
    tiles: Color
    glass: Color
    shop: int  # 0: none, else height of the shop windows


def plan_house(dice: Dice) -> House:
    """A house by chance."""
    floor = dice.between(280, 340)
    return House(
        height=dice.between(2, 5) * floor + dice.between(60, 130),
        roof=dice.pick((0, 0, 120, 200, 260)),
        floor=floor,
        pitch=dice.between(200, 330),
        window=(dice.between(80, 130), dice.between(120, 180)),
        plaster=dice.tint(dice.pick(PLASTER), 20),
        tiles=dice.tint(dice.pick(((130, 66, 50), (90, 60, 54), (80, 82, 88), (110, 90, 76))), 16),
        glass=dice.tint(dice.pick(((56, 66, 78), (90, 104, 116), (40, 44, 50))), 12),
        shop=dice.pick((0, 0, 250)),
    )


def _facade(plane: Plane, dice: Dice, house: House) -> None:
    u, v = plane.u, plane.v
    up: Mask = (v >= 0) & (v <= house.height)
    dark = (house.plaster[0] * 3 // 4, house.plaster[1] * 3 // 4, house.plaster[2] * 3 // 4)
    plane.add((v > house.height) & (v <= house.height + house.roof), house.tiles, 30)
    plane.add(
        (v > house.height) & (v <= house.height + house.roof) & (v % 40 < 8),
        (house.tiles[0] * 8 // 10, house.tiles[1] * 8 // 10, house.tiles[2] * 8 // 10),
        20,
    )
    plane.add(up, house.plaster, 22)
    if sum(house.plaster) < 330 and house.window[0] < 110:
        plane.add(up & (v % 24 < 4), dark, 16)
    wide, high = house.window
    across, above = (u + 40) % house.pitch, (v - house.floor - 40) % house.floor
    row = up & (v > house.floor + 20) & (v < house.height - 40)
    plane.add(row & (across < wide + 20) & (above > 60) & (above < high + 80), (222, 218, 206) if sum(house.plaster) < 500 else dark, 10)
    pane = row & (across > 10) & (across < wide + 10) & (above > 70) & (above < high + 70)
    plane.add(pane, house.glass, 50)
    plane.add(pane & (np.abs(across - 10 - wide // 2) < 4), (210, 206, 196), 6)
    if house.shop:
        plane.add((v > 40) & (v < house.shop) & (u % 420 > 40), house.glass, 60)
        plane.add((v > house.shop) & (v < house.shop + 50), dice.tint(dice.pick(BODY), 20), 14)
    else:
        plane.add((v > 100) & (v < 100 + high) & (across > 10) & (across < wide + 10), house.glass, 50)
        plane.add(up & (v < 45), dark, 20)
    plane.add((v >= 0) & (v < 215) & ((u - 180) % 900 < 105), dice.tint((96, 62, 44), 30), 20)
    plane.add(up & (v > house.height - 22), (222, 216, 204) if sum(house.plaster) < 480 else dark, 10)


def building(canvas: Canvas, dice: Dice, house: House, x: int, z: tuple[int, int], light: tuple[int, int]) -> None:
    """Street face at lateral distance ``x`` and the near gable; ``light`` of (street face, gable) in 1/256."""
    top = house.height + house.roof
    if plane := canvas.lateral(x, z, (0, top)):
        _facade(plane, dice, house)
        plane.paint(BUILDING, light=light[0])
    wide = (x, x + 900) if x > 0 else (x - 900, x)
    if plane := canvas.frontal(0, z[0], wide, (0, top)):
        _facade(plane, dice, house)
        plane.paint(BUILDING, light=light[1])


def backdrop(canvas: Canvas, dice: Dice, z: int) -> None:
    """What closes the street far away: house fronts and tree tops side by side."""
    x = -z
    while x < z:
        wide = dice.between(600, 1500)
        if dice.chance(45):
            if plane := canvas.frontal(x + wide // 2, z, (-wide, wide), (0, 1400)):
                edge = cloth()[dice.between(0, 255), (plane.u // 8 + dice.between(0, 255)) & 255].astype(np.int32)
                plane.add((plane.v >= 0) & (plane.v < 700 + edge * 3 - plane.u * plane.u // (wide * 2)), dice.tint(dice.pick(LEAF), 14), 70)
                plane.paint(VEGETATION)
        elif plane := canvas.frontal(x, z + 50, (0, wide), (0, 2200)):
            _facade(plane, dice, plan_house(dice))
            plane.paint(BUILDING, light=230)
        x += wide * 3 // 4


def bridge(canvas: Canvas, dice: Dice, z: int) -> None:
    """A bridge across the street."""
    if plane := canvas.frontal(0, z, (-z, z), (480, 720)):
        color = dice.tint((140, 138, 132), 16)
        plane.add((plane.v < 640) | (plane.u % 60 < 20) | (plane.v > 700), color, 24)
        plane.paint(BRIDGE)
