"""What a figure shows of a scan: how it hangs, where to cut, how far to look, how dark to print."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from seganypet.analysis.views import Box, Hanging, Plane, across, body_box
from seganypet.errors import GeometryError, PromptError, UsageError
from seganypet.volume import BoolArray, FloatArray, Mask, Volume

# SUV shown black, at least and at most: the latter is how FDG is usually read.
_NARROWEST_SUV, _WIDEST_SUV = 3.0, 7.0
_AIR_SUV = 0.3
_MARGIN_MM = 15.0
# Coronal and sagittal slices show at least this much of the body's length, and the target with some room.
_LEAST_LENGTH_MM, _ROOM = 320.0, 1.6

Point = tuple[float, float, float]
Voxel = tuple[int, int, int]
Points = list[npt.NDArray[Any]]


class ClickLike(Protocol):
    """A click: a voxel coordinate, and whether it is inside the target."""

    @property
    def ijk(self) -> Point:
        """Voxel coordinate in the volume's own order."""

    @property
    def positive(self) -> bool:
        """True inside the target."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Scene:
    """All that is drawn, with axes left, posterior, inferior.

    Attributes:
        volume: The scan, in its own order.
        hanging: How it was turned.
        suv: Its turned array.
        masks: Turned masks by name.
        clicks: Voxel of each click, and whether it is positive.
        centre: Voxel that the slices go through.
        whole: Part that the projections show, first and last voxel along each axis.
        near: Part that the slices show.
        window_suv: SUV shown black.
    """

    volume: Volume
    hanging: Hanging
    suv: FloatArray
    masks: Mapping[str, BoolArray]
    clicks: Sequence[tuple[Point, bool]]
    centre: Voxel
    whole: Box
    near: Box
    window_suv: float

    @property
    def spacing_mm(self) -> tuple[float, float, float]:
        """Voxel size to the left, posterior and inferior, in mm."""
        return self.hanging.spacing_mm

    def position(self, plane: Plane) -> str:
        """Return where a plane's slice lies: native voxel index, and world position in mm."""
        axis = across(plane)
        ijk = self.hanging.native(self.centre)
        native, mm = self.hanging.axes[axis], self.volume.to_xyz_mm(ijk)[axis]
        return f"{'ijk'[native]} = {ijk[native]:.0f} ({'xyz'[axis]} = {mm:.0f} mm)"


def scene_of(volume: Volume, masks: Mapping[str, Mask], clicks: Sequence[ClickLike]) -> Scene:
    """Return what to draw; the slices go through the newest positive click, or the centre of the masks.

    Raises:
        GeometryError: A mask is on another grid.
        PromptError: A click lies outside the volume.
        UsageError: Neither masks nor clicks are given.
    """
    _check(volume, masks, clicks)
    hanging = Hanging.of(volume)
    suv: FloatArray = hanging.array(volume.array)
    turned = {name: hanging.array(mask.array) for name, mask in masks.items()}
    points = [(hanging.point(click.ijk), click.positive) for click in clicks]
    centre = _centre(suv.shape, turned, points)
    return Scene(
        volume=volume,
        hanging=hanging,
        suv=suv,
        masks=turned,
        clicks=points,
        centre=centre,
        whole=_whole(suv, turned, points, hanging.spacing_mm),
        near=_near(suv, turned, centre, hanging.spacing_mm),
        window_suv=_window(suv),
    )


def _check(volume: Volume, masks: Mapping[str, Mask], clicks: Sequence[ClickLike]) -> None:
    if not masks and not clicks:
        raise UsageError("a figure needs a mask or a click to show; give at least one")
    for name, mask in masks.items():
        if not mask.has_grid_of(volume):
            raise GeometryError(
                f'mask "{name}" of shape {mask.shape} is not on the grid of the volume, of shape {volume.shape}; '
                "resample it"
            )
    for click in clicks:
        if not volume.contains(click.ijk):
            raise PromptError(f"click at voxel {click.ijk} is outside the volume of shape {volume.shape}")


def _centre(
    shape: tuple[int, ...], masks: Mapping[str, BoolArray], clicks: Sequence[tuple[Point, bool]]
) -> Voxel:
    positive = [point for point, is_positive in clicks if is_positive]
    if positive:
        point: Sequence[float] = positive[-1]
    elif any(mask.any() for mask in masks.values()):
        point = np.argwhere(np.any(list(masks.values()), axis=0)).mean(axis=0).tolist()
    else:
        point = [(n - 1) / 2 for n in shape]
    a, b, c = (min(max(int(np.floor(p + 0.5)), 0), n - 1) for p, n in zip(point, shape, strict=True))
    return a, b, c


def _whole(
    suv: FloatArray,
    masks: Mapping[str, BoolArray],
    clicks: Sequence[tuple[Point, bool]],
    spacing_mm: Sequence[float],
) -> Box:
    """Return the body, all masks and clicks, and a margin."""
    points: Points = [np.asarray(point) for point, _ in clicks]
    for mask in masks.values():
        if mask.any():
            points += list(_bounds(mask))
    return _widened(body_box(suv, above_suv=_AIR_SUV), points, spacing_mm, suv.shape)


def _near(suv: FloatArray, masks: Mapping[str, BoolArray], centre: Voxel, spacing_mm: Sequence[float]) -> Box:
    """Return some length of the body around the centre, with the target there."""
    through = [_bounds(mask) for mask in masks.values() if mask[centre]]
    extent_mm = max((float(np.ptp(bounds[:, 2])) * spacing_mm[2] for bounds in through), default=0.0)
    half = max(_LEAST_LENGTH_MM, _ROOM * extent_mm) / 2 / spacing_mm[2]
    end = suv.shape[2] - 1
    middle = min(max(centre[2], half), max(end - half, half))
    first, last = max(round(middle - half), 0), min(round(middle + half), end)
    body = body_box(suv[:, :, first : last + 1], above_suv=_AIR_SUV)[:2]
    points: Points = [np.asarray(centre), *(corner for bounds in through for corner in bounds)]
    return [*_widened(body, points, spacing_mm, suv.shape), (first, last)]


def _widened(box: Box, points: Points, spacing_mm: Sequence[float], shape: Sequence[int]) -> Box:
    """Return a box that holds the points too, with a margin, as far as the volume goes."""
    shown = []
    for axis, (first, last) in enumerate(box):
        margin = round(_MARGIN_MM / spacing_mm[axis])
        low = min([first, *(int(p[axis]) for p in points)]) - margin
        high = max([last, *(int(p[axis]) for p in points)]) + margin
        shown.append((max(low, 0), min(high, shape[axis] - 1)))
    return shown


def _bounds(mask: BoolArray) -> npt.NDArray[np.intp]:
    """Return the first and the last voxel of a mask that is not empty, [2, 3]."""
    found = [np.flatnonzero(mask.any(axis=tuple(a for a in range(3) if a != axis))) for axis in range(3)]
    return np.array([[f[0] for f in found], [f[-1] for f in found]])


def _window(suv: FloatArray) -> float:
    """Return what three voxels in a thousand of the body exceed, within the usual bounds."""
    body = suv[suv > _AIR_SUV]
    if not body.size:
        return _NARROWEST_SUV
    return float(np.clip(np.ceil(np.percentile(body, 99.7)), _NARROWEST_SUV, _WIDEST_SUV))
