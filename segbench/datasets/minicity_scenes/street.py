"""Where things stand in a generated street: strips of ground along it, houses beside it, traffic on it (all lengths cm)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

import numpy as np
from numpy.typing import NDArray

from segbench.datasets.minicity_scenes.houses import backdrop, bridge, building, plan_house
from segbench.datasets.minicity_scenes.paint import HEIGHT, WIDTH, Canvas, Dice, cloth, disc
from segbench.datasets.minicity_scenes.palette import (
    BICYCLE,
    BORDER,
    BUS,
    CAR,
    CARAVAN,
    EGO,
    FENCE,
    GROUND,
    GUARD_RAIL,
    MOTORCYCLE,
    OUT,
    PARKING,
    POLEGROUP,
    RAIL,
    ROAD,
    SIDEWALK,
    TERRAIN,
    TRAILER,
    TRAIN,
    TRUCK,
    VEGETATION,
    WALL,
    Color,
)
from segbench.datasets.minicity_scenes.people import person, two_wheeler
from segbench.datasets.minicity_scenes.roadside import barrier, clutter, pole, traffic_light, traffic_sign, tree
from segbench.datasets.minicity_scenes.vehicles import Box, crossing_vehicle, vehicle

LANE = 330

Job = tuple[int, Callable[[Dice], None]]  # its distance, and what draws it
SEEDS = {"train": 0x7261696E, "val": 0x76616C}


@dataclass(frozen=True)
class Scene:
    """image uint8[256, 512, 3], labels uint8[256, 512] (Cityscapes ids), instances uint16 and disparity uint16 of the same size."""

    image: NDArray[np.uint8]
    labels: NDArray[np.uint8]
    instances: NDArray[np.uint16]
    disparity: NDArray[np.uint16]


@dataclass
class Side:
    """One side of the street; ``sign`` -1 left, 1 right; distances from the camera's path, without the sign."""

    sign: int
    rail: bool
    curb: int  # where the carriageway ends
    parking: bool
    walk: int  # where the sidewalk ends
    fronts: int  # where houses begin
    barrier: int  # label of what stands on the fronts' side of the grass; 0: nothing


@dataclass
class Street:
    """The plan of one scene. ``taken`` remembers which stretch of which lane is in use."""

    left: Side
    right: Side
    crossing: tuple[int, int] | None
    taken: dict[str, list[tuple[int, int]]] = field(default_factory=dict)

    def place(self, dice: Dice, lane: str, length: int, nearest: int, farthest: int) -> int | None:
        """A free z in ``lane`` for something of this length; None: all tries were taken."""
        used = self.taken.setdefault(lane, [])
        for _ in range(6):
            z = dice.between(nearest, farthest)
            if all(z + length + 80 < low or z - 80 > high for low, high in used):
                used.append((z, z + length))
                return z
        return None


def draw_scene(split: str, index: int) -> Scene:
    """Scene ``index`` of ``split``: the same bytes on every machine, whatever was drawn before."""
    dice = Dice(SEEDS[split], index)
    canvas = Canvas(WIDTH // 2 + dice.between(-45, 45), dice.between(98, 112))
    street = _plan(dice)
    overcast = dice.between(-70, 90)
    haze = _sky(canvas, dice, overcast)
    _ground(canvas, dice, street)
    low_sun = dice.pick((-1, 1))
    _shadows(canvas, dice, street, low_sun, overcast)
    _houses(canvas, dice, street, low_sun, overcast)
    jobs = _traffic(canvas, dice, street) + _walkers(canvas, dice, street) + _furniture(canvas, dice, street)
    for z, number in sorted(((job[0], number) for number, job in enumerate(jobs)), reverse=True):
        jobs[number][1](Dice(SEEDS[split], index, number + 1, z))
    _bonnet(canvas, dice)
    exposure = dice.between(205, 320)
    warm = dice.between(-22, 26)
    canvas.develop(dice, (exposure + warm, exposure, exposure - warm), haze, dice.between(6000, 30000))
    _frame(canvas)
    return Scene(canvas.image, canvas.labels, canvas.instances, canvas.disparity())


def _plan(dice: Dice) -> Street:
    crossing = None
    if dice.chance(45):
        start = dice.between(1300, 2600)
        crossing = (start, start + dice.between(800, 1100))
    return Street(_side(dice, -1), _side(dice, 1), crossing)


def _side(dice: Dice, sign: int) -> Side:
    rail = sign < 0 and dice.chance(50)
    curb = LANE // 2 + (LANE if sign < 0 else 0) + (LANE if rail else 0)
    parking = dice.chance(70)
    curb += 230 if parking else dice.between(20, 120)
    walk = curb + dice.between(260, 560)
    grass = dice.chance(62)
    fronts = walk + (dice.between(180, 600) if grass else 0)
    barrier = dice.pick((WALL, FENCE, WALL, FENCE, VEGETATION, GUARD_RAIL, 0))
    return Side(sign, rail, curb, parking, walk, fronts, barrier)


def _sky(canvas: Canvas, dice: Dice, overcast: int) -> Color:
    high = dice.tint(dice.pick(((96, 142, 200), (70, 116, 186), (150, 168, 190), (110, 130, 160))), 16)
    low = dice.tint(dice.pick(((206, 218, 228), (226, 216, 200), (196, 202, 208))), 12)
    canvas.sky(dice, high, low, dice.tint((220, 220, 222), 18), overcast)
    return low


def _ground(canvas: Canvas, dice: Dice, street: Street) -> None:
    """Paint and label the ground strip by strip, then what lies on it: kerbs, slabs, rails, lane markings."""
    rows, x, z = canvas.ground()
    asphalt = dice.tint(dice.pick(((92, 92, 94), (104, 100, 96), (78, 80, 84), (120, 118, 114))), 8)
    slabs = dice.tint(dice.pick(((140, 134, 126), (126, 122, 120), (150, 122, 106), (112, 112, 112))), 16)
    grass = dice.tint(dice.pick(((92, 116, 54), (116, 122, 60), (74, 100, 50), (134, 116, 76))), 14)
    yard_label, yard = dice.pick(((TERRAIN, grass), (SIDEWALK, slabs), (GROUND, dice.tint((134, 126, 116), 14))))
    labels = np.full(x.shape, ROAD, np.uint8)
    color = np.broadcast_to(np.array(asphalt, np.int16), (*x.shape, 3)).copy()
    rough = np.full(x.shape, 16, np.int16)
    parking_label = PARKING if dice.chance(35) else ROAD

    def lay(where: NDArray[np.bool_], label: int, paint: Color, coarse: int) -> None:
        labels[where], color[where], rough[where] = label, paint, coarse

    cross = np.zeros(z.shape, bool) if street.crossing is None else (z > street.crossing[0]) & (z < street.crossing[1])
    for side in (street.left, street.right):
        out = x * side.sign
        if side.rail:
            lay((out > LANE * 3 // 2) & (out <= LANE * 5 // 2), RAIL, dice.tint(dice.pick((asphalt, grass, (112, 104, 96))), 10), 40)
            for rail in (-72, 72):
                lay(np.abs(out - 2 * LANE - rail) < 7 + z // 400, RAIL, (150, 148, 146), 10)
        if side.parking:
            lay((out > side.curb - 215) & (out <= side.curb), parking_label, dice.tint(asphalt, 6), 22)
            lay((out > side.curb - 222) & (out < side.curb - 212) & (z % 560 > 100), parking_label, (206, 206, 204), 20)
        walk = (out > side.curb) & ~cross
        lay(walk, SIDEWALK, slabs, 22)
        tile = dice.pick((50, 80, 120))
        joint = ((out % tile < 3 + z // 600) | (z % tile < 3 + z // 300)) & (z < 2200)
        lay(walk & joint, SIDEWALK, (slabs[0] * 5 // 6, slabs[1] * 5 // 6, slabs[2] * 5 // 6), 20)
        lay(walk & (out < side.curb + 20), SIDEWALK, dice.tint((172, 170, 164), 12), 14)
        lay((out > side.walk) & (out <= side.fronts) & ~cross, TERRAIN, grass, 64)
        lay((out > side.fronts) & ~cross, yard_label, yard, 40)
    white = dice.tint((214, 214, 210), 16)
    thin = 7 + z // 500
    dash = dice.pick((600, 900))
    phase = dice.between(0, 900)
    lay((np.abs(x + LANE // 2) < thin) & ((z + phase) % dash < dash // 2) & ~cross, ROAD, white, 40)
    if dice.chance(60):
        edge = (np.abs(x - LANE // 2) < thin) | ((np.abs(x + LANE * 3 // 2) < thin) & ~np.array(street.left.rail))
        lay(edge & ~cross & (labels == ROAD), ROAD, white, 40)
    if street.crossing:
        ahead = (z > street.crossing[0] - 450) & (z < street.crossing[0] - 120) & (labels == ROAD)
        if dice.chance(70):
            lay(ahead & (x % 100 < 50), ROAD, white, 40)
        lay((z > street.crossing[0] - 560) & (z < street.crossing[0] - 510) & (np.abs(x) < LANE // 2), ROAD, white, 40)
    if dice.chance(60):  # a manhole and a patch of newer asphalt
        lay(disc(x, z, (dice.between(-300, 100), dice.between(400, 900)), (34, 34)) & (labels == ROAD), ROAD, (64, 62, 62), 30)
        start = dice.between(350, 900)
        lay(
            (np.abs(x - dice.between(-200, 100)) < 90) & (z > start) & (z < start + 500) & (labels == ROAD),
            ROAD,
            dice.tint((80, 80, 82), 6),
            14,
        )
    fine = cloth()[(z * 2) & 255, (x * 2) & 255] + (cloth()[(z // 3) & 255, (x // 3) & 255] >> 1)
    color += ((fine * rough) >> 7)[:, :, None]
    canvas.image[rows] = np.clip(color, 0, 255).astype(np.uint8)
    canvas.labels[rows] = canvas.instances[rows] = labels
    canvas.depth[rows] = z


def _shadows(canvas: Canvas, dice: Dice, street: Street, low_sun: int, overcast: int) -> None:
    """The shadow of the sun-side houses on the ground, and blotches of tree shadow."""
    if overcast > 40:
        return
    rows, x, z = canvas.ground()
    side = street.left if low_sun < 0 else street.right
    reach = dice.between(-300, side.fronts)
    wave = cloth()[(z // 3) & 255, (x // 4) & 255].astype(np.int32)
    dark = x * low_sun > reach + cloth()[(z // 6) & 255, 9].astype(np.int32) // 2
    if dice.chance(50):
        dark |= (wave > 36) & (np.abs(x) > dice.between(0, 200))
    area = canvas.image[rows]
    area[dark] = (area[dark].astype(np.uint16) * dice.between(130, 190)) >> 8


def _houses(canvas: Canvas, dice: Dice, street: Street, low_sun: int, overcast: int) -> None:
    """Backdrop, then rows of houses far to near, then what stands before them."""
    backdrop(canvas, dice, dice.between(6500, 9000))
    if dice.chance(5):
        bridge(canvas, dice, dice.between(4000, 5500))
    for side in (street.left, street.right):
        bright = 256 if side.sign != low_sun or overcast > 40 else dice.between(150, 200)
        z, row = dice.between(200, 700), []
        style = plan_house(dice)
        while z < 6500:
            length = dice.between(700, 1900)
            if not dice.chance(25):
                style = plan_house(dice)
            in_crossing = street.crossing and z < street.crossing[1] + 100 and z + length > street.crossing[0] - 100
            if not in_crossing and not dice.chance(13):
                row.append((z, length, style, side.fronts + dice.pick((0, 0, 40, 120))))
            z += length
            if in_crossing and street.crossing:
                z = max(street.crossing[1] + 100, z - length + 100)
        for z, length, style, x in reversed(row):
            building(canvas, dice, style, side.sign * x, (z, z + length), (bright, dice.between(170, 250)))
        _barriers(canvas, dice, street, side)


def _barriers(canvas: Canvas, dice: Dice, street: Street, side: Side) -> None:
    start = dice.between(250, 500)
    kind = side.barrier
    for _ in range(3):
        stop = start + dice.between(900, 2200)
        if street.crossing and start < street.crossing[1] and stop > street.crossing[0]:
            stop = street.crossing[0]
        if kind and stop - start > 300:
            barrier(canvas, dice, kind, side.sign * (side.fronts - 12), (start, stop))
            if kind == FENCE and dice.chance(20):
                kind = WALL
        if street.crossing and start < street.crossing[1] <= stop + 2000:
            stop = max(stop, street.crossing[1] + 100)
        start = stop + dice.between(0, 500)


_SIZES = {  # width, length, height: from, to
    CAR: ((170, 395, 142), (186, 470, 162)),
    BUS: ((245, 950, 285), (255, 1250, 315)),
    TRUCK: ((235, 650, 290), (250, 1000, 370)),
    TRAIN: ((235, 2000, 320), (255, 3000, 350)),
    CARAVAN: ((210, 430, 245), (225, 560, 265)),
    TRAILER: ((180, 300, 150), (220, 450, 220)),
}


def _traffic(canvas: Canvas, dice: Dice, street: Street) -> list[Job]:
    """Jobs (z, draw) of everything on wheels."""
    jobs: list[Job] = []

    def add(label: int, lane: str, x: int, near: int, far: int, front: bool) -> None:
        (w0, l0, h0), (w1, l1, h1) = _SIZES[label]
        width, length, height = dice.between(w0, w1), dice.between(l0, l1), dice.between(h0, h1)
        if label == CAR and dice.chance(18):
            height += dice.between(20, 45)  # a van
        z = street.place(dice, lane, length, near, far)
        if z is None:
            return
        box = Box(x + dice.between(-18, 18), z, width, length, height, front)
        canvas.shade((box.x - width // 2 - 14, box.x + width // 2 + 14), (z - 24, z + length), 92)
        jobs.append((z, lambda own: vehicle(canvas, own, label, box)))

    def cross(label: int, x: int) -> None:
        assert street.crossing
        (_, l0, h0), (_, l1, h1) = _SIZES[label]
        size = (dice.between(l0, l1), dice.between(h0, h1))
        z = street.crossing[0] + dice.between(150, 600)
        canvas.shade((x - size[0] // 2, x + size[0] // 2), (z - 20, z + 160), 92)
        jobs.append((z, lambda own: crossing_vehicle(canvas, own, label, x, z, size)))

    left, right = street.left, street.right
    if left.rail and dice.chance(92):
        add(TRAIN, "rail", -2 * LANE, 700, 2300, dice.chance(50))
    elif dice.chance(16) and street.crossing:
        cross(TRAIN, dice.between(-1200, 1200))
    for label, percent in ((BUS, 46), (TRUCK, 46)):
        if dice.chance(percent):
            where = dice.between(0, 9)
            if where < 4:
                add(label, "oncoming", -LANE, 800, 2200, True)
            elif where < 7:
                add(label, "own", 10, 1100, 2600, False)
            elif right.parking:
                add(label, "right", right.curb - 130, 800, 2200, False)
            else:
                add(label, "oncoming", -LANE, 800, 2000, True)
    for lane, x, percent, far in (("own", 0, 60, 4500), ("oncoming", -LANE, 60, 4000), ("oncoming", -LANE, 40, 6000)):
        if dice.chance(percent):
            add(CAR, lane, x, 800, far, lane == "oncoming")
    for side, lane in ((left, "left"), (right, "right")):
        if side.parking:
            if dice.chance(16):
                add(dice.pick((CARAVAN, TRAILER)), lane, side.sign * (side.curb - 120), 700, 2000, side.sign < 0)
            for _ in range(dice.between(2, 6)):
                add(CAR, lane, side.sign * (side.curb - 112), 420, 3200, side.sign < 0 or dice.chance(20))
    if street.crossing and dice.chance(45):
        cross(dice.pick((CAR, CAR, BUS, TRUCK)), dice.between(-1500, 1500))
    return jobs + _two_wheelers(canvas, dice, street)


def _two_wheelers(canvas: Canvas, dice: Dice, street: Street) -> list[Job]:
    jobs: list[Job] = []

    def add(label: int, x: int, z: int, ridden: bool, along: bool) -> None:
        reach = 24 if along else 90
        canvas.shade((x - reach, x + reach), (z - 14, z + 24), 130)
        jobs.append((z, lambda own: two_wheeler(canvas, own, label, x, z, ridden=ridden, along=along)))

    for label, percent in ((BICYCLE, 50), (MOTORCYCLE, 42)):
        if dice.chance(percent):
            lane = dice.pick((dice.between(60, 150), dice.between(-250, -120), dice.between(100, 150)))
            add(label, lane, dice.between(550, 1300), True, dice.chance(65))
        if dice.chance(18) and street.crossing:
            add(label, dice.between(-700, 500), street.crossing[0] + dice.between(-300, 60), True, False)
    for side in (street.left, street.right):
        for label, percent in ((BICYCLE, 34), (MOTORCYCLE, 26)):
            if dice.chance(percent):
                z, x = dice.between(600, 1300), side.sign * (side.curb + dice.between(50, 150))
                for step in range(dice.between(1, 3)):
                    add(label, x, z + step * 90, False, dice.chance(20))
    return jobs


def _walkers(canvas: Canvas, dice: Dice, street: Street) -> list[Job]:
    jobs: list[Job] = []

    def add(x: int, z: int) -> None:
        canvas.shade((x - 26, x + 26), (z - 12, z + 16), 140)
        jobs.append((z, lambda own: person(canvas, own, x, z)))

    for side in (street.left, street.right):
        for _ in range(dice.pick((0, 1, 2, 2, 3, 4))):
            x, z = side.sign * dice.between(side.curb + 40, side.walk - 20), dice.between(600, 2000)
            add(x, z)
            if dice.chance(35):
                add(x + dice.pick((-58, 58)), z + dice.between(0, 30))
    if dice.chance(30):
        z = (street.crossing[0] - 280) if street.crossing else dice.between(900, 2000)
        for _ in range(dice.between(1, 3)):
            add(dice.between(-500, 160), z + dice.between(-60, 60))
    return jobs


def _furniture(canvas: Canvas, dice: Dice, street: Street) -> list[Job]:
    """Jobs (z, draw) of what stands beside the carriageway."""
    jobs: list[Job] = []

    def add(draw: Callable[[Canvas, Dice, int, int], None], x: int, z: int) -> None:
        jobs.append((z, lambda own: draw(canvas, own, x, z)))

    for side in (street.left, street.right):
        edge = side.sign * (side.curb + 45)
        first, pitch, tall = dice.between(650, 1500), dice.between(1300, 2000), dice.between(520, 760)
        if dice.chance(75):
            for z in range(first, 5000, pitch):
                add(partial(pole, height=tall, lamp=True), edge, z)
        for percent, farthest in ((60, 1700), (25, 2500)):
            if dice.chance(percent):
                add(traffic_sign, edge, dice.between(600, farthest))
        if dice.chance(75 if street.crossing else 25):
            add(traffic_light, edge, max(street.crossing[0] - 500, 700) if street.crossing else dice.between(700, 1700))
        if dice.chance(10):
            z = dice.between(700, 1500)
            for step in (-14, 14):
                add(partial(pole, height=420, lamp=False, label=POLEGROUP), edge + step, z)
        if dice.chance(28):
            add(clutter, edge + 60 * side.sign, dice.between(600, 2000))
        low, high = (side.walk + 30, side.fronts - 60) if side.fronts > side.walk else (side.curb + 60, side.curb + 90)
        for _ in range(dice.pick((0, 1, 2, 3, 4, 6))):
            x, z = side.sign * dice.between(low, high), dice.between(800, 4500)
            if not street.crossing or not street.crossing[0] - 100 < z < street.crossing[1] + 100:
                add(tree, x, z)
    return jobs


def _bonnet(canvas: Canvas, dice: Dice) -> None:
    """The own car's bonnet along the lower edge."""
    column, row = np.arange(WIDTH)[None] - WIDTH // 2, np.arange(HEIGHT)[:, None]
    top = HEIGHT - 19 + column * column // 5200
    hood = row > top
    base = np.array(dice.tint((58, 60, 64), 12), np.int32)
    shine = np.clip(60 - 8 * (row - top), 0, 60) + cloth()[(row * 3) & 255, (column // 2) & 255].astype(np.int32) // 10
    canvas.image[hood] = np.clip(base + shine[hood][:, None], 0, 255).astype(np.uint8)
    canvas.labels[hood] = canvas.instances[hood] = EGO


def _frame(canvas: Canvas) -> None:
    """What rectification leaves at the edges: black columns left and right, and a row that no region of interest covers."""
    for cols, label in ((slice(0, 3), BORDER), (slice(WIDTH - 3, WIDTH), BORDER)):
        canvas.labels[:, cols] = canvas.instances[:, cols] = label
        canvas.image[:, cols] //= 6
    for rows in (slice(0, 2), slice(HEIGHT - 2, HEIGHT)):
        canvas.labels[rows] = canvas.instances[rows] = OUT
