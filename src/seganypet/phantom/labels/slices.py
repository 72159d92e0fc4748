"""Wrong axial slices (planes of constant k): cut off, copied, or skipped and interpolated."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from seganypet.phantom.labels.boundary import Field, Spacing, signed_distance_mm
from seganypet.volume import BoolArray

# Most slices that are cut from an end, copied, or left out between two drawn ones.
_MOST_SLICES = 4


def labelled_slices(mask: BoolArray) -> npt.NDArray[np.int_]:
    """Return the indices k of the slices that hold something, ascending."""
    return np.asarray(np.flatnonzero(mask.any(axis=(0, 1))))


def cut_ends(mask: BoolArray, lowest: int, highest: int) -> BoolArray:
    """Return the mask without so many of its lowest and highest labelled slices, bool [I, J, K]."""
    slices = labelled_slices(mask)
    cut = mask.copy()
    cut[..., slices[:lowest]] = False
    cut[..., slices[max(slices.size - highest, 0) :]] = False
    return cut


def copy_slice(mask: BoolArray, source: int, count: int) -> BoolArray:
    """Return the mask with slice `source` copied over the next `count` slices, bool [I, J, K]."""
    copied = mask.copy()
    copied[..., source + 1 : source + 1 + count] = mask[..., source, None]
    return copied


def interpolate_slices(mask: BoolArray, every: int, spacing_mm: Spacing) -> BoolArray:
    """Return the mask as drawn on every n-th slice only and interpolated between, bool [I, J, K].

    Shape-based interpolation (Raya and Udupa 1990): linear between the signed distances of two drawn slices.
    Slices beyond the last drawn one are left unlabelled.

    Args:
        mask: bool [I, J, K], not empty.
        every: Distance of the drawn slices, in slices, counted from the lowest labelled one.
        spacing_mm: Voxel size along i, j, k, in mm.
    """
    slices = labelled_slices(mask)
    drawn = range(int(slices[0]), int(slices[-1]) + 1, every)
    distances = [_distance_in_slice(mask[..., k], spacing_mm) for k in drawn]
    interpolated = np.zeros_like(mask)
    for at, k in enumerate(drawn):
        interpolated[..., k] = mask[..., k]
        for step in range(1, every if at + 1 < len(drawn) else 1):
            share = step / every
            mean = (1 - share) * distances[at] + share * distances[at + 1]
            interpolated[..., k + step] = mean < 0
    return interpolated


def _distance_in_slice(contour: BoolArray, spacing_mm: Spacing) -> Field:
    """Return the signed distance in one slice in mm, [I, J]; far outside where the slice is empty."""
    if not contour.any():
        return np.full(contour.shape, sum(spacing_mm) * max(contour.shape), dtype=np.float32)
    return signed_distance_mm(contour, spacing_mm[:2])


def wrong_slices(mask: BoolArray, spacing_mm: Spacing, rng: np.random.Generator) -> BoolArray:
    """Return the mask with one way of wrong slices, drawn at random; unchanged below 4 labelled slices."""
    slices = labelled_slices(mask)
    if slices.size < 4:
        return mask
    longest = min(max(slices.size // 5, 1), _MOST_SLICES)
    way = rng.integers(3)
    if way == 0:
        lowest, highest = rng.integers(0, longest + 1, size=2)
        return cut_ends(mask, int(lowest), int(highest) + (lowest == highest == 0))
    if way == 1:
        return copy_slice(mask, int(rng.choice(slices[:-1])), int(rng.integers(1, longest + 1)))
    return interpolate_slices(mask, int(rng.integers(2, 2 + longest)), spacing_mm)
