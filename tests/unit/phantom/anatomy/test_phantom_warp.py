import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seganypet.phantom.anatomy.warp import Lattice, random_lattice, random_warp, unwarp

LOW, HIGH = (-100.0, -80.0, 0.0), (120.0, 90.0, 400.0)


@settings(deadline=None, max_examples=20)
@given(seed=st.integers(0, 10_000), amplitude_mm=st.floats(0, 15))
def test_unwarp_is_the_inverse_of_the_warp(seed, amplitude_mm):
    rng = np.random.default_rng(seed)
    warp = random_warp(rng, LOW, HIGH, amplitude_mm=amplitude_mm)
    points = rng.uniform(LOW, HIGH, (40, 3))
    moved = points + warp.at(points)
    np.testing.assert_allclose(unwarp(warp, moved), points, atol=0.1)


def test_field_on_a_grid_equals_the_field_at_its_points():
    lattice = random_lattice(np.random.default_rng(1), LOW, HIGH, step_mm=50, components=2)
    axes = tuple(np.linspace(a, b, 7, dtype=np.float32) for a, b in zip(LOW, HIGH, strict=True))
    points = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3).astype(float)
    grid = np.moveaxis(lattice.on_grid(axes), 0, -1).reshape(-1, 2)
    np.testing.assert_allclose(lattice.at(points), grid, atol=1e-5)


def test_constant_coefficients_give_a_constant_field():
    lattice = Lattice((-10.0, -10.0, -10.0), 10.0, np.full((1, 6, 6, 6), 3.0, dtype=np.float32))
    assert lattice.at(np.array([[5.0, 7.0, 11.0]]))[0, 0] == pytest.approx(3.0, abs=1e-5)


def test_warp_never_folds_space():
    warp = random_warp(np.random.default_rng(5), LOW, HIGH, amplitude_mm=50, step_mm=60)
    axes = tuple(np.arange(a, b, 6, dtype=np.float32) for a, b in zip(LOW, HIGH, strict=True))
    field = warp.on_grid(axes)
    jacobian = np.stack([np.stack(np.gradient(field[c], 6.0)) for c in range(3)])
    jacobian += np.eye(3)[:, :, None, None, None]
    assert np.linalg.det(np.moveaxis(jacobian, (0, 1), (-2, -1))).min() > 0
    assert np.abs(field).max() <= 24.0 + 1e-3


@pytest.mark.parametrize("seed", range(12))
def test_no_seed_folds_space_at_the_largest_amplitude(seed):
    step_mm = 40.0
    warp = random_warp(np.random.default_rng(seed), LOW, HIGH, amplitude_mm=1e6, step_mm=step_mm)
    # Dense: ten points between two coefficients.
    axes = tuple(np.arange(a + 1, b - 1, 4, dtype=np.float32) for a, b in zip(LOW, HIGH, strict=True))
    points = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3).astype(float)
    points = points[:: max(len(points) // 20_000, 1)]
    jacobian = np.stack(
        [(warp.at(points + d) - warp.at(points - d)) / 0.02 for d in np.eye(3) * 0.01], axis=-1
    ) + np.eye(3)
    determinant = np.linalg.det(jacobian)
    assert determinant.min() > 0
    assert determinant.max() > 1.3, "the warp does something"


def test_the_worst_coefficients_do_not_fold_space():
    # Of one sign on each side of a plane, in all three components: the steepest field there is.
    sign = np.where(np.arange(12) % 2, 1.0, -1.0)
    pattern = np.stack(np.broadcast_arrays(sign[:, None, None], sign[None, :, None], sign[None, None, :]))
    coefficients = (pattern * 40.0 / 2.5).astype(np.float32)
    warp = Lattice((0.0, 0.0, 0.0), 40.0, coefficients)
    axes = tuple(np.arange(60, 380, 4, dtype=np.float32) for _ in range(3))
    field = warp.on_grid(axes).astype(float)
    slopes = np.stack([np.stack(np.gradient(component, 4.0)) for component in field]) + np.eye(3).reshape(
        3, 3, 1, 1, 1
    )
    assert np.linalg.det(np.moveaxis(slopes, (0, 1), (-2, -1))).min() > 0
