"""Lesions: blobs of raised uptake, with exact masks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from seganypet.errors import UsageError
from seganypet.phantom.anatomy.body_map import Anatomy, LabelArray
from seganypet.phantom.anatomy.warp import Field, random_lattice
from seganypet.volume import BoolArray

_VOLUME_ML = (0.3, 200.0)
_CONTRAST = (1.5, 15.0)
_MIN_RISE_SUV = 1.0
_MAX_SUV = 45.0
_MIN_VOXELS = 3
_TRIES = 30


class Lesions(NamedTuple):
    """Lesions drawn into a body.

    Attributes:
        instances: int16 [I, J, K], 1…n, 0 elsewhere; a necrotic core belongs to its lesion.
        factors: Lesion SUV over the median SUV of what it lies in, by instance.
        activity: SUV of the body with its lesions, before the scanner, float32 [I, J, K].
        cores: Necrotic cores, bool [I, J, K].
    """

    instances: LabelArray
    factors: dict[int, float]
    activity: Field
    cores: BoolArray


def body_activity(anatomy: Anatomy, uptake: Mapping[str, float]) -> Field:
    """Return the SUV of a body without lesions, float32 [I, J, K]; 0 in air.

    Raises:
        UsageError: A tissue of the body has no uptake.
    """
    missing = sorted(set(anatomy.names.values()) - set(uptake))
    if missing:
        raise UsageError(
            f"no uptake for {missing[0]} ({len(missing)} tissues); pass all names to draw_uptake"
        )
    table = np.zeros(max(anatomy.names, default=0) + 1, dtype=np.float32)
    for identifier, name in anatomy.names.items():
        table[identifier] = uptake[name]
    return np.asarray(table[anatomy.label_map])


def add_lesions(
    anatomy: Anatomy, uptake: Mapping[str, float], rng: np.random.Generator, count: int
) -> Lesions:
    """Return lesions in random places of the body, many beside or in hot organs, some in clusters.

    Volumes run from 0.3 to 200 ml, most of them small; contrasts from 1.5 to 15.

    Args:
        anatomy: Body to draw into; must hold tissue.
        uptake: SUV by tissue name.
        rng: Source of randomness.
        count: Number of lesions; fewer come back where no place was found.

    Raises:
        UsageError: The count is negative, the body is empty, or a tissue has no uptake.
    """
    if count < 0:
        raise UsageError(f"count {count} of lesions; expected 0 or more")
    activity = body_activity(anatomy, uptake)
    lesions = Lesions(
        np.zeros(anatomy.label_map.shape, dtype=np.int16),
        {},
        activity,
        np.zeros(activity.shape, dtype=np.bool_),
    )
    body = np.flatnonzero(anatomy.label_map)
    if body.size == 0:
        raise UsageError("the anatomy holds no tissue; lesions need a body")
    organs = np.flatnonzero(anatomy.label_map > 3)  # ids 1…3 are fat and muscle
    background = activity.copy()
    center: npt.NDArray[np.intp] | None = None
    for _ in range(_TRIES * count):
        if len(lesions.factors) == count:
            break
        center = _next_center(anatomy, body, organs, center, rng)
        _draw_lesion(anatomy, lesions, background, center, rng)
    return lesions


def _next_center(
    anatomy: Anatomy,
    body: npt.NDArray[np.intp],
    organs: npt.NDArray[np.intp],
    previous: npt.NDArray[np.intp] | None,
    rng: np.random.Generator,
) -> npt.NDArray[np.intp]:
    """A voxel of the body: near the last lesion, in or beside an organ, or anywhere."""
    shape = np.array(anatomy.label_map.shape)
    if previous is not None and rng.random() < 0.3:
        near = previous + np.rint(rng.normal(0, 22, 3) / anatomy.spacing_mm).astype(np.intp)
        if ((near >= 0) & (near < shape)).all() and anatomy.label_map[tuple(near)]:
            return near
    choices = organs if organs.size and rng.random() < 0.65 else body
    picked = np.unravel_index(rng.choice(choices), anatomy.label_map.shape)
    return np.array(picked, dtype=np.intp)


def _draw_lesion(
    anatomy: Anatomy,
    lesions: Lesions,
    background: Field,
    center: npt.NDArray[np.intp],
    rng: np.random.Generator,
) -> None:
    spacing = np.array(anatomy.spacing_mm)
    low, high = np.log(_VOLUME_ML)
    volume_ml = float(np.exp(low + (high - low) * rng.beta(1.1, 2.2)))
    radius = (750 * volume_ml / np.pi) ** (1 / 3)
    reach = np.ceil(2.0 * radius / spacing).astype(np.intp) + 1
    start = np.maximum(center - reach, 0)
    stop = np.minimum(center + reach + 1, anatomy.label_map.shape)
    box = tuple(slice(int(a), int(b)) for a, b in zip(start, stop, strict=True))
    depth = _blob(center - start, stop - start, spacing, radius, rng)
    # A gap of one voxel keeps neighbours apart, so that each instance is one component.
    taken = ndimage.binary_dilation(lesions.instances[box] > 0, np.ones((3, 3, 3)))
    mask = _connected((depth < 0) & (anatomy.label_map[box] > 0) & ~taken)
    voxels = int(mask.sum())
    if voxels < max(_MIN_VOXELS, 0.4 * volume_ml * 1000 / spacing.prod()):
        return
    suv, factor = _lesion_suv(float(np.median(background[box][mask])), rng)
    number = len(lesions.factors) + 1
    lesions.instances[box][mask] = number
    lesions.factors[number] = factor
    lesions.activity[box][mask] = suv
    if volume_ml > 8 and rng.random() < 0.4:
        core = mask & (depth < -radius * rng.uniform(0.35, 0.6))
        lesions.cores[box][core] = True
        lesions.activity[box][core] = suv * rng.uniform(0.15, 0.5)


def _lesion_suv(background_suv: float, rng: np.random.Generator) -> tuple[float, float]:
    """SUV of a lesion and its ratio to the background: a contrast, but a rise of 1 SUV at least."""
    low, high = np.log(_CONTRAST)
    factor = float(np.exp(low + (high - low) * rng.beta(1.3, 1.6)))
    ceiling = max(_MAX_SUV, _CONTRAST[0] * background_suv)
    suv = min(max(factor * background_suv, background_suv + _MIN_RISE_SUV), ceiling)
    return suv, suv / max(background_suv, 1e-3)


def _blob(
    center: npt.NDArray[np.intp],
    shape: npt.NDArray[np.intp],
    spacing_mm: npt.NDArray[np.float64],
    radius_mm: float,
    rng: np.random.Generator,
) -> Field:
    """Level in mm of an ellipsoid, turned and with a bumpy surface."""
    stretch = np.exp(rng.normal(0, 0.22, 3))
    radii = radius_mm * stretch / stretch.prod() ** (1 / 3)
    turn, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    x, y, z = ((np.arange(n) - c) * s for n, c, s in zip(shape, center, spacing_mm, strict=True))
    offsets = (x[:, None, None], y[None, :, None], z[None, None, :])
    square = sum(
        (sum(row[a] * offsets[a] for a in range(3)) / r) ** 2 for row, r in zip(turn, radii, strict=True)
    )
    ends = [(float(a[0]), float(a[-1])) for a in (x, y, z)]
    bumps = random_lattice(rng, [e[0] for e in ends], [e[1] for e in ends], step_mm=max(0.8 * radius_mm, 5.0))
    axes = (x.astype(np.float32), y.astype(np.float32), z.astype(np.float32))
    wobble = rng.uniform(0.2, 0.7) * bumps.on_grid(axes)[0]
    return np.asarray((np.sqrt(square) - 1 + wobble) * radius_mm, dtype=np.float32)


def _connected(mask: BoolArray) -> BoolArray:
    """The largest component of a mask."""
    labels, count = ndimage.label(mask)
    if count <= 1:
        return mask
    largest: BoolArray = labels == 1 + int(np.argmax(np.bincount(labels.ravel())[1:]))
    return largest
