import numpy as np
import pytest

from seganypet.phantom.anatomy.shapes import Profile, below, capsule, ellipsoid, smooth_curve, trunk, without


def at(level, *point):
    return float(level(*(np.array([c], dtype=np.float32) for c in point))[0])


def test_ellipsoid_is_zero_at_its_poles_also_when_turned():
    assert at(ellipsoid((1, 2, 3), (10, 20, 30)), 11, 2, 3) == pytest.approx(0, abs=1e-4)
    turned = ellipsoid((0, 0, 0), (10, 20, 30), rotation_deg=(0, 0, 90))
    assert at(turned, 20, 0, 0) == pytest.approx(0, abs=1e-4)
    assert at(turned, 0, 20, 0) == pytest.approx(10, abs=1e-3)  # twice its radius of 10 mm


def test_half_space_is_negative_behind_the_plane():
    assert at(below((0, 0, 10), (0, 0, 2)), 5, 5, 7) == pytest.approx(-3)


def test_capsule_measures_the_distance_to_its_surface():
    limb = capsule((0, 0, 0), (0, 0, 100), 10, 20)
    assert at(limb, 25, 0, 50) == pytest.approx(10, abs=1e-4)
    assert at(limb, 0, 0, 130) == pytest.approx(10, abs=1e-4)


def test_cut_removes_what_it_covers():
    ball, cut = ellipsoid((0, 0, 0), (10, 10, 10)), ellipsoid((10, 0, 0), (5, 5, 5))
    assert at(without(ball, cut), 8, 0, 0) > 0
    assert at(without(ball, cut), -8, 0, 0) < 0


def test_trunk_follows_its_profiles():
    level = trunk(Profile((0, 100), (50, 100)), Profile((0, 100), (40, 40)), Profile((0, 100), (0, 10)))
    assert at(level, 50, 0, 0) == pytest.approx(0, abs=0.5)
    assert at(level, 100, 10, 100) == pytest.approx(0, abs=0.5)
    assert at(level, 0, 50, 100) == pytest.approx(0, abs=0.5)


def test_smooth_curve_passes_through_its_points():
    points = [(0, 0, 0), (10, 5, 0), (20, 0, 30)]
    curve = smooth_curve(points)
    assert curve.shape == (17, 3)
    np.testing.assert_allclose(curve[::8], points)
