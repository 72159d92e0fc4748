"""Voxels of a body that belong to a station."""

from __future__ import annotations

import functools
from fnmatch import fnmatchcase
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.spatial import cKDTree

from seganypet.errors import UsageError
from seganypet.phantom.anatomy.body_map import Anatomy
from seganypet.phantom.lesions.stations import (
    OUTSIDE,
    STATIONS,
    Bound,
    Near,
    Patterns,
    Region,
    Station,
)

Points = npt.NDArray[np.float64]
Indices = npt.NDArray[np.intp]
_CANDIDATES = 6_000
_MORE_CANDIDATES = 30_000
_ENOUGH = 100
_LANDMARKS = 3_000
_MIDLINE: Patterns = ("vertebrae_*", "sacrum", "spinal_cord", "trachea", "brain*", "skull")
_MIDLINE_STEP_MM = 40.0


class Candidates(NamedTuple):
    """Places for a lesion's centre.

    Attributes:
        ijk: Voxel coordinates, [N, 3].
        xyz_mm: The same in the world.
        side: -1 left, 1 right.
    """

    ijk: Indices
    xyz_mm: Points
    side: npt.NDArray[np.int64]

    def only(self, kept: npt.NDArray[np.bool_]) -> Candidates:
        """Return those of the places that are kept, bool [N]."""
        return Candidates(self.ijk[kept], self.xyz_mm[kept], self.side[kept])


class BodyVoxels:
    """The voxels of a body by tissue, and random samples of them.

    Args:
        anatomy: The body.
        rng: Source of randomness of the samples.

    Attributes:
        tissues: Names of the tissues that the body holds, sorted.

    Raises:
        UsageError: The body is empty.
    """

    def __init__(self, anatomy: Anatomy, rng: np.random.Generator) -> None:
        self.anatomy = anatomy
        self._rng = rng
        labels = anatomy.label_map.ravel()
        voxels = np.flatnonzero(labels > 0)
        if voxels.size == 0:
            raise UsageError("the anatomy holds no tissue; lesions need a body")
        inside = labels[voxels]
        self._voxels = voxels[np.argsort(inside, kind="stable")]
        ends = np.concatenate(([0], np.cumsum(np.bincount(inside))))
        self._spans = {
            name: (int(ends[identifier]), int(ends[identifier + 1]))
            for identifier, name in anatomy.names.items()
            if 0 < identifier < len(ends) - 1 and ends[identifier] < ends[identifier + 1]
        }
        self.tissues = tuple(sorted(self._spans))
        self._samples: dict[tuple[Patterns, int], Indices] = {}
        self._landmarks: dict[Patterns, Points] = {}
        self._trees: dict[Patterns, cKDTree] = {}
        self._found: dict[str, Candidates] = {}
        self._midline: tuple[Points, Points] | None = None

    def matching(self, patterns: Patterns) -> tuple[str, ...]:
        """Return the body's tissues whose names match, sorted; * stands for anything, ! for "but not"."""
        return _matching(self.tissues, patterns)

    def world(self, ijk: Indices) -> Points:
        """Return world coordinates in mm, [N, 3], of voxel coordinates."""
        affine = self.anatomy.affine
        world: Points = ijk @ affine[:3, :3].T + affine[:3, 3]
        return world

    def candidates(self, station: str) -> Candidates:
        """Return random voxels of a station; none where the body lacks the tissues that make it up."""
        if station not in self._found:
            self._found[station] = self._find(STATIONS[station])
        return self._found[station]

    def _find(self, station: Station) -> Candidates:
        found = np.zeros((0, 3), dtype=np.intp)
        for region in station.regions:
            for size in (_CANDIDATES, _MORE_CANDIDATES):
                found = self._in_region(region, size)
                if len(found) >= _ENOUGH or not (region.near or region.bounds):
                    break
            if len(found):
                break
        xyz = self.world(found)
        return Candidates(found, xyz, self._side(found, xyz))

    def _in_region(self, region: Region, size: int) -> Indices:
        ijk = self._sample(region.hosts, size)
        xyz = self.world(ijk)
        for bound in region.bounds:
            kept = self._beyond(bound, xyz)
            ijk, xyz = ijk[kept], xyz[kept]
        for near in region.near:
            kept = self._close(near, xyz)
            ijk, xyz = ijk[kept], xyz[kept]
        return ijk

    def _sample(self, patterns: Patterns, size: int) -> Indices:
        """Random voxels of tissues, [N, 3], some of them twice; all of them, once, where there are few."""
        key = (patterns, size)
        if key not in self._samples:
            spans = [self._spans[name] for name in self.matching(patterns)]
            counts = np.array([stop - start for start, stop in spans], dtype=np.intp)
            total = int(counts.sum())
            picked = np.arange(total) if total <= size else np.sort(self._rng.integers(0, total, size))
            before = np.concatenate(([0], np.cumsum(counts)))
            span = np.searchsorted(before, picked, side="right") - 1
            starts = np.array([start for start, _ in spans], dtype=np.intp)
            flat = self._voxels[starts[span] + picked - before[span]] if total else picked
            self._samples[key] = np.stack(np.unravel_index(flat, self.anatomy.label_map.shape), axis=1)
        return self._samples[key]

    def _landmark(self, patterns: Patterns) -> Points:
        if patterns not in self._landmarks:
            is_air = patterns == (OUTSIDE,)
            ijk = self._skin_of_air() if is_air else self._sample(patterns, _LANDMARKS)
            self._landmarks[patterns] = self.world(ijk)
        return self._landmarks[patterns]

    def _skin_of_air(self) -> Indices:
        """Voxels of air that touch the body within an axial slice, [N, 3]."""
        body = self.anatomy.label_map > 0
        air = np.zeros_like(body)
        air[:-1] |= body[1:]
        air[1:] |= body[:-1]
        air[:, :-1] |= body[:, 1:]
        air[:, 1:] |= body[:, :-1]
        flat = np.flatnonzero(air & ~body)
        flat = flat[self._rng.integers(0, flat.size, 4 * _LANDMARKS)] if flat.size else flat
        return np.stack(np.unravel_index(flat, body.shape), axis=1)

    def _beyond(self, bound: Bound, xyz: Points) -> npt.NDArray[np.bool_]:
        along = self._landmark(bound.tissues)[:, bound.axis]
        if not len(along):
            return np.zeros(len(xyz), dtype=np.bool_)
        at = along.min() + bound.at * (along.max() - along.min()) + bound.offset_mm
        beyond: npt.NDArray[np.bool_] = bound.side * (xyz[:, bound.axis] - at) > 0
        return beyond

    def _close(self, near: Near, xyz: Points) -> npt.NDArray[np.bool_]:
        landmark = self._landmark(near.tissues)
        if not len(landmark):
            return np.full(len(xyz), np.isinf(near.within_mm))
        if near.tissues not in self._trees:
            self._trees[near.tissues] = cKDTree(landmark)
        # Distances beyond what matters come back as infinite, which is much faster to find.
        reach = near.within_mm if np.isfinite(near.within_mm) else near.beyond_mm
        low, high = landmark.min(axis=0) - reach, landmark.max(axis=0) + reach
        boxed = ((xyz >= low) & (xyz <= high)).all(axis=1)
        distance = np.full(len(xyz), np.inf)
        found, _ = self._trees[near.tissues].query(xyz[boxed], distance_upper_bound=reach + 1e-6)
        distance[boxed] = found
        close: npt.NDArray[np.bool_] = distance >= near.beyond_mm
        return close & (distance <= near.within_mm) if np.isfinite(near.within_mm) else close

    def _side(self, ijk: Indices, xyz: Points) -> npt.NDArray[np.int64]:
        """The side that the tissue's name says, otherwise that of the midline at its height."""
        if self._midline is None:
            self._midline = self._find_midline()
        heights, middles = self._midline
        side = np.where(xyz[:, 0] > np.interp(xyz[:, 2], heights, middles), 1, -1)
        names = self.anatomy.names
        table = np.zeros(max(names) + 1, dtype=np.int64)
        for identifier, name in names.items():
            table[identifier] = ("_right" in name) - int("_left" in name)
        named = table[self.anatomy.label_map[tuple(ijk.T)]]
        return np.where(named != 0, named, side)

    def _find_midline(self) -> tuple[Points, Points]:
        """The x of the body's middle at some heights, in mm."""
        points = self._landmark(_MIDLINE)
        if not len(points):
            points = self._landmark(("*",)).mean(axis=0, keepdims=True)
        steps = np.floor((points[:, 2] - points[:, 2].min()) / _MIDLINE_STEP_MM).astype(np.intp)
        counts = np.bincount(steps)
        filled = counts > 0
        heights = points[:, 2].min() + (np.flatnonzero(filled) + 0.5) * _MIDLINE_STEP_MM
        return heights, np.bincount(steps, weights=points[:, 0])[filled] / counts[filled]


@functools.lru_cache(maxsize=1024)
def _matching(tissues: tuple[str, ...], patterns: Patterns) -> tuple[str, ...]:
    wanted = [p for p in patterns if not p.startswith("!")]
    but = [p[1:] for p in patterns if p.startswith("!")]
    return tuple(
        name
        for name in tissues
        if any(fnmatchcase(name, p) for p in wanted) and not any(fnmatchcase(name, p) for p in but)
    )
