"""What a given label map leaves out, painted from the standard body inside the given one."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from seganypet.phantom.anatomy.abdomen import paint_abdomen
from seganypet.phantom.anatomy.body import cavity, paint_cavity
from seganypet.phantom.anatomy.brain import fold_brain
from seganypet.phantom.anatomy.build import Build
from seganypet.phantom.anatomy.canvas import Canvas
from seganypet.phantom.anatomy.given_map import GivenMap
from seganypet.phantom.anatomy.head import paint_head
from seganypet.phantom.anatomy.heart import paint_myocardium
from seganypet.phantom.anatomy.muscles import paint_muscles
from seganypet.phantom.anatomy.shapes import ellipsoid, mirrored, trunk
from seganypet.phantom.anatomy.skeleton import paint_skeleton
from seganypet.phantom.anatomy.thorax import paint_lobes, paint_thorax
from seganypet.phantom.anatomy.tissues import FILLERS, LUNG_LOBES, MARROW_BONES, SIDES, TISSUE_IDS
from seganypet.volume import BoolArray

_HEART = ("heart_myocardium", "heart_blood_pool")
_PELVIS = ("hip_left", "hip_right", "sacrum")
_FEMALE = frozenset({"uterus", "ovary_left", "ovary_right", "breast_left", "breast_right"})
_CORTEX_MM, _SHAFT_MM = 4.5, 17.0  # thickness of a long bone's wall, and its shaft's largest radius
_STATION_MM = 12.0
# Lungs reach down to the organs and out to the muscle that the map shows.
_BREATH_MM, _CHEST_WALL_MM = 16.0, -6.0
_ARM_X_MM, _ARM_Z_MM = 195.0, 860.0
_CHEST_MM = 30.0  # ribs and muscle in front of the lungs
_SMALLEST_BREAST_ML = 60.0


def complete(canvas: Canvas, given: GivenMap, skin: BoolArray, rng: np.random.Generator) -> None:
    """Add what the map leaves out, in place; what it shows stays as it is.

    Args:
        canvas: The given tissues, with fat and muscle around them, on a canvas fitted to the standard body.
        given: The map.
        skin: Outermost tissue, where no organ may lie.
        rng: Source of randomness.
    """
    build = Build(female=bool(_FEMALE & given.present), arms=False, breath_mm=_BREATH_MM)
    canvas.kept = _kept(canvas, given)
    paint_cavity(canvas, build)
    canvas.label_map[skin & (canvas.label_map == TISSUE_IDS["torso_fat"])] = TISSUE_IDS["subcutaneous_fat"]
    paint_skeleton(canvas, build)
    paint_head(canvas, build, rng)
    if "heart_myocardium" not in given.present:
        canvas.kept -= {"heart_myocardium"}
        paint_myocardium(canvas, build, rng)
        canvas.kept |= {"heart_myocardium"}
    for side in given.whole_lungs:
        paint_lobes(canvas, build, side)
    paint_thorax(canvas, build, rng, chest_wall_mm=_CHEST_WALL_MM)
    paint_abdomen(canvas, build, rng)
    if build.female and not {"breast_left", "breast_right"} & given.present:
        _paint_breasts(canvas, build)
    paint_muscles(canvas, build, rng)
    if not any(name.startswith("arm_muscle") for name in given.present):
        _name_arms(canvas)


def hollow_bones(canvas: Canvas, given: GivenMap) -> None:
    """Split given long bones into a wall and the marrow cavity of their shaft, in place."""
    for bone in MARROW_BONES:
        for side in SIDES:
            name = f"{bone}_{side}"
            if name in given.present and f"{bone}_marrow_{side}" not in given.present:
                _hollow(canvas, name, f"{bone}_marrow_{side}")


def fold_given_brain(canvas: Canvas, given: GivenMap, rng: np.random.Generator) -> None:
    """Split a given brain in one piece into its parts, in place."""
    if "brain" in given.present and "brain_white_matter" not in given.present:
        canvas.kept = frozenset()
        fold_brain(canvas, rng)


def _kept(canvas: Canvas, given: GivenMap) -> frozenset[str]:
    kept = {name for name in given.present if name not in FILLERS} | set(_HEART)
    if given.present & set(LUNG_LOBES):
        kept |= set(LUNG_LOBES)
    if (canvas.label_map == TISSUE_IDS["sacrum"]).any():
        kept |= set(_PELVIS)
    # A part of the skull or of the brain stands for all of it.
    if "brain" in kept:
        kept |= {"brain_white_matter", "brain_ventricle", "cerebellum"}
    return frozenset(kept)


def _paint_breasts(canvas: Canvas, build: Build) -> None:
    """What bulges in front of the chest's wall is fat around a gland, not muscle."""
    chest = trunk(*cavity(build))
    for side in SIDES:
        low, high = np.sort(
            np.array([mirrored((8, 20, 1215), side), mirrored((165, 260, 1400), side)]), axis=0
        )
        over = ("skeletal_muscle",)
        canvas.fill("subcutaneous_fat", lambda x, y, z: _CHEST_MM - chest(x, y, z), low, high, over=over)
        box = canvas.box(low, high)
        x, y, z = canvas.coordinates(box)
        bulge = (canvas.label_map[box] == TISSUE_IDS["subcutaneous_fat"]) & (chest(x, y, z) > _CHEST_MM)
        bulge &= (np.abs(x - (low[0] + high[0]) / 2) < 78) & (y > low[1])
        if bulge.sum() * canvas.voxel_ml < _SMALLEST_BREAST_ML:
            continue
        center = np.array([float(c[bulge].mean()) for c in (x, y, z)])
        gland = ellipsoid(center, (42, 26, 40))
        volume_ml = min(100.0, 0.3 * float(bulge.sum()) * canvas.voxel_ml)
        canvas.fill(f"breast_{side}", gland, low, high, over=("subcutaneous_fat",), volume_ml=volume_ml)


def _hollow(canvas: Canvas, bone: str, marrow: str) -> None:
    mask = canvas.label_map == TISSUE_IDS[bone]
    spans = ndimage.find_objects(mask.astype(np.int8))
    if not spans:
        return
    box = spans[0]
    inside = np.pad(mask[box], 1)
    depth = ndimage.distance_transform_edt(inside, sampling=canvas.spacing_mm)[1:-1, 1:-1, 1:-1]
    offsets = np.argwhere(mask[box]) * canvas.spacing_mm
    offsets -= offsets.mean(axis=0)
    axis = np.linalg.svd(offsets, full_matrices=False)[2][0]
    station = ((offsets @ axis) / _STATION_MM).astype(int)
    station -= station.min()
    depths = depth[mask[box]]
    radius = ndimage.maximum(depths, station, np.arange(station.max() + 1))[station]
    # The ends of the bone are wider, and spongy.
    cavity = (depths > np.maximum(_CORTEX_MM, 0.45 * radius)) & (radius < _SHAFT_MM)
    values = canvas.label_map[box][mask[box]]
    values[cavity] = TISSUE_IDS[marrow]
    canvas.label_map[box][mask[box]] = values


def _name_arms(canvas: Canvas) -> None:
    """Muscle far to the side of the trunk is an arm's."""
    everywhere = (slice(None), slice(None), slice(None))
    x, _, z = canvas.coordinates(everywhere)
    arm = (canvas.label_map == TISSUE_IDS["skeletal_muscle"]) & (np.abs(x) > _ARM_X_MM) & (z > _ARM_Z_MM)
    canvas.label_map[arm & (x > 0)] = TISSUE_IDS["arm_muscle_right"]
    canvas.label_map[arm & (x < 0)] = TISSUE_IDS["arm_muscle_left"]
