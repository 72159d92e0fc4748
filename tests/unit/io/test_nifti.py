import gzip
import warnings

import nibabel as nib
import numpy as np
import pytest

from seganypet.errors import GeometryError, ImageReadError, ImageValueError
from seganypet.io.nifti import load_nifti, read_mask, read_nifti
from seganypet.volume import Volume

AFFINE = np.array([[-4.0, 0, 0, 250], [0, 4.0, 0, -250], [0, 0, 3.0, -900], [0, 0, 0, 1]])


def values(shape=(4, 5, 3)):
    """Distinct SUV, 0 to 5.9 in steps of 0.1."""
    return (np.arange(np.prod(shape)) / 10).reshape(shape).astype(np.float32)


def save(path, array, affine=AFFINE, *, codes=(1, 1), image_type=nib.Nifti1Image, **fields):
    """Write a NIfTI file, and after nibabel's own bookkeeping set single header fields."""
    image = image_type(array, affine)
    image.set_sform(affine, code=codes[0])
    image.set_qform(affine, code=codes[1])
    image.to_filename(path)
    if fields:
        data = bytearray(path.read_bytes())
        header = type(image.header)(bytes(data[: image.header.sizeof_hdr]), check=False)
        for name, value in fields.items():
            header[name] = value
        data[: image.header.sizeof_hdr] = header.binaryblock
        path.write_bytes(bytes(data))


@pytest.mark.parametrize("name", ["pet.nii", "pet.nii.gz", "PET.NII.GZ"])
@pytest.mark.parametrize("dtype", [">f4", "<f4", "<f8", "int16", "uint8", "int32", "uint16"])
def test_reads_values_in_the_files_own_order(name, dtype, tmp_path):
    array = values().astype(dtype)
    save(tmp_path / name, array)
    volume = read_nifti(tmp_path / name)
    assert volume.array.dtype == np.float32
    assert volume.array.dtype.isnative
    np.testing.assert_array_equal(volume.array, array.astype(np.float32))
    np.testing.assert_array_equal(volume.affine, AFFINE)
    assert volume.to_xyz_mm((1, 2, 1)) == (246.0, -242.0, -897.0)


def test_source_keeps_path_and_both_transforms(tmp_path):
    save(tmp_path / "pet.nii.gz", values(), codes=(2, 1))
    source = read_nifti(tmp_path / "pet.nii.gz").source
    assert source.kind == "nifti"
    assert source.path == str(tmp_path / "pet.nii.gz")
    for transform, code in ((source.sform, 2), (source.qform, 1)):
        np.testing.assert_allclose(transform[0], AFFINE, atol=1e-5)
        assert transform[1] == code


def test_slope_and_intercept_are_applied(tmp_path):
    save(tmp_path / "pet.nii", values().astype(np.int16), scl_slope=0.5, scl_inter=0.25)
    raw = values().astype(np.int16).astype(np.float32)
    np.testing.assert_array_equal(read_nifti(tmp_path / "pet.nii").array, raw * 0.5 + 0.25)
    np.testing.assert_array_equal(load_nifti(tmp_path / "pet.nii").array, raw * 0.5 + 0.25)


@pytest.mark.parametrize("shape", [(4, 5, 3, 1), (4, 5, 3, 1, 1), (4, 5, 1, 1)])
def test_trailing_dimensions_of_one_are_dropped(shape, tmp_path):
    array = values(shape)
    save(tmp_path / "pet.nii.gz", array)
    np.testing.assert_array_equal(read_nifti(tmp_path / "pet.nii.gz").array, array.reshape(shape[:3]))


def test_nifti2_is_read(tmp_path):
    save(tmp_path / "pet.nii.gz", values(), image_type=nib.Nifti2Image)
    np.testing.assert_array_equal(read_nifti(tmp_path / "pet.nii.gz").array, values())


def test_reading_does_not_copy_float32(tmp_path, monkeypatch):
    save(tmp_path / "pet.nii", values())
    copies = []
    plain = np.array
    monkeypatch.setattr(np, "array", lambda *a, **k: (copies.append(np.shape(a[0])), plain(*a, **k))[1])
    read_nifti(tmp_path / "pet.nii")
    assert (4, 5, 3) not in copies


def test_qform_alone_places_the_image(tmp_path):
    save(tmp_path / "pet.nii.gz", values(), codes=(0, 1))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        volume = read_nifti(tmp_path / "pet.nii.gz")
    np.testing.assert_allclose(volume.affine, AFFINE, atol=1e-5)


def test_warns_without_any_transform(tmp_path):
    save(tmp_path / "pet.nii.gz", values(), codes=(0, 0))
    with pytest.warns(UserWarning, match=r"pet\.nii\.gz: neither sform nor qform is set"):
        volume = read_nifti(tmp_path / "pet.nii.gz")
    # nibabel's convention: x flipped, the centre of the voxels at the origin
    np.testing.assert_array_equal(volume.affine[:3, :3], np.diag([-4.0, 4.0, 3.0]))


def test_broken_quaternion_does_not_matter_beside_an_sform(tmp_path):
    save(tmp_path / "pet.nii", values(), quatern_b=1.0, quatern_c=1.0)
    volume = read_nifti(tmp_path / "pet.nii")
    np.testing.assert_array_equal(volume.affine, AFFINE)
    assert volume.source.qform is None


@pytest.mark.parametrize("keep", [0, 100, 348, 400])
@pytest.mark.parametrize("name", ["pet.nii", "pet.nii.gz"])
def test_refuses_truncated_files(name, keep, tmp_path):
    save(tmp_path / "whole.nii", np.random.default_rng(0).random((9, 9, 9)).astype(np.float32))
    data = (tmp_path / "whole.nii").read_bytes()
    data = gzip.compress(data, mtime=0)[:keep] if name.endswith(".gz") else data[:keep]
    (tmp_path / name).write_bytes(data)
    with pytest.raises(
        ImageReadError, match=rf"{name}: empty, truncated or no NIfTI.*copy or export"
    ) as caught:
        read_nifti(tmp_path / name)
    assert "\n" not in str(caught.value)


def test_refuses_gz_whose_checksum_is_wrong(tmp_path):
    save(tmp_path / "pet.nii.gz", values())
    data = bytearray((tmp_path / "pet.nii.gz").read_bytes())
    data[len(data) // 2] ^= 0xFF
    (tmp_path / "pet.nii.gz").write_bytes(bytes(data))
    with pytest.raises(ImageReadError, match="empty, truncated or no NIfTI"):
        read_nifti(tmp_path / "pet.nii.gz")


@pytest.mark.parametrize("content", [b"not an image", b"\0" * 1000, gzip.compress(b"\0" * 1000, mtime=0)])
@pytest.mark.parametrize("name", ["pet.nii", "pet.nii.gz"])
def test_refuses_what_is_no_nifti(name, content, tmp_path):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ImageReadError, match=name):
        read_nifti(tmp_path / name)


def test_refuses_other_formats_of_nibabel(tmp_path):
    nib.save(nib.MGHImage(values(), AFFINE), tmp_path / "pet.mgz")
    with pytest.raises(ImageReadError, match=r"pet\.mgz: is a MGHImage, not NIfTI"):
        read_nifti(tmp_path / "pet.mgz")


def test_refuses_missing_file(tmp_path):
    with pytest.raises(ImageReadError, match=r"none\.nii: no such file"):
        read_nifti(tmp_path / "none.nii")


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((4, 5), r"shape \(4, 5\) has 2 dimensions"),
        ((4, 5, 3, 2), r"shape \(4, 5, 3, 2\) has 4 dimensions.*extract one frame"),
        ((4, 5, 3, 1, 3), r"shape .* has 5 dimensions"),
    ],
)
def test_refuses_other_dimensions(shape, message, tmp_path):
    save(tmp_path / "pet.nii", values(shape))
    with pytest.raises(GeometryError, match=r"pet\.nii: image of " + message):
        read_nifti(tmp_path / "pet.nii")


@pytest.mark.parametrize("row", [[0, 0, 0, 0], [0, 4, 0, 9], [np.nan, 0, 0, 0]])
def test_refuses_unusable_sform(row, tmp_path):
    save(tmp_path / "pet.nii", values(), codes=(1, 0), srow_x=row)
    with pytest.raises(GeometryError, match=r"pet\.nii: affine"):
        read_nifti(tmp_path / "pet.nii")


def test_refuses_unusable_qform(tmp_path):
    save(tmp_path / "pet.nii", values(), codes=(0, 1), quatern_b=1.0, quatern_c=1.0)
    with pytest.raises((GeometryError, ImageReadError), match=r"pet\.nii: "):
        read_nifti(tmp_path / "pet.nii")


def test_refuses_micrometres(tmp_path):
    save(tmp_path / "pet.nii", values(), xyzt_units=3)
    with pytest.raises(GeometryError, match=r"pet\.nii: voxel sizes are in micron; expected mm"):
        read_nifti(tmp_path / "pet.nii")


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (values() + 1j, "voxels are complex"),
        (np.zeros((4, 5, 3), dtype=[("R", "u1"), ("G", "u1"), ("B", "u1")]), "voxels are colour"),
        (np.where(values() == 2, np.nan, values()), "1 of 60 voxels are NaN or infinite"),
        (np.where(values() == 2, np.inf, values()), "1 of 60 voxels are NaN or infinite"),
        (np.where(values() == 2, 1e300, values().astype(float)), "1 of 60 voxels are NaN or infinite"),
        (np.zeros((4, 5, 3), dtype=np.int16), "every voxel is 0"),
        (values() * 20_000, "look like Bq/ml rather than SUV"),
        (values() - 50, "SUV is not negative"),
    ],
)
def test_refuses_values_that_are_no_suv(array, message, tmp_path):
    save(tmp_path / "pet.nii.gz", array.astype(np.complex64) if np.iscomplexobj(array) else array)
    with pytest.raises(ImageValueError, match=message) as caught:
        read_nifti(tmp_path / "pet.nii.gz")
    assert str(caught.value).startswith(str(tmp_path / "pet.nii.gz"))


def test_mask_comes_with_the_source_of_its_image(tmp_path):
    save(tmp_path / "pet.nii.gz", values(), codes=(2, 1))
    volume = read_nifti(tmp_path / "pet.nii.gz")
    save(tmp_path / "mask.nii.gz", (values() > 3).astype(np.uint8))
    mask = read_mask(tmp_path / "mask.nii.gz", like=volume)
    np.testing.assert_array_equal(mask.array, values() > 3)
    assert mask.source is volume.source
    assert read_mask(tmp_path / "mask.nii.gz").source.path == str(tmp_path / "mask.nii.gz")


@pytest.mark.parametrize("dtype", ["uint8", "float32", "float64", "int16"])
def test_mask_of_zeros_and_ones_in_any_type(dtype, tmp_path):
    save(tmp_path / "mask.nii", (values() > 3).astype(dtype))
    np.testing.assert_array_equal(read_mask(tmp_path / "mask.nii").array, values() > 3)


@pytest.mark.parametrize("wrong", [2, 255, 0.5, np.nan])
def test_refuses_mask_with_other_values(wrong, tmp_path):
    array = (values() > 3).astype(np.float32)
    array[0, 0, 0] = wrong
    save(tmp_path / "mask.nii", array)
    with pytest.raises(ImageValueError, match=r"mask\.nii: mask values other than 0 and 1"):
        read_mask(tmp_path / "mask.nii")


def test_refuses_mask_of_another_shape(tmp_path):
    save(tmp_path / "mask.nii", np.ones((4, 5, 4), dtype=np.uint8))
    with pytest.raises(GeometryError, match=r"mask\.nii: .*\(4, 5, 4\).* not on .*\(4, 5, 3\)"):
        read_mask(tmp_path / "mask.nii", like=Volume(values(), AFFINE))


def test_refuses_mask_of_another_place_and_shows_both(tmp_path):
    moved = AFFINE.copy()
    moved[2, 3] += 3.0
    save(tmp_path / "mask.nii", np.ones((4, 5, 3), dtype=np.uint8), moved)
    with pytest.raises(GeometryError, match=r"-897\.0.* not on .*-900\.0.*resample"):
        read_mask(tmp_path / "mask.nii", like=Volume(values(), AFFINE))


@pytest.mark.real_data
def test_real_suv_crops_and_their_masks(shared_data):
    for folder in sorted((shared_data / "sts_crops").iterdir())[:6]:
        volume = read_nifti(folder / "pet_suv.nii.gz")
        mask = read_mask(folder / "gtv_mass.nii.gz", like=volume)
        assert volume.source.record["suvbw_factor"] == 1.0
        assert volume.array.max() > 1.0
        assert mask.volume_ml > 1.0
