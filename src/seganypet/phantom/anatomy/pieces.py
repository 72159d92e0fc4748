"""Organs in one piece."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from seganypet.phantom.anatomy.canvas import Canvas
from seganypet.phantom.anatomy.tissues import TISSUE_IDS


def keep_largest_piece(canvas: Canvas, name: str, *, instead: str) -> None:
    """Turn what is cut off from the largest piece of a tissue into another one, in place; never of a given map."""
    if name in canvas.kept:
        return
    tissue = canvas.label_map == TISSUE_IDS[name]
    spans = ndimage.find_objects(tissue.astype(np.int8))
    if not spans:
        return
    pieces, count = ndimage.label(tissue[spans[0]], np.ones((3, 3, 3)))
    if count > 1:
        largest = 1 + int(np.argmax(np.bincount(pieces.ravel())[1:]))
        canvas.label_map[spans[0]][(pieces > 0) & (pieces != largest)] = TISSUE_IDS[instead]
