"""Label maps keep their ids and lie where their volume lies."""

import nibabel as nib
import numpy as np
import pytest

from seganypet.errors import GeometryError, OutputError
from seganypet.io.label_map import write_label_map
from seganypet.volume import Volume


@pytest.fixture
def volume() -> Volume:
    affine = np.diag([-2.0, 3.0, 4.0, 1.0])
    affine[:3, 3] = [7, -8, 9]
    return Volume(np.arange(24, dtype=np.float32).reshape(2, 3, 4), affine)


def test_keeps_ids_and_affine(volume, tmp_path):
    labels = (np.arange(24).reshape(volume.shape) * 1000).astype(np.int32)
    write_label_map(labels, volume, tmp_path / "labels.nii.gz")
    image = nib.load(tmp_path / "labels.nii.gz")
    assert image.get_data_dtype() == np.int16
    np.testing.assert_array_equal(np.asarray(image.dataobj), labels)
    np.testing.assert_allclose(image.affine, volume.affine)


def test_refuses_ids_that_do_not_fit(volume, tmp_path):
    labels = np.full(volume.shape, 40_000)
    with pytest.raises(OutputError, match="0 to 32767, not 40000"):
        write_label_map(labels, volume, tmp_path / "labels.nii.gz")
    assert list(tmp_path.iterdir()) == []


def test_refuses_another_shape(volume, tmp_path):
    with pytest.raises(GeometryError, match=r"\(1, 1, 1\)"):
        write_label_map(np.zeros((1, 1, 1), dtype=np.int16), volume, tmp_path / "labels.nii.gz")
