"""What the brush paints."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seganypet.app.brush import painted
from seganypet.errors import PromptError
from seganypet.volume import Volume
from small_server import oblique

SHAPE = (9, 10, 8)
# Voxels of 2 × 3 × 4 mm; the first voxel's centre lies at (-8, 30, 100).
AFFINE = np.array([[2.0, 0, 0, -8], [0, 3, 0, 30], [0, 0, 4, 100], [0, 0, 0, 1]])
ACROSS = {"sagittal": 0, "coronal": 1, "axial": 2}


def volume(affine=AFFINE, shape=SHAPE) -> Volume:
    return Volume(np.arange(np.prod(shape), dtype=np.float32).reshape(shape) / 100, affine)


VOLUME = volume()


def mm(*ijk) -> tuple[float, float, float]:
    return VOLUME.to_xyz_mm(ijk)


def voxels(mask) -> list[list[int]]:
    return np.argwhere(mask).tolist()


def offsets(mask, *centre) -> set[tuple[int, ...]]:
    return {tuple(v) for v in (np.argwhere(mask) - centre).tolist()}


def test_a_dot_is_a_ball_in_mm():
    # Of radius 4.5 mm: two voxels of 2 mm along i, one of 3 along j, one of 4 along k;
    # (1, 1, 0) is 3.6 mm away, (2, 1, 0) 5 mm, (1, 0, 1) 4.47 mm, (0, 1, 1) 5 mm.
    found = offsets(painted(VOLUME, [mm(4, 5, 3)], 4.5), 4, 5, 3)
    axes = {(0, 0, 0), (1, 0, 0), (2, 0, 0), (0, 1, 0), (0, 0, 1)}
    quarter = axes | {(1, 1, 0), (1, 0, 1)}
    expected = {
        (a * i, b * j, c * k) for i, j, k in quarter for a in (1, -1) for b in (1, -1) for c in (1, -1)
    }
    assert found == expected
    assert len(found) == 1 + 2 + 2 + 2 + 2 + 4 + 4


@pytest.mark.parametrize(
    ("plane", "expected"),
    [
        # Of 3 mm: ±1 voxel of 2 mm, ±1 of 3 mm, none of 4 mm; 2 and 3 mm across are 3.6 mm.
        ("axial", {(0, 0, 0), (1, 0, 0), (-1, 0, 0), (0, 1, 0), (0, -1, 0)}),
        ("coronal", {(0, 0, 0), (1, 0, 0), (-1, 0, 0)}),
        ("sagittal", {(0, 0, 0), (0, 1, 0), (0, -1, 0)}),
    ],
)
def test_a_dot_in_a_plane_is_a_disc_in_its_one_slice(plane, expected):
    assert offsets(painted(VOLUME, [mm(4, 5, 3)], 3.0, plane), 4, 5, 3) == expected


def test_a_line_paints_all_between_its_corners():
    mask = painted(VOLUME, [mm(1, 2, 3), mm(6, 2, 3), mm(6, 5, 3)], 0.5)
    assert voxels(mask) == [[i, 2, 3] for i in range(1, 6)] + [[6, j, 3] for j in range(2, 6)]


def test_a_line_that_leaves_the_volume_is_painted_as_far_as_it_goes():
    mask = painted(VOLUME, [mm(6, 2, 3), mm(30, 2, 3), mm(30, 50, 3)], 0.5)
    assert voxels(mask) == [[6, 2, 3], [7, 2, 3], [8, 2, 3]]


def test_a_line_in_a_plane_stays_in_the_slice_of_its_first_point():
    mask = painted(VOLUME, [mm(1, 2, 3.2), mm(4, 2, 7)], 0.5, "axial")
    assert voxels(mask) == [[i, 2, 3] for i in range(1, 5)]


@pytest.mark.parametrize("plane", [None, *ACROSS])
@pytest.mark.parametrize("ijk", [(0, 0, 0), (8, 9, 7), (4.4, 4.6, 2.5), (-0.5, 9.5, 7.4)])
def test_a_dot_smaller_than_a_voxel_paints_the_voxel_that_holds_it(plane, ijk):
    held = np.clip(np.floor(np.add(ijk, 0.5)), 0, np.subtract(SHAPE, 1)).astype(int).tolist()
    found = voxels(painted(VOLUME, [mm(*ijk)], 0.01, plane))
    assert held in found
    assert len(found) == 1


@pytest.mark.parametrize(("plane", "across"), ACROSS.items())
def test_an_oblique_volume_is_painted_in_a_slice_of_its_voxels_and_round_in_mm(plane, across):
    turned = volume(oblique(), (20, 18, 16))
    mask = painted(turned, [turned.to_xyz_mm((10.3, 8.8, 8.2))], 20.0, plane)
    centre = np.array([10.3, 8.8, 8.2])
    centre[across] = round(centre[across])
    grid = np.stack(np.indices((20, 18, 16)), axis=-1)
    near = np.linalg.norm((grid - centre) * 4, axis=-1) <= 20
    np.testing.assert_array_equal(mask, near & (grid[..., across] == centre[across]))


@settings(deadline=None, max_examples=60)
@given(st.data())
def test_exactly_the_voxels_within_the_radius_are_painted(data):
    """Against every voxel's distance to every piece of the line."""
    scan = volume(data.draw(st.sampled_from([AFFINE, oblique()])))
    inside = st.tuples(*(st.floats(0, n - 1) for n in SHAPE))
    around = st.tuples(*(st.floats(-5, n + 5) for n in SHAPE))
    corners = [data.draw(inside), *data.draw(st.lists(around, max_size=3))]
    points = [np.array(scan.to_xyz_mm(corner)) for corner in corners]
    radius = data.draw(st.floats(0.1, 12))
    centres = np.array([scan.to_xyz_mm(v) for v in np.ndindex(SHAPE)])
    distance = np.min(
        [from_piece(centres, *piece) for piece in pairwise([points[0], *points])], axis=0
    ).reshape(SHAPE)
    mask = painted(scan, points, radius)
    grid = np.stack(np.indices(SHAPE), axis=-1)
    off_centre = np.min([np.abs(grid - corner).max(axis=-1) for corner in corners], axis=0)
    assert mask[distance < radius - 1e-6].all()
    assert mask[off_centre < 0.5 - 1e-6].all()
    assert not mask[(distance > radius + 1e-6) & (off_centre > 0.5 + 1e-6)].any()


def from_piece(centres, first, last):
    """Return how far points lie from a piece of a line."""
    along = last - first
    squared = along @ along
    share = np.clip((centres - first) @ along / squared, 0, 1) if squared > 0 else np.zeros(len(centres))
    return np.linalg.norm(centres - first - share[:, None] * along, axis=1)


@pytest.mark.parametrize("points", [[], [(1.0, 2.0)], [(0.0, 40.0, 110.0), (0.0, float("nan"), 0.0)]])
def test_what_is_no_line_is_refused(points):
    with pytest.raises(PromptError, match="three finite world coordinates"):
        painted(VOLUME, points, 5.0)


@pytest.mark.parametrize("ijk", [(-0.6, 5, 5), (4, 5, 7.6)])
def test_a_line_that_begins_outside_is_refused(ijk):
    with pytest.raises(PromptError, match=r"stroke begins at voxel \(.*\), outside the volume of shape"):
        painted(VOLUME, [mm(*ijk), mm(4, 5, 3)], 20.0)


@pytest.mark.parametrize("far", [1e7, -1e200, 1.7e308])
def test_a_corner_beyond_all_measure_is_refused(far):
    with pytest.raises(PromptError, match="farther than a kilometre"):
        painted(VOLUME, [mm(4, 5, 3), (0.0, far, 112.0)], 0.5)
