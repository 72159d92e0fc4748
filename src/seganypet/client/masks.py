"""Masks between the server's grid and the file's own, and as the bits that go over HTTP."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

import numpy as np

from seganypet.io.packed_bits import Shape, packed_bits, unpacked_bits
from seganypet.preprocessing.cropping import bounding_box
from seganypet.preprocessing.orientation import Orientation
from seganypet.volume import BoolArray

Bits = Mapping[str, Any]
"""A box of voxels of the server's grid: start, shape, and bits in base64."""


class OwnMask:
    """A mask on the file's own grid, which follows the changes that the server tells of.

    Args:
        orientation: From the file's own grid to the server's.
    """

    def __init__(self, orientation: Orientation) -> None:
        self._orientation = orientation
        self._inside = np.zeros(orientation.native_shape, dtype=np.bool_)

    @property
    def array(self) -> BoolArray:
        """The mask, bool [I, J, K] in the file's own voxel order, read-only: it follows no further change."""
        inside = self._inside.copy()
        inside.setflags(write=False)
        return inside

    def turn(self, change: Bits | None) -> None:
        """Turn over the voxels of a change; None changes nothing."""
        if change is not None:
            start, flipped = unpacked(change)
            place, own = self._orientation.invert_box(flipped, start)
            self._inside[place] ^= own

    def equals(self, mask: Bits | None) -> bool:
        """Return whether this is the mask that the server has; None is an empty one."""
        other = OwnMask(self._orientation)
        other.turn(mask)
        return np.array_equal(self._inside, other._inside)


def packed(mask: BoolArray, orientation: Orientation) -> dict[str, Any]:
    """Return a mask that is not empty for the wire.

    Args:
        mask: bool [I, J, K] in the file's own voxel order.
        orientation: From there to the server's grid.
    """
    turned = orientation.apply(mask)
    box = bounding_box(turned)
    assert box is not None, "an empty mask is refused before"
    inside = np.ascontiguousarray(turned[box])
    return {
        "start": [part.start for part in box],
        "shape": list(inside.shape),
        "bits": base64.b64encode(packed_bits(inside)).decode(),
    }


def unpacked(bits: Bits) -> tuple[Shape, BoolArray]:
    """Return the first voxel of a box of the server's grid, and its voxels.

    Raises:
        StoreError: The bits are damaged.
    """
    (i, j, k), (a, b, c) = bits["start"], bits["shape"]
    return (i, j, k), unpacked_bits(base64.b64decode(bits["bits"]), (a, b, c))
