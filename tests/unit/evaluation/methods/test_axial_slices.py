"""Axial slices as radiologists see them, from arrays in any order."""

from __future__ import annotations

from itertools import permutations, product

import numpy as np
import pytest

from seganypet.analysis.views import Hanging
from seganypet.evaluation.methods.axial_slices import AxialView, Window
from seganypet.volume import Volume

SHAPE_RAS = (5, 6, 7)
AFFINE_RAS = np.array([[2.0, 0, 0, -4], [0, 3.0, 0, -9], [0, 0, 4.0, 100], [0, 0, 0, 1]])
ORDERS = [(axes, flips) for axes in permutations(range(3)) for flips in product((1, -1), repeat=3)]


def reordered(array, axes, flips):
    """The same image with its axes permuted and flipped, and its affine."""
    turned = array.transpose(axes)[tuple(slice(None, None, f) for f in flips)]
    to_ras = np.eye(4)
    to_ras[:3, :3] = 0
    for new, (old, flip) in enumerate(zip(axes, flips, strict=True)):
        to_ras[old, new] = flip
        to_ras[old, 3] = 0 if flip > 0 else array.shape[old] - 1
    return turned, AFFINE_RAS @ to_ras, np.linalg.inv(to_ras)


def view_of(affine, shape) -> AxialView:
    return AxialView(Hanging.of(Volume(np.random.default_rng(0).random(shape, np.float32), affine)))


@pytest.mark.parametrize(("axes", "flips"), ORDERS)
def test_all_48_orders_give_the_picture_that_a_radiologist_sees(axes, flips):
    ras = np.zeros(SHAPE_RAS, np.float32)
    ras[4, 1, 2] = 7  # patient's right-most, near the back, third slice from below
    array, affine, from_ras = reordered(ras, axes, flips)
    view = view_of(affine, array.shape)
    ijk = (from_ras @ [4, 1, 2, 1])[:3]
    picture = view.cut(array, view.number(ijk))
    # columns run from the patient's right (RAS i = 4) to the left, rows from front (j = 5) to back
    assert picture.shape == view.size == (6, 5)
    assert np.argwhere(picture == 7).tolist() == [[4, 0]]
    assert view.point(ijk) == (4, 0)
    assert view.pixel_mm == (3, 2)


@pytest.mark.parametrize(("axes", "flips"), ORDERS)
def test_what_is_pasted_is_what_was_cut(axes, flips):
    ras = np.random.default_rng(0).random(SHAPE_RAS) > 0.5
    array, affine, _ = reordered(ras, axes, flips)
    view = view_of(affine, array.shape)
    copy = np.zeros(array.shape, bool)
    for number in range(SHAPE_RAS[2]):
        view.paste(copy, number, view.cut(array, number))
    np.testing.assert_array_equal(copy, array)


def test_an_oblique_grid_keeps_its_slices():
    turn = np.deg2rad(20)
    around_x = np.array([[1, 0, 0], [0, np.cos(turn), -np.sin(turn)], [0, np.sin(turn), np.cos(turn)]])
    affine = np.eye(4)
    affine[:3, :3] = around_x @ np.diag([-2, 3, 4])
    view = view_of(affine, SHAPE_RAS)
    array = np.arange(np.prod(SHAPE_RAS)).reshape(SHAPE_RAS)
    # i runs to the left already, j to the front, k to the head
    np.testing.assert_array_equal(view.cut(array, 0), array[:, ::-1, -1].T)
    assert view.pixel_mm == pytest.approx((3, 2))


def test_the_slice_of_a_click_is_the_nearest():
    view = view_of(AFFINE_RAS, SHAPE_RAS)
    assert [view.number((0, 0, k)) for k in (-0.5, 2.4, 2.6, 6.49, 9)] == [6, 4, 3, 0, 0]


def test_the_window_by_hand():
    suv = np.arange(-200, 1001, dtype=np.float32)  # above 0 the percentiles of 1 to 1000: 5.995 and 995.005
    window = Window.of(suv)
    assert window.black == pytest.approx(5.995, abs=1e-3)
    assert window.white == pytest.approx(995.005, abs=1e-3)
    assert window.picture(np.array([-3.0, 0, 5.995, 500.5, 995.1, 5000])).tolist() == [0, 0, 0, 128, 255, 255]


def test_a_scan_without_uptake_is_black():
    window = Window.of(np.array([-1.0, 0.0], np.float32))
    assert window.picture(np.array([-1.0, 0.0])).tolist() == [0, 0]
