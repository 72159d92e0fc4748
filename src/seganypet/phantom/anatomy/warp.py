"""Smooth random fields on a coarse lattice, and the invertible warp made of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

Axes = tuple[npt.NDArray[np.float32], npt.NDArray[np.float32], npt.NDArray[np.float32]]
Field = npt.NDArray[np.float32]
Points = npt.NDArray[np.float64]


_CLOSE_MM = 0.02  # far below any voxel


@dataclass(frozen=True, eq=False)
class Lattice:
    """Cubic B-spline coefficients on a regular lattice: a smooth function of the position in mm.

    Attributes:
        origin_mm: Position of the first coefficient.
        step_mm: Distance between coefficients, the same along all axes.
        coefficients: float32 [C, A, B, D], C components.
    """

    origin_mm: tuple[float, float, float]
    step_mm: float
    coefficients: Field

    def on_grid(self, axes: Axes) -> Field:
        """Return the field at every combination of three world coordinates, float32 [C, I, J, K]."""
        b = [
            _basis(axis, self.origin_mm[at], self.step_mm, self.coefficients.shape[at + 1])
            for at, axis in enumerate(axes)
        ]
        field = np.einsum("cabd,ia,jb->cijd", self.coefficients, b[0], b[1], optimize=True)
        return np.asarray(field @ b[2].T, dtype=np.float32)

    def at(self, points_mm: Points) -> Points:
        """Return the field at points [N, 3] in mm, float64 [N, C]."""
        shape = np.array(self.coefficients.shape[1:])
        t = (points_mm - self.origin_mm) / self.step_mm
        t = np.clip(t, 1.0, shape - 2 - 1e-6).T
        # With prefilter off, an order-3 interpolation is the cubic B-spline of these coefficients.
        return np.stack(
            [
                ndimage.map_coordinates(c, t, output=np.float64, order=3, prefilter=False)
                for c in self.coefficients
            ],
            axis=1,
        )


def random_lattice(
    rng: np.random.Generator,
    low_mm: Sequence[float],
    high_mm: Sequence[float],
    *,
    step_mm: float,
    components: int = 1,
) -> Lattice:
    """Return a lattice of uniform random coefficients in -1…1 that covers a box in mm."""
    counts = [int(np.ceil((high - low) / step_mm)) + 4 for low, high in zip(low_mm, high_mm, strict=True)]
    coefficients = rng.uniform(-1.0, 1.0, (components, *counts)).astype(np.float32)
    origin = (low_mm[0] - step_mm, low_mm[1] - step_mm, low_mm[2] - step_mm)
    return Lattice((float(origin[0]), float(origin[1]), float(origin[2])), step_mm, coefficients)


def random_warp(
    rng: np.random.Generator,
    low_mm: Sequence[float],
    high_mm: Sequence[float],
    *,
    amplitude_mm: float = 15.0,
    step_mm: float = 90.0,
) -> Lattice:
    """Return a displacement field of at most `amplitude_mm` per axis.

    A cubic B-spline displacement is invertible where its coefficients stay below step / 2.48
    (Choi & Lee, Graphical Models 2000), hence the cap.
    """
    amplitude_mm = min(amplitude_mm, step_mm / 2.5)
    lattice = random_lattice(rng, low_mm, high_mm, step_mm=step_mm, components=3)
    return Lattice(lattice.origin_mm, step_mm, lattice.coefficients * np.float32(amplitude_mm))


def unwarp(warp: Lattice, points_mm: Points, *, iterations: int = 9) -> Points:
    """Return the points that the warp (x + field(x)) carries to the given ones, float64 [N, 3]."""
    moved = points_mm.copy()
    for _ in range(iterations):
        before, moved = moved, points_mm - warp.at(moved)
        if np.abs(moved - before).max(initial=0.0) < _CLOSE_MM:
            break
    return moved


def _basis(positions: npt.NDArray[np.floating], origin: float, step: float, count: int) -> Field:
    """Cubic B-spline weights of `count` coefficients at each position, [N, count]."""
    t = (np.asarray(positions, dtype=np.float64) - origin) / step
    t = np.clip(t, 1.0, count - 2 - 1e-6)  # beyond the lattice: the value at its border
    distance = np.abs(t[:, None] - np.arange(count)[None, :])
    near = 2 / 3 - distance**2 + distance**3 / 2
    far = np.clip(2 - distance, 0, None) ** 3 / 6
    return np.where(distance < 1, near, far).astype(np.float32)
