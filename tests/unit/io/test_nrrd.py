import io

import nrrd
import numpy as np
import pytest

from seganypet.io.nrrd import nrrd_bytes

AFFINE = np.array([[-2.0, 0, 0.5, 10], [0, 3, 0, -20], [0.25, 0, 4, 30], [0, 0, 0, 1]])


def values() -> np.ndarray:
    """Return values that differ in every voxel, so that no two axes can be mistaken."""
    return np.arange(2 * 3 * 4, dtype=np.uint16).reshape(2, 3, 4) * 300


@pytest.mark.parametrize("compress", [True, False])
def test_values_come_back_in_their_order(compress: bool):
    file = io.BytesIO(nrrd_bytes(values(), AFFINE, compress=compress))
    header = nrrd.read_header(file)
    assert header["encoding"] == ("gzip" if compress else "raw")
    np.testing.assert_array_equal(nrrd.read_data(header, file), values())


def test_raw_voxels_stand_at_the_end_with_the_first_axis_fastest():
    content = nrrd_bytes(values(), AFFINE, compress=False)
    assert content.startswith(b"NRRD0005\n")
    assert content.endswith(b"\n\n" + values().astype("<u2").tobytes(order="F"))


def test_geometry_is_left_posterior_superior():
    header = nrrd.read_header(io.BytesIO(nrrd_bytes(values(), AFFINE)))
    assert header["space"] == "left-posterior-superior"
    np.testing.assert_array_equal(header["space origin"], [-10, 20, 30])
    np.testing.assert_array_equal(header["space directions"], [[2, 0, 0.25], [0, -3, 0], [-0.5, 0, 4]])


def test_itk_finds_every_voxel_where_it_lies(tmp_path):
    sitk = pytest.importorskip("SimpleITK", reason="SimpleITK is in the extra `compare`")
    rotated = np.eye(4)
    angle = np.deg2rad(20)
    rotated[:2, :2] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    affine = rotated @ np.diag([-2.0, 3, 4, 1])
    affine[:3, 3] = 10, -20, 30
    path = tmp_path / "values.nrrd"
    path.write_bytes(nrrd_bytes(values(), affine))
    image = sitk.ReadImage(path)
    for ijk in [(0, 0, 0), (1, 2, 3), (0, 1, 2)]:
        assert image.GetPixel(ijk) == values()[ijk]
        left_posterior_superior = image.TransformIndexToPhysicalPoint(ijk)
        np.testing.assert_allclose(
            np.multiply(left_posterior_superior, (-1, -1, 1)), (affine @ [*ijk, 1])[:3], atol=1e-9
        )
