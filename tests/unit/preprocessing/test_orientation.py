"""Canonical orientation: nearest to RAS+, nothing moves in the world, the way back is exact."""

from __future__ import annotations

import itertools

import nibabel as nib
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seganypet.errors import GeometryError
from seganypet.preprocessing import canonical_orientation

SIGNED_PERMUTATIONS = list(
    itertools.product(itertools.permutations(range(3)), itertools.product((1.0, -1.0), repeat=3))
)
CODES = [
    "".join(ends) for axes in itertools.permutations(("RL", "AP", "SI")) for ends in itertools.product(*axes)
]
SHAPE = (4, 5, 6)


def rotation(degrees: tuple[float, float, float]) -> np.ndarray:
    """Rotation about x, then y, then z."""
    matrix = np.eye(3)
    for axis, angle in enumerate(np.radians(degrees)):
        a, b = [n for n in range(3) if n != axis]
        turn = np.eye(3)
        turn[a, a] = turn[b, b] = np.cos(angle)
        turn[a, b], turn[b, a] = -np.sin(angle), np.sin(angle)
        matrix = turn @ matrix
    return matrix


@st.composite
def affines(draw: st.DrawFn) -> np.ndarray:
    """Any of the 48 orientations, tilted by up to 15 degrees about each axis, anisotropic."""
    permutation, signs = draw(st.sampled_from(SIGNED_PERMUTATIONS))
    spacing_mm = draw(st.tuples(*[st.floats(1.0, 6.0)] * 3))
    degrees = draw(st.tuples(*[st.floats(-15, 15)] * 3))
    affine = np.eye(4)
    signed = np.zeros((3, 3))
    signed[permutation, range(3)] = signs
    affine[:3, :3] = rotation(degrees) @ signed * spacing_mm
    affine[:3, 3] = draw(st.tuples(*[st.floats(-500, 500)] * 3))
    return affine


def test_there_are_48_orientations():
    assert len(set(SIGNED_PERMUTATIONS)) == len(set(CODES)) == 48


@pytest.mark.parametrize(("permutation", "signs"), SIGNED_PERMUTATIONS)
def test_each_axis_aligned_grid_becomes_ras(permutation, signs):
    spacing_mm = (2.0, 3.0, 5.0)
    affine = np.eye(4)
    affine[:3, :3] = 0
    affine[permutation, range(3)] = np.multiply(signs, spacing_mm)
    orientation = canonical_orientation(affine, SHAPE)
    expected = np.zeros(3)
    expected[list(permutation)] = spacing_mm
    np.testing.assert_array_equal(orientation.affine[:3, :3], np.diag(expected))


@pytest.mark.parametrize("code", CODES)
def test_any_order_that_is_asked_for_is_given(code):
    affine = np.eye(4)
    affine[:3, :3] = rotation((8.0, -5.0, 11.0)) @ np.array([[0, -2, 0], [0, 0, 3], [4, 0, 0]])
    assert nib.aff2axcodes(canonical_orientation(affine, SHAPE, code).affine) == tuple(code)


@pytest.mark.parametrize("code", CODES)
def test_another_order_is_what_nibabel_makes_of_it(code):
    affine = np.array([[0.0, -2, 0, 7], [0, 0, 3, 8], [4, 0, 0, 9], [0, 0, 0, 1]])
    array = np.arange(120).reshape(SHAPE)
    wanted = nib.Nifti1Image(array.astype(np.int16), affine).as_reoriented(
        nib.orientations.ornt_transform(
            nib.io_orientation(affine), nib.orientations.axcodes2ornt(tuple(code))
        )
    )
    orientation = canonical_orientation(affine, SHAPE, code)
    np.testing.assert_array_equal(orientation.apply(array), np.asarray(wanted.dataobj))
    np.testing.assert_array_equal(orientation.affine, wanted.affine)


def test_lps_image_by_hand():
    # column runs to the left, row to the back: i and j flip; the first voxel was at (30, 40, -50) mm
    affine = np.array([[-2.0, 0, 0, 30], [0, -3, 0, 40], [0, 0, 5, -50], [0, 0, 0, 1]])
    orientation = canonical_orientation(affine, SHAPE)
    assert orientation.axes == (0, 1, 2)
    assert orientation.flips == (True, True, False)
    np.testing.assert_array_equal(orientation.affine[:3, 3], (30 - 2 * 3, 40 - 3 * 4, -50))
    np.testing.assert_array_equal(orientation.apply_ijk((0, 0, 0)), (3, 4, 0))


def test_coronal_acquisition_by_hand():
    # i -> superior downwards, j -> right, k -> anterior
    affine = np.array([[0.0, 2, 0, 0], [0, 0, 3, 0], [-4, 0, 0, 0], [0, 0, 0, 1]])
    orientation = canonical_orientation(affine, SHAPE)
    assert orientation.axes == (1, 2, 0)
    assert orientation.flips == (False, False, True)
    assert orientation.shape == (5, 6, 4)
    array = np.arange(120).reshape(SHAPE)
    assert orientation.apply(array)[1, 2, 0] == array[3, 1, 2]


def test_equal_cosines_use_each_world_axis_once():
    affine = np.eye(4)
    affine[:3, :3] = rotation((0.0, 0.0, 45.0))
    orientation = canonical_orientation(affine, SHAPE)
    assert sorted(orientation.axes) == [0, 1, 2]
    assert np.linalg.det(orientation.affine[:3, :3]) == pytest.approx(1.0)
    assert np.diag(orientation.affine)[:3].min() > 0.7


@pytest.mark.parametrize("rounding", [-1e-12, 0.0, 1e-12])
def test_rounding_in_the_affine_does_not_decide_a_tie(rounding):
    affine = np.eye(4)
    affine[:2, :2] = [[1, 1 + rounding], [1, -1]]
    assert canonical_orientation(affine, SHAPE).axes == (0, 1, 2)


@settings(deadline=None)
@given(affine=affines(), code=st.sampled_from(CODES))
def test_marker_stays_at_its_world_position(affine, code):
    orientation = canonical_orientation(affine, SHAPE, code)
    marker = (1, 3, 2)
    array = np.zeros(SHAPE, dtype=np.float32)
    array[marker] = 1
    found = np.argwhere(orientation.apply(array))[0]
    np.testing.assert_allclose(orientation.affine @ [*found, 1], affine @ [*marker, 1], atol=1e-9)
    np.testing.assert_array_equal(orientation.apply_ijk(marker), found)
    np.testing.assert_array_equal(orientation.invert_ijk(found), marker)


@settings(deadline=None)
@given(affine=affines())
def test_reoriented_axes_point_right_anterior_superior(affine):
    directions = canonical_orientation(affine, SHAPE).affine[:3, :3]
    cosines = directions / np.linalg.norm(directions, axis=0)
    assert np.diag(cosines).min() > 0.7  # 15 degrees about each axis add up to less than 27


@settings(deadline=None)
@given(affine=affines(), code=st.sampled_from(CODES))
def test_invert_undoes_apply_without_copying(affine, code):
    orientation = canonical_orientation(affine, SHAPE, code)
    array = np.arange(120.0).reshape(SHAPE)
    reoriented = orientation.apply(array)
    assert reoriented.shape == orientation.shape
    assert np.shares_memory(reoriented, array)
    np.testing.assert_array_equal(orientation.invert(reoriented), array)


@settings(deadline=None)
@given(affine=affines(), code=st.sampled_from(CODES), ijk=st.tuples(*[st.floats(-10, 10)] * 3))
def test_invert_ijk_undoes_apply_ijk(affine, code, ijk):
    orientation = canonical_orientation(affine, SHAPE, code)
    np.testing.assert_allclose(orientation.invert_ijk(orientation.apply_ijk(ijk)), ijk, atol=1e-9)


def test_apply_ijk_takes_many_points():
    orientation = canonical_orientation(np.diag([-1.0, 1, 1, 1]), SHAPE)
    points = np.zeros((2, 7, 3))
    assert orientation.apply_ijk(points).shape == (2, 7, 3)
    assert (orientation.apply_ijk(points)[..., 0] == 3).all()


@settings(deadline=None)
@given(affine=affines(), code=st.sampled_from(CODES), data=st.data())
def test_invert_box_says_where_a_box_came_from(affine, code, data):
    orientation = canonical_orientation(affine, SHAPE, code)
    start = tuple(data.draw(st.integers(0, n - 1)) for n in orientation.shape)
    stop = tuple(data.draw(st.integers(s, n)) for s, n in zip(start, orientation.shape, strict=True))
    array = np.arange(120).reshape(SHAPE)
    box = orientation.apply(array)[tuple(slice(a, b) for a, b in zip(start, stop, strict=True))]
    slices, native = orientation.invert_box(box, start)
    np.testing.assert_array_equal(array[slices], native)


def test_refuses_an_array_of_another_shape():
    orientation = canonical_orientation(np.eye(4)[[1, 0, 2, 3]], SHAPE)
    with pytest.raises(GeometryError, match=r"\(4, 5, 7\).*native shape \(4, 5, 6\)"):
        orientation.apply(np.zeros((4, 5, 7)))
    with pytest.raises(GeometryError, match="reoriented shape"):
        orientation.invert(np.zeros((4, 5, 7)))


def test_refuses_a_box_beyond_the_grid():
    orientation = canonical_orientation(np.eye(4), SHAPE)
    with pytest.raises(GeometryError, match="box from 3 to 5 on axis 0"):
        orientation.invert_box(np.zeros((2, 2, 2)), (3, 0, 0))
    with pytest.raises(GeometryError, match="box from -1"):
        orientation.invert_box(np.zeros((2, 2, 2)), (0, -1, 0))


@pytest.mark.parametrize("shape", [(4, 5), (4, 0, 6), (4, 5, 6, 1)])
def test_refuses_a_shape_that_is_no_grid(shape):
    with pytest.raises(GeometryError, match="three positive numbers"):
        canonical_orientation(np.eye(4), shape)


def test_refuses_a_singular_affine():
    with pytest.raises(GeometryError, match="singular"):
        canonical_orientation(np.diag([1.0, 1, 0, 1]), SHAPE)


@pytest.mark.parametrize("code", ["", "RA", "RAX", "RRS", "RLS", "ras", "RASS"])
def test_refuses_a_code_that_is_no_orientation(code):
    with pytest.raises(GeometryError, match="one letter each of R/L, A/P and S/I"):
        canonical_orientation(np.eye(4), SHAPE, code)
