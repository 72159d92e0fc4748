"""Masks as bytes: one bit a voxel, the last axis fastest, the first voxel in the highest bit, zlib-compressed."""

from __future__ import annotations

import zlib

import numpy as np

from seganypet.errors import StoreError
from seganypet.volume import BoolArray

Shape = tuple[int, int, int]


def packed_bits(mask: BoolArray) -> bytes:
    """Return a mask as bits, the last axis fastest, the first voxel in the highest bit, zlib-compressed."""
    return zlib.compress(np.packbits(mask).tobytes(), 1)


def unpacked_bits(data: bytes, shape: Shape) -> BoolArray:
    """Return the mask of a shape that was packed; the inverse of `packed_bits`.

    Raises:
        StoreError: The bytes are no mask of this shape.
    """
    voxels = int(np.prod(shape))
    try:
        unpacker = zlib.decompressobj()
        raw = unpacker.decompress(data, (voxels + 7) // 8 + 1)
        if len(raw) != (voxels + 7) // 8:
            raise ValueError(f"{len(raw)} bytes for {voxels} voxels")
        if not unpacker.eof:  # its checksum, which comes last, was not compared
            raise ValueError("cut off")
    except (zlib.error, ValueError) as error:
        raise StoreError(
            f"mask of shape {shape} cannot be unpacked ({error}); send or store it anew"
        ) from error
    bits = np.unpackbits(np.frombuffer(raw, dtype=np.uint8), count=voxels)
    return bits.reshape(shape).astype(np.bool_)
