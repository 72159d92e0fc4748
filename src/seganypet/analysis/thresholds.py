"""What a reader has without a network: thresholds, relative or fixed or from the liver, and region growing."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from seganypet.errors import GeometryError, PromptError, UsageError
from seganypet.volume import BoolArray

Voxel = tuple[int, int, int]
Box = tuple[slice, slice, slice]
Image = npt.NDArray[np.floating]

# Voxels that share a face, an edge or a corner are neighbours.
_NEIGHBOURS_26 = np.ones((3, 3, 3), dtype=np.bool_)
# Voxels to each side of the seed that are looked at first; most lesions end within.
_FIRST_REACH = 16


def threshold_41(
    volume_array: Image,
    seed_ijk: Sequence[float],
    spacing_mm: Sequence[float],
    *,
    fraction: float = 0.41,
    snap_mm: float = 8.0,
) -> BoolArray:
    """Return the lesion at a click by fixed threshold: connected voxels of at least 41 % of SUVmax.

    The click moves to the hottest voxel near it, whose SUV is taken as SUVmax (Boellaard et al. 2015,
    EANM procedure guideline 2.0, 41 % isocontour).

    Args:
        volume_array: SUV [I, J, K].
        seed_ijk: Click in voxel coordinates; the voxel that holds it is taken.
        spacing_mm: Voxel size along i, j, k, in mm.
        fraction: Threshold as a fraction of SUVmax, above 0 and at most 1.
        snap_mm: Radius around the clicked voxel's centre in which the hottest voxel is looked for, in mm.

    Returns:
        bool [I, J, K]; empty where there is no uptake (SUVmax not positive).

    Raises:
        PromptError: The click lies outside the volume.
        GeometryError: The array is not 3D or the voxel size is not three positive numbers.
        UsageError: The fraction is not in (0, 1], or the radius is negative.
    """
    _check_geometry(spacing_mm, snap_mm)
    seed = hottest_near(volume_array, voxel_of(volume_array, seed_ijk), spacing_mm, snap_mm)
    return _grow(volume_array, seed, _share_of(volume_array, seed, fraction))


def fixed_threshold(
    volume_array: Image,
    seed_ijk: Sequence[float],
    spacing_mm: Sequence[float],
    *,
    suv: float,
    snap_mm: float = 8.0,
) -> BoolArray:
    """Return the lesion at a click by a fixed SUV: connected voxels of at least that much.

    The click moves to the hottest voxel near it. In use are 2.5 and 4.0 (Barrington and Meignan, J Nucl Med 2019, 60,
    1096).

    Args:
        volume_array: SUV [I, J, K].
        seed_ijk: Click in voxel coordinates.
        spacing_mm: Voxel size along i, j, k, in mm.
        suv: The threshold, above 0.
        snap_mm: Radius around the clicked voxel's centre in which the hottest voxel is looked for, in mm.

    Returns:
        bool [I, J, K]; empty where even the hottest voxel is below the threshold.

    Raises:
        PromptError: The click lies outside the volume.
        GeometryError: As for `threshold_41`.
        UsageError: The threshold is not above 0, or the radius is negative.
    """
    if not suv > 0:
        raise UsageError(f"suv is {suv}; expected a threshold above 0")
    _check_geometry(spacing_mm, snap_mm)
    return _grow(
        volume_array,
        hottest_near(volume_array, voxel_of(volume_array, seed_ijk), spacing_mm, snap_mm),
        suv,
    )


def liver_threshold(
    volume_array: Image, liver_ijk: Sequence[float], spacing_mm: Sequence[float], *, radius_mm: float = 15.0
) -> float:
    """Return the threshold of PERCIST: 1.5 times the mean plus two standard deviations of a sphere in the liver.

    A sphere of 3 cm (Wahl et al. 2009, doi:10.2967/jnumed.108.057307). PERCIST asks for SUL; the threshold of a scan in
    SUVbw is that of SUL times one factor for all voxels, so the masks are the same.

    Args:
        volume_array: SUV [I, J, K].
        liver_ijk: Centre of the sphere, in voxel coordinates.
        spacing_mm: Voxel size along i, j, k, in mm.
        radius_mm: Of the sphere.

    Raises:
        PromptError: The centre lies outside the volume.
        GeometryError: As for `threshold_41`.
    """
    _check_geometry(spacing_mm, radius_mm)
    centre = voxel_of(volume_array, liver_ijk)
    box, near, _ = _ball(volume_array.shape, centre, spacing_mm, radius_mm)
    sphere = volume_array[box][near].astype(np.float64)
    return float(1.5 * sphere.mean() + 2 * sphere.std())


def region_growing(volume_array: Image, seed_ijk: Sequence[float], *, fraction: float = 0.5) -> BoolArray:
    """Return the region that grows from a click: connected voxels of at least half the clicked voxel's SUV.

    Args:
        volume_array: SUV [I, J, K].
        seed_ijk: Click in voxel coordinates; the voxel that holds it is taken.
        fraction: Threshold as a fraction of the clicked voxel's SUV, above 0 and at most 1.

    Returns:
        bool [I, J, K]; empty where the clicked voxel has no uptake.

    Raises:
        PromptError: The click lies outside the volume.
        GeometryError: The array is not 3D.
        UsageError: The fraction is not in (0, 1].
    """
    seed = voxel_of(volume_array, seed_ijk)
    return _grow(volume_array, seed, _share_of(volume_array, seed, fraction))


def _check_geometry(spacing_mm: Sequence[float], radius_mm: float) -> None:
    """Refuse voxels without a size, and a radius below 0."""
    if len(spacing_mm) != 3 or not min(spacing_mm) > 0:
        raise GeometryError(f"voxel size {tuple(spacing_mm)} mm; expected three positive numbers")
    if not radius_mm >= 0:
        raise UsageError(f"snap_mm is {radius_mm}; expected a radius of 0 mm or more")


def voxel_of(volume_array: Image, seed_ijk: Sequence[float]) -> Voxel:
    """Return the voxel that holds a coordinate."""
    if volume_array.ndim != 3:
        raise GeometryError(f"array of shape {volume_array.shape}; expected three axes (i, j, k)")
    if len(seed_ijk) != 3 or not all(
        -0.5 <= c <= n - 0.5 for c, n in zip(seed_ijk, volume_array.shape, strict=True)
    ):
        raise PromptError(
            f"click at {tuple(seed_ijk)} outside the volume of {volume_array.shape} voxels; "
            "give a voxel coordinate i, j, k inside it"
        )
    i, j, k = (min(int(c + 0.5), n - 1) for c, n in zip(seed_ijk, volume_array.shape, strict=True))
    return i, j, k


def hottest_near(volume_array: Image, seed: Voxel, spacing_mm: Sequence[float], radius_mm: float) -> Voxel:
    """Return the hottest voxel whose centre lies within a radius of the seed's; of equals, the nearest."""
    box, near, squared_mm = _ball(volume_array.shape, seed, spacing_mm, radius_mm)
    values = np.where(near, volume_array[box], -np.inf)
    hottest = np.argwhere(values == values.max())
    i, j, k = hottest[squared_mm[tuple(hottest.T)].argmin()] + [part.start for part in box]
    return int(i), int(j), int(k)


def _ball(
    shape: tuple[int, ...], centre: Voxel, spacing_mm: Sequence[float], radius_mm: float
) -> tuple[Box, BoolArray, npt.NDArray[np.float64]]:
    """Return a box around a voxel, which of its voxels lie within a radius, and the square of their distances."""
    box, _ = _box_around(shape, centre, [int(radius_mm / mm + 1e-6) for mm in spacing_mm])
    offsets_mm = [
        (np.arange(s.start, s.stop) - c) * mm for s, c, mm in zip(box, centre, spacing_mm, strict=True)
    ]
    di, dj, dk = np.ix_(*offsets_mm)
    squared_mm = di**2 + dj**2 + dk**2
    return box, squared_mm <= radius_mm**2 * (1 + 1e-9), squared_mm


def _share_of(volume_array: Image, seed: Voxel, fraction: float) -> float:
    """Return a fraction of the seed's value."""
    if not 0 < fraction <= 1:
        raise UsageError(f"fraction is {fraction}; expected a number above 0 and at most 1")
    return fraction * float(volume_array[seed])


def _grow(volume_array: Image, seed: Voxel, level: float) -> BoolArray:
    """Return the 26-connected component, containing the seed, of voxels at or above a level; none if it is not > 0."""
    mask = np.zeros(volume_array.shape, dtype=np.bool_)
    if not (level > 0 and float(volume_array[seed]) >= level):
        return mask
    reach = _FIRST_REACH
    while True:
        # A component that ends inside a box is the whole component: no need to label a whole body.
        box, first = _box_around(volume_array.shape, seed, [reach] * 3)
        labels, _ = ndimage.label(volume_array[box] >= level, structure=_NEIGHBOURS_26)
        inside = tuple(c - f for c, f in zip(seed, first, strict=True))
        component = labels == labels[inside]
        if not _leaves(component, box, volume_array.shape):
            mask[box] = component
            return mask
        reach *= 2


def _box_around(shape: tuple[int, ...], centre: Voxel, reach: Sequence[int]) -> tuple[Box, Voxel]:
    """Return the part of the array within a reach of a voxel, as slices, and its first voxel."""
    i, j, k = (slice(max(c - r, 0), min(c + r + 1, n)) for c, r, n in zip(centre, reach, shape, strict=True))
    return (i, j, k), (i.start, j.start, k.start)


def _leaves(component: BoolArray, box: Box, shape: tuple[int, ...]) -> bool:
    """Return whether a component touches a face of its box behind which the array goes on."""
    for axis, (part, n) in enumerate(zip(box, shape, strict=True)):
        faces = np.moveaxis(component, axis, 0)
        if (part.start > 0 and faces[0].any()) or (part.stop < n and faces[-1].any()):
            return True
    return False
