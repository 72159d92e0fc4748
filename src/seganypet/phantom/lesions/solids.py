"""Random shapes of lesions: one bumpy ellipsoid, or several that have grown together."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from seganypet.phantom.lesions.plan import Blob, Mm

Offsets = npt.NDArray[np.float64]
_MOST_STRETCH = 2.2
# Centres of touching blobs lie this far apart, in sums of their radii: they overlap, so that they are one lesion.
_OVERLAP = (0.5, 0.8)
_DIRECTIONS = 12


def radius_mm(volume_ml: float) -> float:
    """Return the radius in mm of a ball of this volume."""
    return float((750 * volume_ml / np.pi) ** (1 / 3))


def reach_mm(blob: Blob) -> float:
    """Return how far a blob's surface lies from its centre at most, in mm."""
    return radius_mm(blob.volume_ml) * max(blob.stretch) * (1 + 0.5 * blob.bumpiness)


def draw_blob(
    rng: np.random.Generator,
    volume_ml: float,
    *,
    elongation: float = 0.22,
    bumpiness: tuple[float, float] = (0.1, 0.5),
    offset_mm: Mm = (0.0, 0.0, 0.0),
) -> Blob:
    """Return a random blob of this volume.

    Args:
        rng: Source of randomness.
        volume_ml: Its volume.
        elongation: Log standard deviation of its half axes.
        bumpiness: Lowest and highest depth of its bumps.
        offset_mm: Its centre along i, j, k from the lesion's.
    """
    stretch = np.exp(np.clip(rng.normal(0, elongation, 3), -np.log(_MOST_STRETCH), np.log(_MOST_STRETCH)))
    stretch /= stretch.prod() ** (1 / 3)
    turn, upper = np.linalg.qr(rng.normal(size=(3, 3)))
    turn *= np.sign(np.diag(upper))  # without these signs the turns are not uniform
    turn[0] *= np.sign(np.linalg.det(turn))
    return Blob(
        offset_mm=offset_mm,
        volume_ml=volume_ml,
        stretch=_triple(stretch),
        rotation=(_triple(turn[0]), _triple(turn[1]), _triple(turn[2])),
        bumpiness=float(rng.uniform(*bumpiness)),
        seed=int(rng.integers(2**31)),
    )


def draw_conglomerate(
    rng: np.random.Generator,
    volume_ml: float,
    count: int,
    *,
    elongation: float = 0.12,
    bumpiness: tuple[float, float] = (0.1, 0.5),
    is_allowed: Callable[[Offsets], npt.NDArray[np.bool_]] | None = None,
) -> tuple[Blob, ...]:
    """Return blobs that have grown together; each but the first overlaps one before it.

    Args:
        rng: Source of randomness.
        volume_ml: Sum of their volumes.
        count: Number of blobs.
        elongation: Log standard deviation of their half axes.
        bumpiness: Lowest and highest depth of their bumps.
        is_allowed: Whether a blob's centre may lie at these offsets in mm, [N, 3] to [N]; anywhere by default.
    """
    shares = np.sort(rng.dirichlet(np.full(count, 3.0)))[::-1]
    centers = np.zeros((1, 3))
    radii = [radius_mm(volume_ml * shares[0])]
    for share in shares[1:]:
        radius = radius_mm(volume_ml * share)
        at = int(rng.integers(len(centers)))
        apart = rng.uniform(*_OVERLAP) * (radii[at] + radius)
        directions = rng.normal(size=(_DIRECTIONS, 3))
        tries = centers[at] + apart * directions / np.linalg.norm(directions, axis=1, keepdims=True)
        good = np.flatnonzero(is_allowed(tries)) if is_allowed is not None else np.arange(1)
        centers = np.vstack((centers, tries[good[0] if good.size else 0]))
        radii.append(radius)
    return tuple(
        draw_blob(
            rng,
            float(volume_ml * share),
            elongation=elongation,
            bumpiness=bumpiness,
            offset_mm=_triple(center),
        )
        for share, center in zip(shares, centers, strict=True)
    )


def _triple(values: npt.NDArray[np.float64]) -> Mm:
    a, b, c = (float(value) for value in values)
    return a, b, c
