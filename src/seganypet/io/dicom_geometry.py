"""From the planes of DICOM slices to one voxel grid: order, affine, and refusal of gaps and tilts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from seganypet.errors import SeriesError
from seganypet.volume import Affine

GAP_TOLERANCE_MM: Final = 0.1
"""How far a gap between slices may lie from the median gap: whole-body scanners round bed positions."""

_UNIFORM_MM = 0.01
_SAME_POSITION_MM = 0.01
_UNIT_TOLERANCE = 1e-3
_LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])
_PLACES_NAMED = 3


@dataclass(frozen=True, kw_only=True)
class Grid:
    """The voxel grid of a stack of slices.

    Attributes:
        order: Index of each slice in the input, along row × column direction.
        affine: float64 [4, 4], (column, row, slice, 1) to RAS+ world in mm.
        gap_range_mm: Smallest and largest distance between neighbouring slices.
        largest_displacement_mm: Largest distance of a slice from its place on the uniform grid.
        warnings: What was accepted although it is unusual.
    """

    order: tuple[int, ...]
    affine: Affine
    gap_range_mm: tuple[float, float]
    largest_displacement_mm: float
    warnings: tuple[str, ...]


def slice_normal(orientation: Sequence[float]) -> npt.NDArray[np.float64]:
    """Return the unit vector along which slices are stacked: row × column direction, in LPS.

    Args:
        orientation: ImageOrientationPatient (0020,0037): direction cosines in LPS along which the column
            index grows, then those along which the row index grows [DICOM PS3.3 C.7.6.2.1.1].

    Raises:
        SeriesError: They are not six numbers of two perpendicular unit vectors.
    """
    row, column = _directions(orientation)
    normal: npt.NDArray[np.float64] = np.cross(row, column)
    return normal


def depths_mm(positions: npt.NDArray[np.float64], orientation: Sequence[float]) -> npt.NDArray[np.float64]:
    """Return how far along the slice normal each slice lies, in mm.

    Args:
        positions: ImagePositionPatient (0020,0032) of each slice: float64 [N, 3], LPS in mm.
        orientation: As for `slice_normal`.
    """
    depths: npt.NDArray[np.float64] = positions @ slice_normal(orientation)
    return depths


def same_position(depths: npt.NDArray[np.float64]) -> list[list[int]]:
    """Return groups of slices that lie at one position, each as indices; empty where all lie apart."""
    order = np.argsort(depths, kind="stable")
    breaks = np.flatnonzero(np.diff(depths[order]) > _SAME_POSITION_MM) + 1
    return [[int(i) for i in group] for group in np.split(order, breaks) if len(group) > 1]


def stack_slices(
    positions: npt.NDArray[np.float64],
    orientation: Sequence[float],
    pixel_spacing_mm: Sequence[float],
    *,
    names: Sequence[str],
) -> Grid:
    """Return the grid of slices given in any order.

    Args:
        positions: ImagePositionPatient of each slice: the centre of its first voxel, float64 [N, 3], LPS, mm.
        orientation: ImageOrientationPatient of all of them, six direction cosines.
        pixel_spacing_mm: PixelSpacing (0028,0030): distance between rows, then between columns.
        names: File name of each slice, for messages.

    Raises:
        SeriesError: Fewer than two slices, missing slices, uneven gaps, or slices shifted sideways.
    """
    if len(positions) < 2:
        raise SeriesError(f"{names[0]} is the only slice of its series; copy all slices into the folder")
    if len(pixel_spacing_mm) != 2 or not all(np.isfinite(s) and s > 0 for s in pixel_spacing_mm):
        raise SeriesError(
            f"(0028,0030) PixelSpacing is {list(pixel_spacing_mm)}; expected two numbers above 0"
        )
    row, column = _directions(orientation)
    normal = np.cross(row, column)
    depths = positions @ normal
    order = np.argsort(depths, kind="stable")
    gaps = np.diff(depths[order])
    _check_gaps(gaps, depths[order], [names[i] for i in order])
    spacing_mm = float(gaps.mean())
    first = positions[order[0]]
    expected = first + spacing_mm * np.arange(len(order))[:, None] * normal
    displaced = positions[order] - expected
    _check_sideways(displaced, normal, [names[i] for i in order])
    lps = np.eye(4)
    lps[:3, 0] = row * pixel_spacing_mm[1]
    lps[:3, 1] = column * pixel_spacing_mm[0]
    lps[:3, 2] = normal * spacing_mm
    lps[:3, 3] = first
    largest = float(np.linalg.norm(displaced, axis=1).max())
    low, high = float(gaps.min()), float(gaps.max())
    warnings = []
    if high - low > _UNIFORM_MM:
        warnings.append(
            f"slices lie {low:.4g} to {high:.4g} mm apart: the mean, {spacing_mm:.5g} mm, was taken, "
            f"which displaces slices by up to {largest:.2g} mm"
        )
    return Grid(
        order=tuple(int(i) for i in order),
        affine=_LPS_TO_RAS @ lps + 0.0,  # no -0.0
        gap_range_mm=(low, high),
        largest_displacement_mm=largest,
        warnings=tuple(warnings),
    )


def _directions(
    orientation: Sequence[float],
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    cosines = np.asarray(orientation, dtype=np.float64)
    name = "(0020,0037) ImageOrientationPatient"
    if cosines.shape != (6,) or not np.isfinite(cosines).all():
        raise SeriesError(
            f"{name} is {list(orientation)}; expected six direction cosines; export the series anew"
        )
    row, column = cosines[:3], cosines[3:]
    lengths = float(np.linalg.norm(row)), float(np.linalg.norm(column))
    errors = abs(lengths[0] - 1), abs(lengths[1] - 1), abs(float(row @ column))
    if max(errors) > _UNIT_TOLERANCE:
        raise SeriesError(
            f"{name} is {cosines.tolist()}, not two perpendicular unit vectors; export the series anew"
        )
    return row / lengths[0], column / lengths[1]


def _check_gaps(gaps: npt.NDArray[np.float64], depths: npt.NDArray[np.float64], names: list[str]) -> None:
    median = float(np.median(gaps))
    bad = np.flatnonzero(np.abs(gaps - median) > GAP_TOLERANCE_MM)
    if not len(bad):
        return
    whole = np.round(gaps[bad] / median)
    missing = (whole >= 2) & (np.abs(gaps[bad] - whole * median) <= GAP_TOLERANCE_MM * whole)
    places = "; ".join(_place(gaps, depths, names, int(b)) for b in bad[:_PLACES_NAMED])
    if len(bad) > _PLACES_NAMED:
        places += f"; and {len(bad) - _PLACES_NAMED} more"
    if missing.all():
        number = int((whole - 1).sum())
        slices = "1 slice is" if number == 1 else f"{number} slices are"
        raise SeriesError(
            f"{slices} missing: {places}; slices are {median:.4g} mm apart: copy the whole series"
        )
    raise SeriesError(
        f"uneven slices: {places}, where others are {median:.4g} mm apart (tolerance {GAP_TOLERANCE_MM} mm); "
        "slices of two series mixed, or missing? Reconstruct or resample to even slices"
    )


def _place(gaps: npt.NDArray[np.float64], depths: npt.NDArray[np.float64], names: list[str], at: int) -> str:
    before, after = f"{names[at]} (at {depths[at]:.2f} mm)", f"{names[at + 1]} (at {depths[at + 1]:.2f} mm)"
    return f"{gaps[at]:.4g} mm between {before} and {after}"


def _check_sideways(
    displaced: npt.NDArray[np.float64], normal: npt.NDArray[np.float64], names: list[str]
) -> None:
    sideways = np.linalg.norm(displaced - np.outer(displaced @ normal, normal), axis=1)
    worst = int(sideways.argmax())
    if sideways[worst] > GAP_TOLERANCE_MM:
        raise SeriesError(
            f"{names[worst]} lies {sideways[worst]:.3g} mm sideways of the first slice: (0020,0032) "
            "ImagePositionPatient does not follow the slice normal (tilted stack); export an untilted series"
        )
