"""The brain's parts: a folded rind of grey matter, deep grey nuclei, white matter, ventricles, cerebellum."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from seganypet.phantom.anatomy.build import Build
from seganypet.phantom.anatomy.canvas import Canvas
from seganypet.phantom.anatomy.organ_volumes import draw_volume_ml
from seganypet.phantom.anatomy.shapes import ellipsoid, mirrored, smooth_curve, union
from seganypet.phantom.anatomy.tissues import SIDES, TISSUE_IDS
from seganypet.phantom.anatomy.warp import Axes, Field, random_lattice

_FOLD_STEP_MM, _FOLD_MM = 9.0, 2.6
_WHITE_SHARE = 0.37
_FISSURE_FLOOR_MM = 1672.0  # above the corpus callosum the hemispheres part
_LOW, _HIGH = (-90.0, -115.0, 1555.0), (90.0, 115.0, 1765.0)


def paint_brain(canvas: Canvas, build: Build, rng: np.random.Generator) -> None:
    """Paint the brain inside the skull, and its parts."""
    behind = ellipsoid((0, -43, 1621), (51, 31, 27))
    cerebellum_ml, whole_ml = (draw_volume_ml(name, build, rng) for name in ("cerebellum", "brain"))
    room = ("skull", "skeletal_muscle", "subcutaneous_fat")
    canvas.fill(
        "cerebellum", behind, (-75, -105, 1560), (75, 10, 1665), volume_ml=cerebellum_ml, over=room, most=2.0
    )
    whole = union(
        ellipsoid((0, 0, 1670), (66, 84, 69)),
        *(ellipsoid(mirrored((42, 14, 1632), side), (22, 36, 22)) for side in SIDES),
    )
    canvas.fill("brain", whole, _LOW, _HIGH, volume_ml=whole_ml - cerebellum_ml, over=room, most=2.0)
    fold_brain(canvas, rng)
    _paint_stem(canvas, room)


def fold_brain(canvas: Canvas, rng: np.random.Generator) -> None:
    """Split what is painted as brain into grey matter, white matter and ventricles, in place.

    White matter is the deepest 37 % of the cerebrum (approximate; with the nuclei in it), where depth under the
    surface, and under the fissure between the hemispheres, is made uneven as by gyri.
    """
    brain = canvas.label_map == TISSUE_IDS["brain"]
    spans = ndimage.find_objects(brain.astype(np.int8))
    if not spans or "brain_white_matter" in canvas.kept:
        return
    box = spans[0]
    inside = brain[box]
    depth = ndimage.distance_transform_edt(np.pad(inside, 1), sampling=canvas.spacing_mm)[1:-1, 1:-1, 1:-1]
    x, _, z = canvas.coordinates(box)
    fissure = np.abs(x) + np.maximum(_FISSURE_FLOOR_MM - z, 0) * 2 + 2
    axes: Axes = (canvas.axes[0][box[0]], canvas.axes[1][box[1]], canvas.axes[2][box[2]])
    folded = np.minimum(depth, fissure) + _FOLD_MM * _unit_field(axes, rng)
    deepest = np.quantile(folded[inside], 1 - _WHITE_SHARE)
    pieces, _ = ndimage.label(inside & (folded > deepest))
    largest = 1 + int(np.argmax(np.bincount(pieces.ravel())[1:]))
    canvas.label_map[box][pieces == largest] = TISSUE_IDS["brain_white_matter"]
    _paint_deep_parts(canvas, rng)


def _paint_deep_parts(canvas: Canvas, rng: np.random.Generator) -> None:
    """Basal ganglia and thalami, which are grey, and the ventricles, in any map that knows the standard body."""
    for side in SIDES:
        for center, radii in (((25, 12, 1664), (7, 19, 12)), ((11, -12, 1664), (8, 14, 9))):
            place = mirrored(center, side)
            reach = np.asarray(radii) * 1.2
            low, high = place - reach, place + reach
            canvas.fill("brain", ellipsoid(place, radii), low, high, over=("brain_white_matter",))
    horns = [
        ellipsoid(mirrored((9, 6, 1678), side), (5, 34, 8), rotation_deg=(0, 0, 8 if side == "left" else -8))
        for side in SIDES
    ]
    third = ellipsoid((0, -6, 1660), (2.5, 12, 9))
    volume_ml = float(np.clip(np.exp(rng.normal(np.log(23), 0.4)), 8, 60))
    both = union(*horns, third)
    over = ("brain", "brain_white_matter")
    canvas.fill("brain_ventricle", both, (-40, -60, 1640), (40, 60, 1705), volume_ml=volume_ml, over=over)


def _paint_stem(canvas: Canvas, room: tuple[str, ...]) -> None:
    """The brain stem, and the fibres that rise from it between the nuclei."""
    over = (*room, "brain")
    stem = smooth_curve([(0, -12, 1642), (0, -20, 1612), (0, -24, 1588)])
    canvas.tube("brain_white_matter", stem, np.linspace(12, 7, len(stem)), over=over)
    for side in SIDES:
        capsule = smooth_curve([(4, -14, 1634), (12, -8, 1648), (20, 2, 1668), (21, 4, 1694)])
        canvas.tube("brain_white_matter", mirrored(capsule, side), 5.0, over=over)


def _unit_field(axes: Axes, rng: np.random.Generator) -> Field:
    low, high = ([float(axis[end]) for axis in axes] for end in (0, -1))
    field = random_lattice(rng, low, high, step_mm=_FOLD_STEP_MM).on_grid(axes)[0]
    return np.asarray((field - field.mean()) / max(float(field.std()), 1e-6), dtype=np.float32)
