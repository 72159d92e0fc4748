"""Simulated boxes: what a reader would draw around the target, more or less tightly."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from seganypet.errors import PromptError
from seganypet.prompts.box import Box
from seganypet.prompts.regions import BoolArray, bounding_box

_JITTERS_TRIED = 8

Faces = npt.NDArray[np.int64]


def simulated_box(
    reference: BoolArray, *, generator: np.random.Generator | None = None, jitter: float = 0.0
) -> Box:
    """Return the box a reader would draw: the smallest that holds the target, each face moved by chance.

    Args:
        reference: The target, bool [I, J, K], not empty.
        generator: Source of randomness for the jitter; the same seed gives the same box.
        jitter: How far a face may move in or out, as a share of the box's side along that axis, from 0 (not at all) to
            0.5. Each of the six faces moves on its own, evenly spread over that reach, rounded to voxels; the reach is
            one voxel at least, so that the boxes of small targets vary as well.

    Returns:
        First and last voxel of the box, whole numbers. It lies within the array, is never inverted and holds a voxel
        of the target: where chance gives no such box another is tried, a few times, then it is the smallest one.

    Raises:
        PromptError: The reference is empty, the jitter lies outside 0 to 0.5, or it lacks a generator.
    """
    if not 0 <= jitter <= 0.5:
        raise PromptError(f"box jitter of {jitter}; expected a share of the box's side from 0 to 0.5")
    if not reference.any():
        raise PromptError(
            "the reference is empty: there is nothing to draw a box around; leave this target out"
        )
    box = bounding_box(reference)
    faces = np.array([[along.start for along in box], [along.stop - 1 for along in box]], dtype=np.int64)
    if jitter > 0:
        if generator is None:
            raise PromptError(
                f"box jitter of {jitter} needs a generator, so that the same seed gives the same box"
            )
        faces = _jittered(faces, reference, jitter, generator)
    first, last = faces.tolist()
    return Box(tuple(first), tuple(last))


def _jittered(faces: Faces, reference: BoolArray, jitter: float, generator: np.random.Generator) -> Faces:
    """Return the faces of a box [first or last, axis] moved by chance, or unmoved where no try leads to a fair box."""
    reach = np.maximum(jitter * (faces[1] - faces[0] + 1), 1.0)
    offsets = np.rint(generator.uniform(-reach, reach, (_JITTERS_TRIED, 2, 3))).astype(np.int64)
    for first, last in np.clip(faces + offsets, 0, np.array(reference.shape) - 1):
        if reference[tuple(map(slice, first, last + 1))].any():  # an inverted box holds no voxel at all
            return np.stack([first, last])
    return faces
