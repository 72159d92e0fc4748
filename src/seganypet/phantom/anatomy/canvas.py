"""`Canvas`: a label map to paint organs on, in the coordinates of one standard body."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from seganypet.phantom.anatomy.body_map import Anatomy, LabelArray
from seganypet.phantom.anatomy.posture import Posture
from seganypet.phantom.anatomy.tissues import FILLERS, TISSUE_IDS, TISSUES
from seganypet.phantom.anatomy.warp import Axes, Field, Lattice, Points, unwarp
from seganypet.volume import BoolArray

Slices = tuple[slice, slice, slice]
Vector = Sequence[float] | npt.NDArray[np.float64]
# A level is negative inside a shape and grows outwards, in mm or in any unit that grows alike.
Level = Callable[[Field, Field, Field], Field]
_GROWTH = 1.35  # how far a tube may widen to reach its volume
_STEPS_MM = (3.0, 8.0)  # between a tube's balls, by how thick it is
_SAMPLES = 5  # per edge of a box, to see where the posture carries it


@dataclass(frozen=True)
class AxisMap:
    """Monotonic piecewise-linear map between world and standard-body coordinates along one axis."""

    world: tuple[float, ...]
    standard: tuple[float, ...]

    def to_standard(self, values: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
        """Return standard coordinates of world coordinates, in mm; extrapolates linearly."""
        return _interpolate(values, np.asarray(self.world), np.asarray(self.standard))

    def to_world(self, values: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
        """Return world coordinates of standard coordinates, in mm; extrapolates linearly."""
        return _interpolate(values, np.asarray(self.standard), np.asarray(self.world))


class Canvas:
    """A label map in world space whose voxels know their place in the standard body.

    The standard body is 1750 mm tall; x grows to the right, y to the front, z from the soles up.
    Painting never displaces an organ that is there already, only the tissues that fill space, and leaves
    out the tissues of `kept`: those that a given label map drew itself.

    Args:
        affine: Diagonal RAS+ affine of the map.
        shape: Number of voxels.
        maps: World to standard body along x, y, z.
        warp: Displacement in world mm, applied before the maps.
        posture: Bend of head and spine, applied after the maps; none by default.
    """

    def __init__(
        self,
        affine: npt.NDArray[np.float64],
        shape: Sequence[int],
        maps: tuple[AxisMap, AxisMap, AxisMap],
        warp: Lattice,
        posture: Posture | None = None,
    ) -> None:
        self.affine = affine
        self.spacing_mm = np.diag(affine)[:3].copy()
        self.label_map: LabelArray = np.zeros(tuple(shape), dtype=np.int16)
        x, y, z = (
            (affine[at, 3] + self.spacing_mm[at] * np.arange(shape[at])).astype(np.float32) for at in range(3)
        )
        self.axes: Axes = (x, y, z)
        self.kept: frozenset[str] = frozenset()
        self._maps = maps
        self._warp = warp
        self._posture = posture or Posture()
        self._standard = self._standard_coordinates()
        self._reach_mm = float(np.abs(warp.coefficients).max(initial=0.0))

    @property
    def voxel_ml(self) -> float:
        """Volume of one voxel, in ml."""
        return float(self.spacing_mm.prod()) / 1000.0

    def box(self, low: Vector, high: Vector) -> Slices:
        """Return the slices that hold a box given in the standard body, whatever the warp."""
        corners = np.array([low, high], dtype=np.float64)
        edges = np.linspace(corners[0], corners[1], _SAMPLES)
        samples = np.stack(np.meshgrid(*edges.T, indexing="ij"), axis=-1)
        bent = self._posture.bend(samples.reshape(-1, 3))
        spans = []
        for at in range(3):
            ends = self._maps[at].to_world(np.array([bent[:, at].min(), bent[:, at].max()]))
            first = (ends.min() - self._reach_mm - self.affine[at, 3]) / self.spacing_mm[at]
            last = (ends.max() + self._reach_mm - self.affine[at, 3]) / self.spacing_mm[at]
            count = self.label_map.shape[at]
            start = int(np.clip(np.floor(first), 0, count))
            spans.append(slice(start, int(np.clip(np.ceil(last) + 1, start, count))))
        return spans[0], spans[1], spans[2]

    def coordinates(self, box: Slices) -> tuple[Field, Field, Field]:
        """Return standard-body x, y, z of the voxels of a box, each float32."""
        x, y, z = (self._standard[(at, *box)] for at in range(3))
        return x, y, z

    def to_world(self, points: Points) -> Points:
        """Return world positions, in mm, of standard-body points [N, 3]."""
        bent = self._posture.bend(points)
        straight = np.stack([self._maps[at].to_world(bent[:, at]) for at in range(3)], axis=1)
        return unwarp(self._warp, straight)

    def fill(
        self,
        name: str,
        level: Level,
        low: Vector,
        high: Vector,
        *,
        volume_ml: float | None = None,
        over: Iterable[str] = FILLERS,
        outside: bool = False,
        most: float = float("inf"),
    ) -> None:
        """Paint a shape: where its level is negative, or the innermost `volume_ml` of it.

        Args:
            name: Tissue to paint.
            level: Function of x, y, z in the standard body, negative inside.
            low: Lower corner of a box that holds the shape, in the standard body.
            high: Upper corner.
            volume_ml: Grow or shrink the shape, along its level, to this volume.
            over: Tissues it may displace.
            outside: Whether it may also grow outside what is painted so far.
            most: Level it may grow to at most, even if it stays smaller than asked for.
        """
        box = self.box(low, high)
        if 0 in self.label_map[box].shape or name in self.kept:
            return
        depth = level(*self.coordinates(box))
        free = self._free(box, over, outside)
        threshold = 0.0 if volume_ml is None else self._threshold(depth[free], volume_ml)
        self.label_map[box][free & (depth < min(threshold, most))] = TISSUE_IDS[name]

    def tube(
        self,
        name: str,
        points: Points,
        radius_mm: float | npt.NDArray[np.float64],
        *,
        over: Iterable[str] = FILLERS,
        volume_ml: float | None = None,
    ) -> None:
        """Paint a tube of balls along a polyline of standard-body points [N, 3].

        Args:
            name: Tissue to paint.
            points: Course of the tube's middle.
            radius_mm: Radius in world mm, one or one per point.
            over: Tissues it may displace.
            volume_ml: Scale the radii, by a third up or down to nothing, to this volume.
        """
        if name in self.kept:
            return
        box, level = self.tube_level(points, radius_mm, reach=1.0 if volume_ml is None else _GROWTH)
        free = self._free(box, over, False)
        threshold = 1.0 if volume_ml is None else min(self._threshold(level[free], volume_ml), _GROWTH)
        self.label_map[box][free & (level < threshold)] = TISSUE_IDS[name]

    def tube_level(
        self, points: Points, radius_mm: float | npt.NDArray[np.float64], *, reach: float = 1.0
    ) -> tuple[Slices, Field]:
        """Return a box and, in it, the distance to a polyline over the radius, up to `reach`; inf beyond."""
        dense, radii = _densify(points, np.broadcast_to(radius_mm, len(points)))
        world = self.to_world(dense)
        radii = np.maximum(radii, 0.6 * self.spacing_mm.max())  # thinner ones would fall between voxels
        spans = [
            np.searchsorted(axis, np.stack([world[:, at] - reach * radii, world[:, at] + reach * radii]))
            for at, axis in enumerate(self.axes)
        ]
        first = [int(span[0].min()) for span in spans]
        box = tuple(slice(f, int(span[1].max())) for f, span in zip(first, spans, strict=True))
        level = np.full([max(s.stop - s.start, 0) for s in box], np.inf, dtype=np.float32)
        squares = [
            [
                ((axis[a:b] - np.float32(p)) / np.float32(r)) ** 2
                for a, b, p, r in zip(*span.tolist(), world[:, at], radii, strict=True)
            ]
            for at, (axis, span) in enumerate(zip(self.axes, spans, strict=True))
        ]
        starts = [(span[0] - f).tolist() for span, f in zip(spans, first, strict=True)]
        for i, j, k, x2, y2, z2 in zip(*starts, *squares, strict=True):
            part = level[i : i + len(x2), j : j + len(y2), k : k + len(z2)]
            np.minimum(part, (x2[:, None] + y2[None, :])[:, :, None] + z2, out=part)
        np.sqrt(level, out=level)
        return (box[0], box[1], box[2]), level

    def anatomy(self) -> Anatomy:
        """Return what is painted."""
        present = np.flatnonzero(np.bincount(self.label_map.ravel()))
        return Anatomy(self.label_map, self.affine, {int(at): TISSUES[at - 1] for at in present if at})

    def _standard_coordinates(self) -> Field:
        world = self._warp.on_grid(self.axes)
        for at, axis in enumerate(self.axes):
            shape = [1, 1, 1]
            shape[at] = -1
            world[at] += axis.reshape(shape)
            if len(self._maps[at].world) == 2:
                (w0, w1), (s0, s1) = self._maps[at].world, self._maps[at].standard
                slope = (s1 - s0) / (w1 - w0)
                world[at] *= np.float32(slope)
                world[at] += np.float32(s0 - slope * w0)
            else:
                world[at] = self._maps[at].to_standard(world[at])
        self._posture.unbend(world)
        return world

    def _free(self, box: Slices, over: Iterable[str], outside: bool) -> BoolArray:
        table = np.zeros(len(TISSUES) + 1, dtype=np.bool_)
        table[[TISSUE_IDS[name] for name in over]] = True
        table[0] = outside
        free: BoolArray = table[self.label_map[box]]
        return free

    def _threshold(self, depths: Field, volume_ml: float) -> float:
        count = round(volume_ml / self.voxel_ml)
        if count >= depths.size:
            return float("inf")
        return float(np.partition(depths, count)[count])


def _densify(points: Points, radii: npt.NDArray[np.float64]) -> tuple[Points, npt.NDArray[np.float64]]:
    """Points and radii along a polyline, so close that balls around them make a smooth tube."""
    step_mm = float(np.clip(0.5 * radii.min(), *_STEPS_MM))
    lengths = np.linalg.norm(np.diff(points, axis=0), axis=1)
    along = np.concatenate([[0.0], np.cumsum(lengths)])
    at = np.linspace(0.0, along[-1], max(int(np.ceil(along[-1] / step_mm)) + 1, 2))
    dense = np.stack([np.interp(at, along, points[:, axis]) for axis in range(3)], axis=1)
    return dense, np.interp(at, along, radii)


def _interpolate(
    values: npt.NDArray[np.floating], source: npt.NDArray[np.float64], target: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """Piecewise-linear interpolation that goes on with the slope of its ends."""
    first = (target[1] - target[0]) / (source[1] - source[0])
    last = (target[-1] - target[-2]) / (source[-1] - source[-2])
    inside = np.interp(values, source, target)
    before, after = np.minimum(values - source[0], 0), np.maximum(values - source[-1], 0)
    return np.asarray(inside + first * before + last * after, dtype=np.float64)
