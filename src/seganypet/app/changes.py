"""What an action changes of a mask: the voxels that turn over, so that doing it once more takes it back."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from seganypet.errors import UsageError
from seganypet.io.packed_bits import Shape, packed_bits, unpacked_bits
from seganypet.preprocessing.cropping import bounding_box
from seganypet.volume import BoolArray


@dataclass(frozen=True, eq=False)
class Change:
    """The voxels of a box that turn over, from outside to inside the mask or back.

    Attributes:
        start: First voxel of the box.
        flipped: bool [a, b, c], the voxels of the box that turn over.
    """

    start: Shape
    flipped: BoolArray

    @property
    def shape(self) -> Shape:
        """Number of voxels of the box along each axis."""
        a, b, c = self.flipped.shape
        return a, b, c

    @property
    def slices(self) -> tuple[slice, slice, slice]:
        """Where the box lies."""
        i, j, k = (slice(first, first + n) for first, n in zip(self.start, self.shape, strict=True))
        return i, j, k

    def packed(self) -> bytes:
        """Return the flips as bits, the last axis fastest, the first voxel in the highest bit, zlib-compressed."""
        return packed_bits(self.flipped)

    @classmethod
    def unpacked(cls, start: Shape, shape: Shape, data: bytes) -> Change:
        """Return the change that was packed; the inverse of `packed`.

        Raises:
            StoreError: The bytes are no such change.
        """
        return cls(start, unpacked_bits(data, shape))

    @classmethod
    def between(cls, before: BoolArray, after: BoolArray) -> Change | None:
        """Return what turns one mask into another, or None where they are equal.

        Args:
            before: bool [I, J, K].
            after: Likewise.
        """
        differs = before ^ after
        box = bounding_box(differs)
        if box is None:
            return None
        i, j, k = (part.start for part in box)
        return cls((i, j, k), differs[box].copy())


class ObjectMask:
    """The mask of an object, kept as the box that holds all its changes so far.

    Args:
        shape: Of the whole grid.
    """

    def __init__(self, shape: Shape) -> None:
        self.shape = shape
        self._start: Shape = (0, 0, 0)
        self._inside: BoolArray = np.zeros((0, 0, 0), dtype=np.bool_)

    def turn(self, change: Change) -> None:
        """Apply a change; a second time, take it back.

        Raises:
            UsageError: It reaches beyond the grid.
        """
        stop = np.add(change.start, change.shape)
        if min(change.start) < 0 or (stop > self.shape).any():
            raise UsageError(
                f"change from {change.start} of {change.shape} voxels reaches beyond the grid of {self.shape}"
            )
        self._make_room(change)
        box = tuple(
            slice(first - own, first - own + n)
            for first, own, n in zip(change.start, self._start, change.shape, strict=True)
        )
        self._inside[box] ^= change.flipped

    def array(self) -> BoolArray:
        """Return the mask on the whole grid, bool [I, J, K]."""
        whole = np.zeros(self.shape, dtype=np.bool_)
        whole[
            tuple(slice(first, first + n) for first, n in zip(self._start, self._inside.shape, strict=True))
        ] = self._inside
        return whole

    def any(self) -> bool:
        """Return whether there is a voxel inside."""
        return bool(self._inside.any())

    def box(self) -> Change | None:
        """Return the mask as the change that makes it out of nothing, or None where it is empty."""
        box = bounding_box(self._inside) if self._inside.size else None
        if box is None:
            return None
        i, j, k = (part.start + own for part, own in zip(box, self._start, strict=True))
        return Change((i, j, k), self._inside[box].copy())

    def _make_room(self, change: Change) -> None:
        if not self._inside.size:
            self._start, self._inside = change.start, np.zeros(change.shape, dtype=np.bool_)
            return
        first = np.minimum(self._start, change.start)
        stop = np.maximum(np.add(self._start, self._inside.shape), np.add(change.start, change.shape))
        if (first == self._start).all() and (stop - first == self._inside.shape).all():
            return
        room = np.zeros(stop - first, dtype=np.bool_)
        old = tuple(
            slice(own - at, own - at + n)
            for own, at, n in zip(self._start, first, self._inside.shape, strict=True)
        )
        room[old] = self._inside
        i, j, k = (int(c) for c in first)
        self._start, self._inside = (i, j, k), room
