import dataclasses
import itertools
import json
import os
from datetime import date
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from seganypet.errors import OutputError
from seganypet.io import write as write_module
from seganypet.io.nifti import read_mask, read_nifti
from seganypet.io.write import json_text, nifti_bytes, write_json, write_mask, write_volume
from seganypet.volume import Mask, Source, Volume

SHAPE = (4, 5, 3)
MARKER = (1, 3, 2)
OBLIQUE_MM = np.array(
    [
        [2.0 * np.cos(0.3), -3.0 * np.sin(0.3), 0.0, -41.5],
        [2.0 * np.sin(0.3), 3.0 * np.cos(0.3), 0.0, 17.25],
        [0.0, 0.0, 5.5, -803.0],
        [0.0, 0.0, 0.0, 1.0],
    ]
)
ORIENTATIONS = [
    (order, signs)
    for order in itertools.permutations(range(3))
    for signs in itertools.product((1.0, -1.0), repeat=3)
]


def oriented(order, signs):
    """The oblique, anisotropic affine with its voxel axes permuted and flipped."""
    affine = OBLIQUE_MM.copy()
    affine[:3, :3] = OBLIQUE_MM[:3, list(order)] * signs
    return affine


def marker_volume(affine, **kwargs):
    array = np.zeros(SHAPE, dtype=np.float32)
    array[MARKER] = 7.0
    return Volume(array, affine, **kwargs)


def marker_mask(affine):
    volume = marker_volume(affine)
    return volume.like(volume.array > 1)


def save_nifti(path, array, *, sform=None, qform=None, zooms=(2.0, 3.0, 5.5)):
    """A NIfTI file with exactly the given (affine, code) pairs."""
    header = nib.Nifti1Header()
    header.set_data_dtype(array.dtype)
    header.set_data_shape(array.shape)
    header.set_zooms(zooms)
    if qform is not None:
        header.set_qform(qform[0], code=qform[1])
    if sform is not None:
        header.set_sform(sform[0], code=sform[1])
    nib.save(nib.Nifti1Image(array, None, header), path)


def codes(image):
    return int(image.header["sform_code"]), int(image.header["qform_code"])


@pytest.mark.parametrize(("order", "signs"), ORIENTATIONS)
def test_mask_of_a_volume_from_memory_keeps_the_marker_in_all_48_orientations(order, signs, tmp_path):
    affine = oriented(order, signs)
    write_mask(marker_mask(affine), tmp_path / "mask.nii.gz")

    image = nib.load(tmp_path / "mask.nii.gz")
    stored = np.asarray(image.dataobj)
    assert image.shape == SHAPE
    assert stored.dtype == np.uint8
    assert codes(image) == (1, 1)
    np.testing.assert_allclose(image.get_sform(), affine, atol=1e-4)
    np.testing.assert_allclose(image.get_qform(), affine, atol=1e-4)
    np.testing.assert_array_equal(np.argwhere(stored), [MARKER])
    np.testing.assert_allclose(image.affine @ [*MARKER, 1], affine @ [*MARKER, 1], atol=2e-4)


def rotation(x, y, z):
    """Rotation matrix about the three axes in turn."""
    cx, cy, cz, sx, sy, sz = *np.cos([x, y, z]), *np.sin([x, y, z])
    about_x = np.array([[1, 0, 0], [0, cx, -sx], [0, sx, cx]])
    about_y = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    about_z = np.array([[cz, -sz, 0], [sz, cz, 0], [0, 0, 1]])
    return about_z @ about_y @ about_x


@st.composite
def affines(draw):
    """Oblique, anisotropic affines in all 48 orientations."""
    order, signs = draw(st.sampled_from(ORIENTATIONS))
    angles = [draw(st.floats(-3.1, 3.1)) for _ in range(3)]
    spacing_mm = [draw(st.floats(0.5, 8.0)) for _ in range(3)]
    affine = np.eye(4)
    affine[:3, :3] = (rotation(*angles) @ np.diag(spacing_mm))[:, list(order)] * signs
    affine[:3, 3] = [draw(st.floats(-1500, 1500)) for _ in range(3)]
    return affine


CODES = [(1, 1), (2, 1), (0, 1), (1, 0), (4, 2), (0, 3)]


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(affine=affines(), form_codes=st.sampled_from(CODES))
def test_mask_of_a_nifti_keeps_affine_and_codes(affine, form_codes, tmp_path):
    array = np.zeros(SHAPE, dtype=np.float32)
    array[MARKER] = 7.0
    save_nifti(tmp_path / "pet.nii", array, sform=(affine, form_codes[0]), qform=(affine, form_codes[1]))
    volume = read_nifti(tmp_path / "pet.nii")

    write_mask(volume.like(volume.array > 1), tmp_path / "mask.nii")

    original, written = nib.load(tmp_path / "pet.nii"), nib.load(tmp_path / "mask.nii")
    assert written.shape == original.shape
    assert codes(written) == codes(original) == form_codes
    np.testing.assert_array_equal(written.header.get_sform(), original.header.get_sform())
    # the quaternion's three float32 numbers are worked out anew from the matrix
    np.testing.assert_allclose(written.header.get_qform(), original.header.get_qform(), rtol=0, atol=5e-6)
    np.testing.assert_allclose(written.affine, original.affine, rtol=0, atol=5e-6)
    np.testing.assert_array_equal(written.header["pixdim"][:4], original.header["pixdim"][:4])
    place = original.affine @ [*MARKER, 1]
    np.testing.assert_allclose(written.affine @ [*MARKER, 1], place, rtol=0, atol=1e-4)
    np.testing.assert_array_equal(np.argwhere(np.asarray(written.dataobj)), [MARKER])
    assert read_mask(tmp_path / "mask.nii").has_grid_of(volume)


@pytest.mark.parametrize("angle", np.linspace(0.01, 3.1, 60))
def test_half_turns_about_oblique_axes_survive_the_quaternion(angle, tmp_path):
    # Its scalar part is 0 and not stored: float32 rounding of the others may turn the image by 0.02°.
    affine = np.eye(4)
    affine[:3, :3] = rotation(np.pi, 0, 0) @ rotation(0, 0, angle) @ np.diag([2.0, 3.0, 5.5])
    write_volume(marker_volume(affine), tmp_path / "pet.nii")
    written = nib.load(tmp_path / "pet.nii")
    np.testing.assert_allclose(written.header.get_qform(), affine, rtol=0, atol=5e-6)


def test_mask_of_a_file_without_transforms_gets_none(tmp_path):
    array = np.arange(60, dtype=np.float32).reshape(SHAPE)
    save_nifti(tmp_path / "pet.nii.gz", array)
    with pytest.warns(UserWarning, match="left and right may be swapped"):
        volume = read_nifti(tmp_path / "pet.nii.gz")
    write_mask(volume.like(volume.array > 30), tmp_path / "mask.nii.gz")
    written = nib.load(tmp_path / "mask.nii.gz")
    assert codes(written) == (0, 0)
    np.testing.assert_array_equal(written.affine, volume.affine)


def test_sform_and_qform_that_differ_are_both_kept(tmp_path):
    array = np.arange(60, dtype=np.float32).reshape(SHAPE)
    other = np.diag([2.0, 3.0, 5.5, 1.0])
    save_nifti(tmp_path / "pet.nii.gz", array, sform=(OBLIQUE_MM, 2), qform=(other, 1))
    with pytest.warns(UserWarning, match="sform and qform place the image differently"):
        volume = read_nifti(tmp_path / "pet.nii.gz")
    np.testing.assert_allclose(volume.affine, OBLIQUE_MM, atol=1e-4)
    write_mask(volume.like(volume.array > 30), tmp_path / "mask.nii.gz")
    written = nib.load(tmp_path / "mask.nii.gz")
    assert codes(written) == (2, 1)
    np.testing.assert_allclose(written.header.get_qform(), other, atol=1e-6)


def test_mask_on_a_cropped_grid_does_not_take_the_files_transforms(tmp_path):
    array = np.arange(60, dtype=np.float32).reshape(SHAPE)
    save_nifti(tmp_path / "pet.nii.gz", array, sform=(OBLIQUE_MM, 2), qform=(OBLIQUE_MM, 2))
    volume = read_nifti(tmp_path / "pet.nii.gz")
    cropped = volume.affine.copy()
    cropped[:3, 3] = volume.to_xyz_mm((1, 0, 0))
    write_mask(Mask(volume.array[1:] > 30, cropped, source=volume.source), tmp_path / "mask.nii.gz")
    written = nib.load(tmp_path / "mask.nii.gz")
    assert codes(written) == (1, 1)
    np.testing.assert_allclose(written.affine, cropped, atol=1e-4)


def test_sheared_affine_is_held_by_the_sform_alone(tmp_path):
    sheared = OBLIQUE_MM.copy()
    sheared[0, 2] = 1.5
    write_mask(marker_mask(sheared), tmp_path / "mask.nii.gz")
    written = nib.load(tmp_path / "mask.nii.gz")
    assert codes(written) == (1, 0)
    np.testing.assert_allclose(written.affine, sheared, atol=1e-4)


def test_dicom_source_writes_scanner_codes(tmp_path):
    volume = marker_volume(OBLIQUE_MM, source=Source(path="series", kind="dicom"))
    write_volume(volume, tmp_path / "suv.nii.gz")
    assert codes(nib.load(tmp_path / "suv.nii.gz")) == (1, 1)


@pytest.mark.parametrize("name", ["suv.nii.gz", "suv.nii", "SUV.NII.GZ"])
def test_volume_comes_back_to_the_bit(name, tmp_path):
    array = np.random.default_rng(0).gamma(1.0, 2.0, SHAPE).astype(np.float32)
    write_volume(Volume(array, OBLIQUE_MM), tmp_path / name)
    back = read_nifti(tmp_path / name)
    np.testing.assert_array_equal(back.array, array)
    assert nib.load(tmp_path / name).get_data_dtype() == np.float32
    np.testing.assert_allclose(back.affine, OBLIQUE_MM, atol=1e-4)


def test_same_mask_gives_the_same_bytes(tmp_path):
    mask = marker_mask(OBLIQUE_MM)
    write_mask(mask, tmp_path / "a.nii.gz")
    write_mask(mask, tmp_path / "b.nii.gz")
    assert (tmp_path / "a.nii.gz").read_bytes() == (tmp_path / "b.nii.gz").read_bytes()


def test_output_has_the_permissions_of_any_new_file(tmp_path):
    (tmp_path / "plain").touch()
    write_mask(marker_mask(OBLIQUE_MM), tmp_path / "mask.nii.gz")
    assert (tmp_path / "mask.nii.gz").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_folders_are_created_and_files_replaced_without_leftovers(tmp_path):
    path = tmp_path / "new" / "deep" / "mask.nii.gz"
    write_mask(marker_mask(OBLIQUE_MM), path)
    empty = Mask(np.zeros(SHAPE, dtype=bool), marker_mask(OBLIQUE_MM).affine)
    write_mask(empty, path)
    assert not read_mask(path).array.any()
    assert [p.name for p in path.parent.iterdir()] == ["mask.nii.gz"]


def test_link_stays_a_link(tmp_path):
    (tmp_path / "link.json").symlink_to(tmp_path / "target.json")
    write_json({"a": 1}, tmp_path / "link.json")
    assert (tmp_path / "link.json").is_symlink()
    assert json.loads((tmp_path / "target.json").read_text()) == {"a": 1}


def failing(*_args, **_kwargs):
    raise OSError(28, "No space left on device")


def partly_written(_image, path):
    Path(path).write_bytes(b"half")
    raise OSError(28, "No space left on device")


def test_failed_write_leaves_nothing_and_keeps_the_old_file(tmp_path, monkeypatch):
    (tmp_path / "mask.nii.gz").write_bytes(b"old")
    monkeypatch.setattr(write_module.nib, "save", partly_written)
    with pytest.raises(OutputError, match=r"mask\.nii\.gz: cannot be written \(No space left"):
        write_mask(marker_mask(OBLIQUE_MM), tmp_path / "mask.nii.gz")
    assert [p.name for p in tmp_path.iterdir()] == ["mask.nii.gz"]
    assert (tmp_path / "mask.nii.gz").read_bytes() == b"old"


def test_failed_write_removes_the_folders_it_created(tmp_path, monkeypatch):
    monkeypatch.setattr(write_module.nib, "save", partly_written)
    with pytest.raises(OutputError, match="No space left"):
        write_mask(marker_mask(OBLIQUE_MM), tmp_path / "new" / "deep" / "mask.nii.gz")
    assert list(tmp_path.iterdir()) == []


def test_interruption_leaves_nothing(tmp_path, monkeypatch):
    def interrupted(_image, path):
        Path(path).write_bytes(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr(write_module.nib, "save", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_mask(marker_mask(OBLIQUE_MM), tmp_path / "mask.nii.gz")
    assert list(tmp_path.iterdir()) == []


def test_failed_rename_leaves_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(Path, "replace", failing)
    with pytest.raises(OutputError, match="No space left"):
        write_json({}, tmp_path / "a.json")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("mask.dcm", r"DICOM SEG and RTSTRUCT is not available yet; use a name that ends in \.nii\.gz"),
        ("mask.png", r"unknown suffix '\.png'; use \.nii\.gz"),
        ("mask", "unknown suffix ''"),
        (".nii.gz", "no name before its suffix"),
        ("folder.nii.gz", "is a folder"),
        ("file/sub/mask.nii.gz", "cannot be written"),
        ("n" * 300 + ".nii.gz", "cannot be written"),
    ],
)
def test_refuses_output(name, message, tmp_path):
    (tmp_path / "folder.nii.gz").mkdir()
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match=message) as caught:
        write_mask(marker_mask(OBLIQUE_MM), tmp_path / name)
    assert str(tmp_path / name) in str(caught.value)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["file", "folder.nii.gz"]


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="needs a file system without files of one's own")
def test_refuses_folder_that_takes_no_files():
    with pytest.raises(OutputError, match=r"/proc/self/mask\.nii\.gz: cannot be written"):
        write_mask(marker_mask(OBLIQUE_MM), "/proc/self/mask.nii.gz")


def test_refuses_more_voxels_than_nifti_can_count(tmp_path):
    mask = Mask(np.zeros((40_000, 1, 1), dtype=bool), np.eye(4))
    with pytest.raises(OutputError, match="counts up to 32767 voxels an axis"):
        write_mask(mask, tmp_path / "mask.nii.gz")


def test_refuses_to_overwrite_the_image(tmp_path):
    array = np.arange(60, dtype=np.float32).reshape(SHAPE)
    save_nifti(tmp_path / "pet.nii.gz", array, sform=(OBLIQUE_MM, 1))
    before = (tmp_path / "pet.nii.gz").read_bytes()
    volume = read_nifti(tmp_path / "pet.nii.gz")
    os.link(tmp_path / "pet.nii.gz", tmp_path / "same.nii.gz")
    for name in ("pet.nii.gz", "same.nii.gz"):
        with pytest.raises(OutputError, match="is the image itself"):
            write_mask(volume.like(volume.array > 30), tmp_path / name)
    assert (tmp_path / "pet.nii.gz").read_bytes() == before


@dataclasses.dataclass(frozen=True)
class Config:
    rate: float
    out: Path


def test_json_holds_numpy_paths_dates_and_dataclasses(tmp_path):
    value = {
        "n": np.int64(3),
        "x": np.float32(0.5),
        "flag": np.bool_(True),
        "rows": np.eye(2),
        "day": date(2020, 1, 2),
        "config": Config(rate=0.1, out=Path("run")),
        "names": {"b", "a"},
        "ü": None,
    }
    write_json(value, tmp_path / "v.json")
    text = (tmp_path / "v.json").read_text(encoding="utf-8")
    assert "ü" in text
    assert text.endswith("}\n")
    assert json.loads(text) == {
        "n": 3,
        "x": 0.5,
        "flag": True,
        "rows": [[1.0, 0.0], [0.0, 1.0]],
        "day": "2020-01-02",
        "config": {"rate": 0.1, "out": "run"},
        "names": ["a", "b"],
        "ü": None,
    }


@pytest.mark.parametrize("value", [float("nan"), np.float32("inf"), object(), {(1, 2): 3}])
def test_json_refuses_what_has_no_json_form(value, tmp_path):
    with pytest.raises(OutputError, match=r"v\.json: no JSON form"):
        write_json({"value": value}, tmp_path / "v.json")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("value", [float("nan"), object()])
def test_json_text_refuses_what_has_no_json_form(value):
    with pytest.raises((TypeError, ValueError)):
        json_text({"value": value})


def test_json_text_is_what_is_written(tmp_path):
    value = {"ü": np.float32(0.5), "path": Path("a/b")}
    write_json(value, tmp_path / "v.json")
    assert json_text(value) + "\n" == (tmp_path / "v.json").read_text(encoding="utf-8")
    assert json.loads(json_text(value)) == {"ü": 0.5, "path": "a/b"}


@pytest.mark.parametrize(("order", "signs"), ORIENTATIONS[::5])
@pytest.mark.parametrize("dtype", ["<f4", ">f4", "u1", "<i2"])
def test_bytes_of_an_array_are_a_nifti_file_with_its_values_and_affine(order, signs, dtype):
    affine = oriented(order, signs)
    array = np.arange(np.prod(SHAPE)).reshape(SHAPE).astype(dtype)
    for given_array in (array, np.asfortranarray(array), array[::-1]):
        image = nib.Nifti1Image.from_bytes(nifti_bytes(given_array, affine))
        np.testing.assert_array_equal(np.asarray(image.dataobj), given_array)
        assert image.get_data_dtype() == np.dtype(dtype).newbyteorder("<")
        np.testing.assert_allclose(image.affine, affine, atol=1e-4)
        assert (int(image.header["sform_code"]), int(image.header["qform_code"])) == (1, 1)
        np.testing.assert_allclose(image.get_qform(), affine, atol=1e-3)
        assert image.header.get_xyzt_units()[0] == "mm"


def test_bytes_of_an_array_are_a_file_that_is_read_as_the_volume(tmp_path):
    volume = marker_volume(OBLIQUE_MM)
    (tmp_path / "v.nii").write_bytes(nifti_bytes(volume.array, volume.affine))
    back = read_nifti(tmp_path / "v.nii")
    np.testing.assert_array_equal(back.array, volume.array)
    assert back.has_grid_of(volume)
