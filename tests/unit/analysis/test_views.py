"""How a volume hangs: left on the right, whatever the file's order of axes."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seganypet.analysis.views import Hanging, body_box, letters, outline, projection, slice_at
from seganypet.volume import Volume

SHAPE_RAS, SPACING_MM = (5, 6, 7), (2.0, 3.0, 4.0)
ORIENTATIONS = list(itertools.product(itertools.permutations(range(3)), itertools.product((1, -1), repeat=3)))


def oriented(axes, signs, hot_ras) -> Volume:
    """Return a volume with one hot voxel, given in RAS order, stored along other axes."""
    array = np.zeros(SHAPE_RAS, dtype=np.float32)
    array[hot_ras] = 1.0
    stored = array.transpose(axes)[tuple(slice(None, None, sign) for sign in signs)]
    affine = np.eye(4)
    affine[:3, :3] = 0
    for native, (world, sign) in enumerate(zip(axes, signs, strict=True)):
        affine[world, native] = sign * SPACING_MM[world]
        affine[world, 3] = 0.0 if sign > 0 else (SHAPE_RAS[world] - 1) * SPACING_MM[world]
    return Volume(stored, affine)


@pytest.mark.parametrize(("axes", "signs"), ORIENTATIONS)
def test_a_hot_voxel_hangs_alike_in_all_48_orientations(axes, signs):
    volume = oriented(axes, signs, (1, 4, 5))  # left of the middle, in front, above
    hanging = Hanging.of(volume)
    hung = hanging.array(volume.array)
    assert hanging.shape == SHAPE_RAS
    assert hanging.spacing_mm == pytest.approx(SPACING_MM)
    # To the left 4 - 1, to the back 5 - 4, downwards 6 - 5.
    assert tuple(np.argwhere(hung == 1)[0]) == (3, 1, 1)
    native = np.argwhere(volume.array == 1)[0]
    assert hanging.point(native) == (3, 1, 1)
    assert hanging.native((3, 1, 1)) == tuple(native)


@given(
    orientation=st.sampled_from(ORIENTATIONS),
    ijk=st.tuples(*(st.floats(-3, 10, allow_nan=False) for _ in range(3))),
)
def test_native_undoes_point(orientation, ijk):
    hanging = Hanging.of(oriented(*orientation, (0, 0, 0)))
    assert hanging.native(hanging.point(ijk)) == pytest.approx(ijk)


def test_an_oblique_grid_takes_its_nearest_axes():
    angle = np.deg2rad(20)
    affine = np.eye(4)
    affine[:2, :2] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    array = np.zeros((3, 3, 3), dtype=np.float32)
    array[0, 0, 0] = 1
    assert Hanging.of(Volume(array, affine)).axes == (0, 1, 2)


def test_views_have_the_left_on_the_right_and_the_front_on_the_left():
    hung = np.zeros((4, 5, 6), dtype=np.float32)  # left, posterior, inferior
    hung[3, 0, 5] = 1  # far left, in front, at the feet
    assert np.argwhere(slice_at(hung, "axial", 5)).tolist() == [[0, 3]]  # top, right
    assert np.argwhere(slice_at(hung, "coronal", 0)).tolist() == [[5, 3]]  # bottom, right
    assert np.argwhere(slice_at(hung, "sagittal", 3)).tolist() == [[5, 0]]  # bottom, left
    assert letters("axial") == ("R", "L", "A", "P")
    assert letters("coronal") == ("R", "L", "S", "I")
    assert letters("sagittal") == ("A", "P", "S", "I")


def test_a_projection_keeps_the_maximum_along_the_line_of_sight():
    hung = np.zeros((2, 3, 4), dtype=np.float32)
    hung[1, :, 2] = [1, 7, 3]
    view = projection(hung, "coronal")
    assert view.shape == (4, 2)
    assert view[2, 1] == 7
    assert view.sum() == 7


def test_outline_of_one_voxel_is_its_four_edges():
    mask = np.zeros((3, 4), dtype=bool)
    mask[1, 2] = True
    edges = {tuple(sorted(map(tuple, segment))) for segment in outline(mask).tolist()}
    left, right, top, bottom = 1.5, 2.5, 0.5, 1.5
    assert edges == {
        ((left, top), (right, top)),
        ((left, bottom), (right, bottom)),
        ((left, top), (left, bottom)),
        ((right, top), (right, bottom)),
    }


def test_outline_closes_at_the_border_and_skips_inner_edges():
    assert len(outline(np.ones((2, 3), dtype=bool))) == 10  # perimeter
    assert outline(np.zeros((2, 3), dtype=bool)).shape == (0, 2, 2)


def test_body_box_leaves_out_air_and_stray_noise():
    hung = np.zeros((20, 20, 20), dtype=np.float32)
    hung[5:10, 6:12, 0:15] = 1.0
    hung[19, 19, 19] = 3.0  # one voxel of 400 in its planes
    assert body_box(hung) == [(5, 9), (6, 11), (0, 14)]


def test_body_box_is_everything_where_nothing_is_above_air():
    assert body_box(np.zeros((3, 4, 5), dtype=np.float32)) == [(0, 2), (0, 3), (0, 4)]
