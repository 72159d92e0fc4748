"""The common grid of several scales: where it lies, and that nothing moves on the way to it."""

from __future__ import annotations

import numpy as np
import pytest

from seganypet.inference.frame import Frame
from seganypet.inference.tiling import LogitBox
from seganypet.prompts import Click


def box_with(target: tuple[slice, slice, slice], start=(4, 6, 8), size=(16, 16, 16)) -> LogitBox:
    logits = np.full(size, -1.0, np.float32)
    logits[target] = 1.0
    return LogitBox(start, logits, np.ones(size, bool))


def test_around_masks_and_clicks_by_hand():
    """At scale 2 voxels 4+2 to 4+5 are voxels 12 to 18 of the network's own grid; 3 more on each side."""
    box = box_with((slice(2, 5), slice(0, 4), slice(1, 2)))
    frame = Frame.around({2.0: [box]}, [Click((30.0, 14.0, 19.0))])
    assert frame == Frame(1, (9, 9, 15), (34 - 9, 23 - 9, 23 - 15))


def test_a_long_target_is_seen_in_larger_voxels():
    box = box_with((slice(0, 120), slice(0, 4), slice(0, 4)), start=(0, 0, 0), size=(120, 8, 8))
    frame = Frame.around({1.0: [box]}, [Click((5.0, 2.0, 2.0))])
    assert frame.edge == 2
    assert frame.start == (-2, -2, -2)
    assert frame.size == (64, 6, 6)


def test_without_a_mask_it_lies_around_the_clicks():
    empty = box_with((slice(0, 0),) * 3)
    frame = Frame.around({1.0: [empty], 2.0: []}, [Click((5.0, 6.0, 7.0))])
    assert frame == Frame(1, (2, 3, 4), (7, 7, 7))
    assert frame.voxel_of(Click((5.0, 6.0, 7.0))) == (3, 3, 3)


def test_clicks_by_hand_the_nearest_voxel_for_those_beyond():
    frame = Frame(2, (1, 1, 1), (4, 4, 4))
    assert frame.voxel_of(Click((2.0, 3.4, 3.6))) == (0, 0, 1)
    assert frame.voxel_of(Click((0.0, 99.0, 9.0))) == (0, 3, 3)


@pytest.mark.parametrize("scale", [2.0, 4.0, 0.5])
@pytest.mark.parametrize("edge", [1, 2])
def test_logits_of_every_scale_keep_their_place_in_the_body(scale, edge):
    """A linear function of the place in mm is the same function on every grid; outside the box nothing is known."""
    own, start, size = 4.0, (3, 5, 2), (12, 10, 14)
    grids = [own * scale * (np.arange(n) + a + 0.5) for n, a in zip(size, start, strict=True)]
    field = sum(w * g for w, g in zip((1.0, -2.0, 0.5), np.meshgrid(*grids, indexing="ij"), strict=True))
    box = LogitBox(start, field.astype(np.float32), np.ones(size, bool))
    first, count = tuple(round((s + 2) * scale / edge) for s in start), (3, 2, 1)
    found = Frame(edge, first, count).crop([box], scale)
    places = [own * edge * (np.arange(n) + a + 0.5) for n, a in zip(count, first, strict=True)]
    expected = sum(w * g for w, g in zip((1.0, -2.0, 0.5), np.meshgrid(*places, indexing="ij"), strict=True))
    np.testing.assert_allclose(found, expected, rtol=1e-4)
    assert not Frame(edge, (500, 0, 0), count).crop([box], scale).any()
