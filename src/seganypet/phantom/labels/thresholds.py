"""Contours made by SUV thresholds, with what they leak into and what they leave out."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from seganypet.phantom.labels.boundary import Field, Spacing
from seganypet.volume import BoolArray

# Contours that agree less (Dice) with what they are to outline are ones that a reader would throw away.
_LEAST_USABLE_ORGAN = 0.4
_LEAST_USABLE_LESION = 0.2


def threshold_contour(suv: Field, lesion: BoolArray, level: float, within: BoolArray) -> BoolArray | None:
    """Return a lesion contoured by a threshold, bool [I, J, K], or None where nobody would keep the result.

    The contour is the connected region of SUV `level` or more that holds the lesion's hottest voxel. It is
    thrown away where its Dice with the lesion is below 0.2, and where that voxel is below the threshold.

    Args:
        suv: SUV [I, J, K].
        lesion: The lesion, not empty.
        level: Threshold as SUV; for a share of SUVmax give their product.
        within: Where the reader lets the contour run; all else is cut off.
    """
    hottest = np.unravel_index(int(np.argmax(np.where(lesion, suv, -np.inf))), suv.shape)
    components, _ = ndimage.label((suv >= level) & within)
    contour: BoolArray = (components == components[hottest]) & (components > 0)
    return contour if _dice(contour, lesion) >= _LEAST_USABLE_LESION else None


def window_contour(
    suv: Field, organ: BoolArray, window: tuple[float, float], within: BoolArray
) -> BoolArray | None:
    """Return an organ contoured by an SUV window, bool [I, J, K], or None where nobody would keep the result.

    The contour is the connected region of SUV inside the window that holds most of the organ, holes filled.
    It is thrown away where its Dice with the organ is below 0.4.

    Args:
        suv: SUV [I, J, K].
        organ: The organ, not empty.
        window: Lowest and highest SUV.
        within: Where the reader lets the contour run.
    """
    low, high = window
    components, _ = ndimage.label((suv >= low) & (suv <= high) & within)
    sizes = np.bincount(components[organ])
    sizes[0] = 0
    if not sizes.any():
        return None
    contour: BoolArray = ndimage.binary_fill_holes(components == int(sizes.argmax()))
    return contour if _dice(contour, organ) >= _LEAST_USABLE_ORGAN else None


def _dice(contour: BoolArray, target: BoolArray) -> float:
    overlap = np.count_nonzero(contour & target)
    return 2 * overlap / (np.count_nonzero(contour) + np.count_nonzero(target))


def hot_spot(
    suv: Field, seed_ijk: tuple[int, int, int], fraction: float, radius_mm: float, spacing_mm: Spacing
) -> BoolArray:
    """Return the hot spot at a voxel, bool [I, J, K]: connected voxels above a share of its SUV, in a ball."""
    offsets: list[npt.NDArray[np.float64]] = [
        ((np.arange(count) - at) * step) ** 2
        for count, at, step in zip(suv.shape, seed_ijk, spacing_mm, strict=True)
    ]
    ball = offsets[0][:, None, None] + offsets[1][:, None] + offsets[2] <= radius_mm**2
    components, _ = ndimage.label(ball & (suv >= fraction * suv[seed_ijk]))
    spot: BoolArray = components == components[seed_ijk]
    return spot
