"""Volume, SUVmax and SUVmean, by hand."""

import numpy as np
import pytest

from seganypet.analysis import Measurement, measure
from seganypet.errors import GeometryError
from seganypet.volume import Mask, Volume


@pytest.fixture
def volume() -> Volume:
    array = np.zeros((4, 5, 6), dtype=np.float32)
    array[1, 2, 3], array[1, 2, 4], array[3, 0, 0] = 2.0, 5.0, 9.0
    return Volume(array, np.diag([2.0, 3.0, 4.0, 1.0]))


def test_measures_two_voxels(volume):
    mask = np.zeros(volume.shape, dtype=bool)
    mask[1, 2, 3:5] = True
    # 2 voxels of 24 mm³
    found = measure(volume, volume.like(mask))
    assert found.volume_ml == pytest.approx(0.048)
    assert (found.suv_max, found.suv_mean) == (5.0, 3.5)


def test_an_empty_mask_has_no_suv(volume):
    found = measure(volume, volume.like(np.zeros(volume.shape, dtype=bool)))
    assert found == Measurement(volume_ml=0.0, suv_max=None, suv_mean=None)


def test_the_mean_of_many_voxels_does_not_lose_digits():
    array = np.full((200, 200, 100), 0.1, dtype=np.float32)
    array[0, 0, 0] = 0.2
    volume = Volume(array, np.eye(4))
    found = measure(volume, volume.like(np.ones(volume.shape, dtype=bool)))
    assert found.suv_mean == pytest.approx(float(np.float32(0.1)), abs=1e-7)


def test_refuses_a_mask_on_another_grid(volume):
    shifted = volume.affine.copy()
    shifted[0, 3] = 1.0
    with pytest.raises(GeometryError, match="not on the volume's grid"):
        measure(volume, Mask(np.ones(volume.shape, dtype=bool), shifted))
