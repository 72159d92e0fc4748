"""What a reader has without a network: a fixed fraction of SUVmax, and region growing."""

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
    if len(spacing_mm) != 3 or not min(spacing_mm) > 0:
        raise GeometryError(f"voxel size {tuple(spacing_mm)} mm; expected three positive numbers")
    if not snap_mm >= 0:
        raise UsageError(f"snap_mm is {snap_mm}; expected a radius of 0 mm or more")
    seed = _hottest_near(volume_array, _voxel_of(volume_array, seed_ijk), spacing_mm, snap_mm)
    return _grow(volume_array, seed, fraction)


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
    return _grow(volume_array, _voxel_of(volume_array, seed_ijk), fraction)


def _voxel_of(volume_array: Image, seed_ijk: Sequence[float]) -> Voxel:
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


def _hottest_near(volume_array: Image, seed: Voxel, spacing_mm: Sequence[float], radius_mm: float) -> Voxel:
    """Return the hottest voxel whose centre lies within a radius of the seed's; of equals, the nearest."""
    reach = [int(radius_mm / mm + 1e-6) for mm in spacing_mm]
    box, first = _box_around(volume_array.shape, seed, reach)
    offsets_mm = [
        (np.arange(s.start, s.stop) - c) * mm for s, c, mm in zip(box, seed, spacing_mm, strict=True)
    ]
    di, dj, dk = np.ix_(*offsets_mm)
    squared_mm = di**2 + dj**2 + dk**2
    near = squared_mm <= radius_mm**2 * (1 + 1e-9)
    values = np.where(near, volume_array[box], -np.inf)
    hottest = np.argwhere(values == values.max())
    i, j, k = hottest[squared_mm[tuple(hottest.T)].argmin()] + first
    return int(i), int(j), int(k)


def _grow(volume_array: Image, seed: Voxel, fraction: float) -> BoolArray:
    """Return the 26-connected component, containing the seed, of voxels >= fraction of the seed's value."""
    if not 0 < fraction <= 1:
        raise UsageError(f"fraction is {fraction}; expected a number above 0 and at most 1")
    mask = np.zeros(volume_array.shape, dtype=np.bool_)
    level = fraction * float(volume_array[seed])
    if not level > 0:
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
