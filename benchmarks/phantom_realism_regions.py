"""Regions to measure: fixed ones of STS_001, placed by eye, and the same ones of a phantom, from its labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from phantom_realism_measures import Array, Mask, around
from seganypet.phantom import PhantomCase
from seganypet.volume import Volume


@dataclass(frozen=True, kw_only=True)
class Ball:
    """A sphere, centre in RAS+ mm."""

    xyz_mm: tuple[float, float, float]
    radius_mm: float


@dataclass(frozen=True, kw_only=True)
class Box:
    """A box, corners in RAS+ mm."""

    low_mm: tuple[float, float, float]
    high_mm: tuple[float, float, float]


# Placed by eye on coronal and axial slices (SUV 0-2.5), 10 mm or more inside the organ's visible border where the
# organ allows it; vertebral bodies between the dips of the discs on a profile along z; the aorta along its
# brightest line. The scan ends at the skull base: of the brain only the cerebellum's lower part is seen.
REAL_REGIONS: Mapping[str, Sequence[Ball | Box]] = {
    "liver": (Ball(xyz_mm=(65, -10, -383), radius_mm=30),),
    "spleen": (Ball(xyz_mm=(-122, -68, -385), radius_mm=13),),
    "blood (aorta)": (Box(low_mm=(-66, -42, -268), high_mm=(-52, -25, -222)),),
    "lung": (Ball(xyz_mm=(75, -20, -250), radius_mm=25),),
    "thigh muscle": (Ball(xyz_mm=(100, 30, -830), radius_mm=25),),
    "gluteal muscle": (
        Ball(xyz_mm=(95, -80, -650), radius_mm=20),
        Ball(xyz_mm=(-120, -80, -650), radius_mm=20),
    ),
    "vertebral marrow": tuple(
        Box(low_mm=(-28, -60, z - 7), high_mm=(0, -36, z + 7)) for z in (-545, -511, -478, -442)
    ),
    "subcutaneous fat": (
        Ball(xyz_mm=(95, -128, -545), radius_mm=9),
        Ball(xyz_mm=(-130, -128, -545), radius_mm=9),
        Ball(xyz_mm=(150, -100, -640), radius_mm=7),
    ),
    "cerebellum": (Ball(xyz_mm=(-20, 20, -20), radius_mm=12),),
    "bladder": (Ball(xyz_mm=(-15, -40, -676), radius_mm=8),),
    "kidney": (Ball(xyz_mm=(-108, -75, -480), radius_mm=8), Ball(xyz_mm=(60, -72, -470), radius_mm=8)),
    "air outside": (Ball(xyz_mm=(240, 50, -400), radius_mm=30), Ball(xyz_mm=(-250, 50, -400), radius_mm=30)),
}
# Label, erosion in mm, and the radius of the ball around its deepest point that is measured.
PHANTOM_REGIONS: Mapping[str, tuple[tuple[str, ...], float, float]] = {
    "liver": (("liver",), 10, 30),
    "spleen": (("spleen",), 7, 13),
    "blood (aorta)": (("aorta",), 5, 60),
    "lung": (("lung_right",), 10, 25),
    "thigh muscle": (("thigh_muscle_left", "thigh_muscle_right"), 7, 25),
    "gluteal muscle": (("gluteus_maximus_left", "gluteus_maximus_right"), 6, 20),
    "vertebral marrow": (tuple(f"vertebrae_L{n}" for n in range(1, 5)), 7, 300),
    "subcutaneous fat": (("subcutaneous_fat",), 6, 400),
    "cerebellum": (("cerebellum",), 8, 12),
    "bladder": (("urinary_bladder",), 7, 8),
    "kidney": (("kidney_left",), 6, 12),
}
NOISE_REGIONS = ("liver", "thigh muscle", "lung")
EXPONENT_REGIONS = ("subcutaneous fat", "lung", "thigh muscle", "gluteal muscle", "spleen", "liver")
# Where a border is looked for in STS_001; the smoothed image crosses the level between its two sides there.
REAL_BORDERS: Mapping[str, Box] = {
    "liver dome": Box(low_mm=(40, -45, -350), high_mm=(95, 30, -305)),
    "bladder": Box(low_mm=(-70, -90, -690), high_mm=(40, 25, -662)),
    "heart to lung": Box(low_mm=(-115, -10, -335), high_mm=(-75, 70, -280)),
    "kidney": Box(low_mm=(-150, -100, -500), high_mm=(-105, -50, -430)),
}
# The labels of a phantom whose border is looked for; "body" is the image's own outline.
PHANTOM_BORDERS: Mapping[str, str] = {
    "liver dome": "liver",
    "bladder": "urinary_bladder",
    "heart to lung": "heart_myocardium",
    "kidney": "kidney_left",
}
# Half the length of a profile, in mm: as far as the organ and its neighbour reach.
HALF_MM = {"liver dome": 22.0, "bladder": 14.0, "heart to lung": 12.0, "kidney": 14.0, "skin": 14.0}
_NEAR_MM = 9.0
_DOME_MM = 25.0


def select(volume: Volume, shapes: Sequence[Ball | Box]) -> Mask:
    """Return the voxels whose centres lie in any of the shapes."""
    index = np.indices(volume.shape, dtype=np.float64)
    x, y, z = np.tensordot(volume.affine[:3, :3], index, axes=1) + volume.affine[:3, 3].reshape(3, 1, 1, 1)
    mask = np.zeros(volume.shape, dtype=np.bool_)
    for shape in shapes:
        if isinstance(shape, Ball):
            a, b, c = shape.xyz_mm
            mask |= (x - a) ** 2 + (y - b) ** 2 + (z - c) ** 2 < shape.radius_mm**2
        else:
            low, high = shape.low_mm, shape.high_mm
            sides = zip((x, y, z), low, high, strict=True)
            mask |= np.logical_and.reduce([(axis >= a) & (axis <= b) for axis, a, b in sides])
    return mask


def tissue(case: PhantomCase, *names: str) -> Mask:
    """Return the voxels of tissues or organs of a phantom; "body" is all of them."""
    if "body" in names:
        return np.asarray(case.reference > 0)
    ids = [i for name in names for i in case.labels.get(name, [])]
    return np.isin(case.reference, ids)


def phantom_region(case: PhantomCase, name: str, lesion_mm: Array) -> Mask | None:
    """Return a region of a phantom: labels eroded, far from lesions, near the deepest point; None without it.

    Args:
        case: The phantom.
        name: Of `PHANTOM_REGIONS`.
        lesion_mm: Distance of each voxel to the nearest lesion; 12 mm are kept.
    """
    names, erosion_mm, radius_mm = PHANTOM_REGIONS[name]
    whole = tissue(case, *names)
    if name == "thigh muscle" and not whole.any():
        whole = _thigh(case)
    if not whole.any():
        return None
    spacing = case.volume.spacing_mm
    box = around(whole, spacing, 10)
    inside = whole[box] & (lesion_mm[box] > 12)
    depth = ndimage.distance_transform_edt(inside, sampling=spacing)
    deepest = np.unravel_index(int(np.argmax(depth)), depth.shape)
    steps = np.indices(depth.shape) - np.reshape(deepest, (3, 1, 1, 1))
    away_mm = np.linalg.norm(steps * np.reshape(spacing, (3, 1, 1, 1)), axis=0)
    mask = np.zeros(whole.shape, dtype=np.bool_)
    mask[box] = (depth > erosion_mm) & (away_mm < radius_mm)
    return mask if mask.sum() >= 10 else None


def _thigh(case: PhantomCase) -> Mask:
    """Muscle below the sacrum of bodies whose thighs have no label of their own."""
    sacrum = np.flatnonzero(tissue(case, "sacrum").any(axis=(0, 1)))
    muscle = tissue(case, "skeletal_muscle")
    muscle[..., int(sacrum[0]) - 20 :] = False
    return muscle


def border_zone(case: PhantomCase, name: str, lesion_mm: Array) -> Mask:
    """Return the voxels within 9 mm of an organ's border, 25 mm or more from any lesion.

    Of the liver the uppermost 25 mm are taken, of the heart the part beside the left lung.
    """
    spacing = case.volume.spacing_mm
    organ = tissue(case, PHANTOM_BORDERS[name])
    zone = near_border(organ, spacing) & (lesion_mm > 25)
    if name == "liver dome" and organ.any():
        top = int(np.flatnonzero(organ.any(axis=(0, 1)))[-1])
        zone[..., : top - int(_DOME_MM / spacing[2])] = False
    if name == "heart to lung":
        zone &= near_border(tissue(case, "lung_left"), spacing)
    return zone


def near_border(mask: Mask, spacing_mm: Sequence[float]) -> Mask:
    """Return the voxels within 9 mm of a mask's surface, on either side."""
    zone = np.zeros(mask.shape, dtype=np.bool_)
    if mask.any():
        box = around(mask, spacing_mm, 2 * _NEAR_MM)
        outer = ndimage.distance_transform_edt(~mask[box], sampling=spacing_mm)
        inner = ndimage.distance_transform_edt(mask[box], sampling=spacing_mm)
        zone[box] = np.maximum(outer, inner) < _NEAR_MM
    return zone
