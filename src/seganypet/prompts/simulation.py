"""Simulated clicks: where a reader would click next, given the prediction and the reference."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from seganypet.errors import GeometryError, PromptError
from seganypet.prompts.click import Click

ClickPolicy = Literal["deepest", "uniform"]
BoolArray = npt.NDArray[np.bool_]


def next_click(
    prediction: BoolArray,
    reference: BoolArray,
    *,
    spacing_mm: tuple[float, float, float],
    policy: ClickPolicy = "deepest",
    generator: np.random.Generator | None = None,
) -> Click | None:
    """Return the click a reader would make next, or None where the masks agree.

    Args:
        prediction: Current mask, bool [I, J, K]; all False before the first click.
        reference: Reference mask on the same grid.
        spacing_mm: Voxel size along i, j, k, in mm.
        policy: "deepest" clicks the voxel farthest from the border of the largest connected error; "uniform" any
            voxel in error with equal chance.
        generator: Source of randomness for "uniform"; the same seed gives the same click.

    Returns:
        A click in voxel coordinates of the given grid: positive where the prediction misses the reference, negative
        where it exceeds it [P1 Alg. 1, P2 eq. 1].

    Raises:
        GeometryError: The two masks differ in shape.
        PromptError: The policy is unknown, or "uniform" without a generator.
    """
    if prediction.shape != reference.shape:
        raise GeometryError(f"prediction of shape {prediction.shape}, reference of shape {reference.shape}")
    error = prediction != reference
    if not error.any():
        return None
    if policy == "deepest":
        ijk = deepest_voxel(_largest_error(prediction, reference), spacing_mm)
    elif policy == "uniform":
        if generator is None:
            raise PromptError(
                'policy "uniform" needs a generator, so that the same seed gives the same click'
            )
        flat = np.flatnonzero(error)
        ijk = _unravel(int(flat[generator.integers(len(flat))]), error.shape)
    else:
        raise PromptError(f'click policy "{policy}" is unknown; choose "deepest" or "uniform"')
    return Click((float(ijk[0]), float(ijk[1]), float(ijk[2])), positive=bool(reference[ijk]))


def largest_component(mask: BoolArray) -> BoolArray:
    """Return the largest 26-connected component of a mask that is not empty."""
    box = _bounding_box(mask)
    labels, count = ndimage.label(mask[box], structure=np.ones((3, 3, 3), dtype=bool))
    largest = np.zeros_like(mask)
    sizes = np.bincount(labels.ravel(), minlength=count + 1)
    largest[box] = labels == 1 + int(np.argmax(sizes[1:]))
    return largest


def deepest_voxel(mask: BoolArray, spacing_mm: tuple[float, float, float]) -> tuple[int, int, int]:
    """Return the voxel of a mask that is not empty farthest from its border, in mm; what lies outside is border."""
    box = _bounding_box(mask)
    depth = ndimage.distance_transform_edt(np.pad(mask[box], 1), sampling=spacing_mm)[1:-1, 1:-1, 1:-1]
    i, j, k = _unravel(int(np.argmax(depth)), depth.shape)
    return i + box[0].start, j + box[1].start, k + box[2].start


def _largest_error(prediction: BoolArray, reference: BoolArray) -> BoolArray:
    """Return the largest component of what is missed or of what exceeds; the two kinds never join."""
    kinds = [kind for kind in (reference & ~prediction, prediction & ~reference) if kind.any()]
    return max((largest_component(kind) for kind in kinds), key=np.count_nonzero)


def _bounding_box(mask: BoolArray) -> tuple[slice, slice, slice]:
    """Return the smallest box that holds the mask; component labels and distances need no more than that."""
    slices = []
    for axis in range(3):
        others = tuple(a for a in range(3) if a != axis)
        found = np.flatnonzero(mask.any(axis=others))
        slices.append(slice(int(found[0]), int(found[-1]) + 1))
    return slices[0], slices[1], slices[2]


def _unravel(flat: int, shape: tuple[Any, ...]) -> tuple[int, int, int]:
    i, j, k = np.unravel_index(flat, shape)
    return int(i), int(j), int(k)
