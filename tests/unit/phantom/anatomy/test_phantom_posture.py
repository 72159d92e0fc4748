import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seganypet.phantom.anatomy.build import draw_build
from seganypet.phantom.anatomy.limbs import arm_joints, hip_half_width_mm
from seganypet.phantom.anatomy.posture import Posture, draw_posture

STRONG = Posture(turn_deg=32, nod_deg=14, tilt_deg=-8, curve_mm=12, sway_mm=-14)


def grid(step=8.0):
    axes = (np.arange(-200, 200, step), np.arange(-150, 150, step), np.arange(1400, 1900, step))
    return np.stack(np.meshgrid(*axes, indexing="ij"))


@settings(deadline=None, max_examples=20)
@given(seed=st.integers(0, 10_000))
def test_unbending_undoes_bending(seed):
    rng = np.random.default_rng(seed)
    posture = draw_posture(rng)
    points = rng.uniform((-300, -150, 0), (300, 200, 2000), (60, 3))
    field = posture.bend(points).T.reshape(3, -1, 1, 1).astype(np.float32)
    posture.unbend(field)
    np.testing.assert_allclose(field.reshape(3, -1).T, points, atol=2e-3)


def test_bending_keeps_every_volume():
    points = grid(2.0)[:, ::8, ::8]
    shape = points.shape[1:]
    bent = [
        STRONG.bend((points + delta.reshape(3, 1, 1, 1)).reshape(3, -1).T).T.reshape(3, *shape)
        for delta in np.concatenate([np.eye(3), -np.eye(3)]) * 0.01
    ]
    jacobian = np.stack([(bent[at] - bent[at + 3]) / 0.02 for at in range(3)], axis=-1)
    determinant = np.linalg.det(np.moveaxis(jacobian, 0, -2))
    # The shifts are linear between the entries of a table, whose corners a difference may straddle.
    np.testing.assert_allclose(determinant, 1.0, atol=5e-3)


def test_a_positive_turn_carries_the_face_to_the_left():
    nose = Posture(turn_deg=20).bend(np.array([(0.0, 90.0, 1640.0)]))[0]
    assert nose[0] == pytest.approx(-105 * np.sin(np.radians(20)), abs=0.1)


def test_the_trunk_does_not_turn_with_the_head():
    points = np.array([(100.0, 50.0, 1300.0), (200.0, 0.0, 1650.0)])  # the belly, and an arm beside the head
    np.testing.assert_allclose(Posture(turn_deg=30).bend(points), points, atol=1e-9)


@pytest.mark.parametrize("seed", range(20))
def test_arms_clear_hips_and_head(seed):
    build = draw_build(np.random.default_rng(seed))
    for side, sign in (("left", -1.0), ("right", 1.0)):
        shoulder, elbow, wrist, tips = arm_joints(build, side)
        if build.arms_up:
            along = np.linspace(elbow, tips, 30)
            assert (along[along[:, 2] < 1780, 0] * sign > 115).all()
        else:
            assert wrist[0] * sign > hip_half_width_mm(build) + 30
        assert shoulder[0] * sign > 100
