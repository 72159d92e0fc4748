import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage

from seganypet.phantom.anatomy.canvas import AxisMap, Canvas
from seganypet.phantom.anatomy.posture import Posture, draw_posture
from seganypet.phantom.anatomy.shapes import ellipsoid
from seganypet.phantom.anatomy.tissues import TISSUE_IDS
from seganypet.phantom.anatomy.warp import random_warp

IDENTITY = AxisMap((0.0, 1000.0), (0.0, 1000.0))
LOW, HIGH = (-60.0, -60.0, -60.0), (60.0, 60.0, 60.0)


def blank(spacing=3.0, amplitude_mm=0.0, maps=(IDENTITY,) * 3, posture=None, middle=(0.0, 0.0, 0.0), seed=3):
    affine = np.diag([spacing] * 3 + [1.0])
    affine[:3, 3] = np.array(middle) - 60
    warp = random_warp(np.random.default_rng(seed), LOW, HIGH, amplitude_mm=amplitude_mm)
    return Canvas(affine, [int(120 / spacing) + 1] * 3, maps, warp, posture)


@given(value=st.floats(-3000, 3000), knots=st.lists(st.floats(1, 500), min_size=4, max_size=4))
def test_axis_map_is_its_own_inverse(value, knots):
    axis = AxisMap((0.0, knots[0], knots[0] + knots[1]), (10.0, 10 + knots[2], 10 + knots[2] + knots[3]))
    there = axis.to_standard(np.array([value]))
    assert axis.to_world(there)[0] == pytest.approx(value, abs=1e-3)


def test_fill_paints_a_sphere_of_its_own_volume():
    canvas = blank()
    canvas.fill("liver", ellipsoid((0, 0, 0), (30, 30, 30)), LOW, HIGH, outside=True)
    volume_ml = (canvas.label_map == TISSUE_IDS["liver"]).sum() * canvas.voxel_ml
    assert volume_ml == pytest.approx(4 / 3 * np.pi * 27, rel=0.03)


def test_fill_grows_to_the_volume_asked_for():
    canvas = blank(amplitude_mm=8)
    canvas.fill("liver", ellipsoid((0, 0, 0), (10, 20, 20)), LOW, HIGH, outside=True, volume_ml=80.0)
    volume_ml = (canvas.label_map == TISSUE_IDS["liver"]).sum() * canvas.voxel_ml
    assert volume_ml == pytest.approx(80.0, abs=2 * canvas.voxel_ml)


def test_organs_do_not_displace_organs():
    canvas = blank()
    canvas.fill("liver", ellipsoid((0, 0, 0), (20, 20, 20)), LOW, HIGH, outside=True)
    before = (canvas.label_map == TISSUE_IDS["liver"]).sum()
    canvas.fill("spleen", ellipsoid((10, 0, 0), (20, 20, 20)), LOW, HIGH, outside=True)
    assert (canvas.label_map == TISSUE_IDS["liver"]).sum() == before
    assert (canvas.label_map == TISSUE_IDS["spleen"]).any()


def test_kept_tissues_are_not_painted():
    canvas = blank()
    canvas.kept = frozenset({"liver"})
    canvas.fill("liver", ellipsoid((0, 0, 0), (20, 20, 20)), LOW, HIGH, outside=True)
    canvas.tube("liver", np.array([(0.0, 0, 0), (10.0, 0, 0)]), 5.0)
    assert not canvas.label_map.any()


def test_tube_follows_its_course_through_the_warp():
    canvas = blank(amplitude_mm=12)
    point = np.array([(10.0, -15.0, 20.0)])
    box, level = canvas.tube_level(np.concatenate([point, point + 0.01]), 6.0)
    x, y, z = canvas.coordinates(box)
    center = np.array([c[level < 1].mean() for c in (x, y, z)])
    np.testing.assert_allclose(center, point[0], atol=1.5)


def test_tube_widens_or_shrinks_to_the_volume_asked_for():
    course = np.array([(-40.0, 0, 0), (40.0, 0, 0)])
    for volume_ml in (15.0, 30.0):  # 27 ml at a radius of 10 mm, capped at 43 ml
        canvas = blank(spacing=2.0)
        canvas.label_map[:] = TISSUE_IDS["torso_fat"]
        canvas.tube("colon", course, 10.0, volume_ml=volume_ml)
        painted_ml = (canvas.label_map == TISSUE_IDS["colon"]).sum() * canvas.voxel_ml
        # Voxels at the same distance come and go together.
        assert painted_ml == pytest.approx(volume_ml, rel=0.05)


def test_tubes_stay_in_one_piece_under_the_strongest_warp():
    course = np.array([(-45.0, -30, -40), (0.0, 20, 0), (40.0, -20, 40)])
    for seed in range(10):
        canvas = blank(amplitude_mm=1000, seed=seed)
        canvas.label_map[:] = TISSUE_IDS["torso_fat"]
        canvas.tube("aorta", course, 8.0)
        canvas.fill("liver", ellipsoid((20, 25, -20), (25, 15, 20)), LOW, HIGH)
        for name in ("aorta", "liver"):
            _, pieces = ndimage.label(canvas.label_map == TISSUE_IDS[name], np.ones((3, 3, 3)))
            assert pieces == 1, (seed, name)


def test_box_holds_the_bent_shape():
    canvas = blank(posture=Posture(turn_deg=30, nod_deg=10, tilt_deg=8), middle=(0.0, 0.0, 1600.0))
    low, high = np.array((-30.0, -10, 1590)), np.array((20.0, 40, 1630))
    x, y, z = canvas.coordinates((slice(None),) * 3)
    inside = np.ones(canvas.label_map.shape, dtype=bool)
    for c, a, b in zip((x, y, z), low, high, strict=True):
        inside &= (c > a) & (c < b)
    assert inside.any()
    inside[canvas.box(low, high)] = False
    assert not inside.any()


def test_box_holds_the_warped_shape():
    canvas = blank(amplitude_mm=12, maps=(AxisMap((0.0, 1100.0), (0.0, 1000.0)), IDENTITY, IDENTITY))
    low, high = np.array((-20.0, -10, 5)), np.array((0.0, 20, 30))
    x, y, z = canvas.coordinates((slice(None),) * 3)
    inside = np.ones(canvas.label_map.shape, dtype=bool)
    for c, a, b in zip((x, y, z), low, high, strict=True):
        inside &= (c > a) & (c < b)
    inside[canvas.box(low, high)] = False
    assert not inside.any()


@pytest.mark.parametrize("seed", range(6))
def test_the_way_to_the_standard_body_never_folds(seed):
    low, high = (-160.0, -120.0, 1380.0), (160.0, 120.0, 1900.0)
    warp = random_warp(np.random.default_rng(seed), low, high, amplitude_mm=15.0)
    posture = Posture(turn_deg=32, nod_deg=-9, tilt_deg=8, curve_mm=12, sway_mm=-14)
    uneven = AxisMap((0.0, 1500.0, 1600.0, 1900.0), (0.0, 1450.0, 1575.0, 1800.0))
    affine = np.diag([4.0, 4.0, 4.0, 1.0])
    affine[:3, 3] = low
    canvas = Canvas(
        affine, [81, 61, 131], (AxisMap((0.0, 1000.0), (0.0, 1150.0)), IDENTITY, uneven), warp, posture
    )
    place = np.stack(canvas.coordinates((slice(None),) * 3)).astype(float)
    slopes = np.stack([np.stack(np.gradient(component, 4.0)) for component in place])
    determinant = np.linalg.det(np.moveaxis(slopes, (0, 1), (-2, -1)))
    assert determinant.min() > 0.1


def test_left_and_right_never_swap():
    low, high = (-300.0, -150.0, -30.0), (300.0, 200.0, 2000.0)
    affine = np.diag([4.0, 4.0, 4.0, 1.0])
    rng = np.random.default_rng(0)
    places = rng.uniform((20, -90, 0), (130, 90, 1750), (200, 3))
    for seed in range(30):
        rng = np.random.default_rng(seed)
        warp = random_warp(rng, low, high, amplitude_mm=15.0)
        canvas = Canvas(affine, [2, 2, 2], (IDENTITY,) * 3, warp, draw_posture(rng))
        right, left = canvas.to_world(places), canvas.to_world(places * (-1, 1, 1))
        assert (right[:, 0] > left[:, 0]).all()
