"""A synthetic scan that costs what a real one costs: a body with two hot organs, one of them longer than a window."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from seganypet.errors import UsageError
from seganypet.volume import BoolArray, Volume

# So far apart that a threshold at 40 % of the range tells them, in SUV as in its logarithm, whatever the noise.
_BODY_SUV, _ORGAN_SUV, _NOISE = 0.5, 4.0, 0.08
_BODY_HALF_AXES_MM = (180.0, 120.0)
_LIVER_HALF_AXES_MM = (90.0, 70.0, 80.0)
_LONG_HALF_WIDTH_MM = 40.0
# Half axes, in windows. An organ well below 0.5 does not come near the faces of a window that is centred on it.
# With windows half a window apart, 0.75 takes the one in the middle and one at either end.
_FITS, _WIDE, _LONG = 0.3, 0.25, 0.75
# Room around the organs, in windows; at least two voxels, so that they never touch.
_GAP = 1 / 8


@dataclass(frozen=True, kw_only=True)
class Organ:
    """A hot ellipsoid, its axes along those of the scan.

    Attributes:
        name: What is special about it.
        centre_ijk: In voxels of the scan.
        half_axes_mm: Along i, j, k.
    """

    name: str
    centre_ijk: tuple[float, float, float]
    half_axes_mm: tuple[float, float, float]

    def click(self, along: float, spacing_mm: Sequence[float]) -> tuple[float, float, float]:
        """Return the voxel that lies a part of the half axis from the centre, towards the end along k."""
        i, j, k = (float(round(c)) for c in self.centre_ijk)
        return i, j, float(round(k + along * self.half_axes_mm[2] / spacing_mm[2]))

    def voxels(
        self, shape: Sequence[int], spacing_mm: Sequence[float]
    ) -> tuple[tuple[slice, ...], BoolArray]:
        """Return the box of the scan that holds the organ, and which of its voxels are inside."""
        box, squares = [], []
        for n, s, centre, half_mm in zip(shape, spacing_mm, self.centre_ijk, self.half_axes_mm, strict=True):
            reach = half_mm / s
            first, stop = max(0, int(centre - reach)), min(n, int(centre + reach) + 2)
            box.append(slice(first, stop))
            squares.append(((np.arange(first, stop) - centre) / reach) ** 2)
        inside = squares[0][:, None, None] + squares[1][None, :, None] + squares[2][None, None, :] <= 1
        return tuple(box), inside


def place_organs(
    shape: Sequence[int], spacing_mm: Sequence[float], window_mm: float, *, network: str
) -> tuple[Organ, Organ]:
    """Return an organ that fits one window (the size of a liver, where the window allows), and one for three.

    Args:
        shape: Voxels of the scan along i, j, k.
        spacing_mm: Their size.
        window_mm: Edge of the network's window.
        network: Whose window it is, for the error.

    Raises:
        UsageError: The scan is too small for them.
    """
    fits = [min(half_mm, _FITS * window_mm) for half_mm in _LIVER_HALF_AXES_MM]
    wide = min(_LONG_HALF_WIDTH_MM, _WIDE * window_mm)
    long = [wide, wide, _LONG * window_mm]
    gap = max(_GAP * window_mm, 2 * max(spacing_mm))
    extent = [n * s for n, s in zip(shape, spacing_mm, strict=True)]
    needed = [2 * (max(a, b) + gap) for a, b in zip(fits[:2], long[:2], strict=True)]
    needed.append(2 * (fits[2] + long[2]) + 3 * gap)
    if any(has < needs for has, needs in zip(extent, needed, strict=True)):
        raise UsageError(
            f"a scan of {_text(shape)} voxels of {_text(spacing_mm)} mm spans {_text(extent)} mm; the targets "
            f'for "{network}" need {_text([math.ceil(mm) for mm in needed])} mm: give a larger --shape or --spacing-mm'
        )
    first_mm = (extent[2] - needed[2]) / 2 + gap + fits[2]
    centres_mm = (first_mm, first_mm + fits[2] + gap + long[2])
    return (
        _organ("within one window", extent, spacing_mm, centres_mm[0], fits),
        _organ("over several windows", extent, spacing_mm, centres_mm[1], long),
    )


def synthetic_scan(shape: Sequence[int], spacing_mm: Sequence[float], organs: Sequence[Organ]) -> Volume:
    """Return a scan that fills its grid like a body does, with hot organs and noise.

    Args:
        shape: Voxels along i, j, k.
        spacing_mm: Their size.
        organs: Where it is hot.
    """
    suv = np.zeros(tuple(shape), dtype=np.float32)
    x, y = (
        (np.arange(n) - (n - 1) / 2) * s / half_mm
        for n, s, half_mm in zip(shape[:2], spacing_mm[:2], _BODY_HALF_AXES_MM, strict=True)
    )
    suv[x[:, None] ** 2 + y[None, :] ** 2 <= 1] = _BODY_SUV
    for organ in organs:
        box, inside = organ.voxels(shape, spacing_mm)
        suv[box][inside] = _ORGAN_SUV
    generator = np.random.default_rng(0)
    for k in range(shape[2]):  # slice by slice: the noise of a whole scan would double the memory
        suv[..., k] *= 1 + _NOISE * generator.standard_normal(suv.shape[:2], dtype=np.float32)
    suv.setflags(write=False)  # read-only arrays are shared, not copied
    return Volume(suv, np.diag([*spacing_mm, 1.0]))


def _organ(
    name: str,
    extent: Sequence[float],
    spacing_mm: Sequence[float],
    at_mm: float,
    half_axes_mm: Sequence[float],
) -> Organ:
    """Return an organ in the middle of the scan's i and j, at a distance from the scan's beginning along k."""
    centre_mm = (extent[0] / 2, extent[1] / 2, at_mm)
    i, j, k = (c / s - 0.5 for c, s in zip(centre_mm, spacing_mm, strict=True))
    a, b, c = half_axes_mm
    return Organ(name=name, centre_ijk=(i, j, k), half_axes_mm=(a, b, c))


def _text(numbers: Sequence[float]) -> str:
    return " × ".join(f"{number:g}" for number in numbers)
