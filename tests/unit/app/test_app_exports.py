"""What leaves a reading lies on the file's own grid, at the same place in the world, and can be read again."""

from __future__ import annotations

import csv
import gzip
import io
import json

import nibabel as nib
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seganypet.app.exports import file_stem
from seganypet.io import read_mask, read_prompts, read_volume
from small_server import (
    HOT,
    IN_HOT,
    IN_WARM,
    LAS,
    RAS,
    SHAPE,
    WARM,
    Page,
    in_block,
    oblique,
    ok,
    problem_of,
    serving,
    write_scan,
)
from synthetic_dicom import pet_folder

# The last stores k, i, j: neither the order nor the ends are the page's.
PERMUTED = np.array([[0, -4.0, 0, 33], [0, 0, 4, -7], [-4, 0, 0, 200], [0, 0, 0, 1]])
AFFINES = {"RAS": RAS, "LAS": LAS, "oblique": oblique(), "permuted": PERMUTED}


@pytest.fixture(params=AFFINES)
def affine(request):
    return AFFINES[request.param]


@pytest.fixture
def client(tmp_path, affine):
    write_scan(tmp_path / "served" / "pet.nii.gz", affine)
    with serving(tmp_path) as client:
        yield client


@pytest.fixture
def plain(tmp_path):
    """A page on the scan in RAS+."""
    write_scan(tmp_path / "served" / "pet.nii.gz")
    with serving(tmp_path) as client:
        yield Page(client)


def clicked(page: Page, affine: np.ndarray, voxel, name="lesion", **how) -> int:
    """Add an object and click on a voxel of the file's own grid, by its place in the world."""
    number = page.add(name)
    xyz = (affine @ [*voxel, 1])[:3].tolist()
    page.edit("POST", f"objects/{number}/clicks", xyz_mm=xyz, **how)
    return number


def image_of(page: Page, path: str) -> nib.Nifti1Image:
    response = page.client.get(page.at(path))
    assert response.is_success, response.text
    assert response.headers["content-type"] == "application/gzip"
    return nib.Nifti1Image.from_bytes(gzip.decompress(response.content))


def test_a_mask_lies_on_the_files_own_grid_where_the_uptake_is(client, affine, tmp_path):
    page = Page(client)
    number = clicked(page, affine, IN_HOT)
    image = image_of(page, f"objects/{number}/mask.nii.gz")
    own = nib.load(tmp_path / "served" / "pet.nii.gz")
    assert image.shape == SHAPE
    assert image.get_data_dtype() == np.uint8
    np.testing.assert_array_equal(image.affine, own.affine)
    for form in ("sform", "qform"):
        matrix, code = getattr(image.header, f"get_{form}")(coded=True)
        own_matrix, own_code = getattr(own.header, f"get_{form}")(coded=True)
        assert code == own_code == 1
        np.testing.assert_array_equal(matrix, own_matrix)
    np.testing.assert_array_equal(np.asarray(image.dataobj), in_block(HOT))
    at = np.linalg.solve(image.affine, affine @ [*IN_HOT, 1])[:3]
    assert np.asarray(image.dataobj)[tuple(np.rint(at).astype(int))] == 1
    # Our own reader takes it as a mask of that file.
    page.client.get(page.at(f"objects/{number}/mask.nii.gz"))
    (tmp_path / "mask.nii.gz").write_bytes(page.client.get(page.at(f"objects/{number}/mask.nii.gz")).content)
    volume = read_volume(tmp_path / "served" / "pet.nii.gz")
    assert read_mask(tmp_path / "mask.nii.gz", like=volume).array[IN_HOT]


def test_labels_are_the_numbers_of_the_table_and_later_objects_lie_on_top(client, affine):
    page = Page(client)
    gone = page.add("deleted later")
    clicked(page, affine, IN_HOT)
    clicked(page, affine, IN_WARM)
    top = clicked(page, affine, IN_HOT)
    xyz = (affine @ [5, 6, 9, 1])[:3].tolist()
    page.edit("POST", f"objects/{top}/strokes", points_mm=[xyz], radius_mm=1.0, erase=True)
    page.edit("DELETE", f"objects/{gone}")
    image = image_of(page, "labels.nii.gz")
    np.testing.assert_allclose(image.affine, affine, atol=1e-4)
    assert image.get_data_dtype() == np.int16
    expected = np.zeros(SHAPE, int)
    expected[HOT], expected[WARM] = 4, 3
    expected[5, 6, 9] = 2  # where the last was erased, the one below is seen
    np.testing.assert_array_equal(np.asarray(image.dataobj), expected)


def test_clicks_are_read_back_in_the_files_own_voxels(client, affine, tmp_path):
    page = Page(client)
    first = clicked(page, affine, IN_HOT)
    xyz = (affine @ [4.25, 5, 6.5, 1])[:3].tolist()
    page.edit("POST", f"objects/{first}/clicks", xyz_mm=xyz, positive=False)
    second = clicked(page, affine, IN_WARM, "Läsion")
    empty = page.add("empty")
    response = page.client.get(page.at("clicks.json"))
    assert response.headers["content-type"] == "application/json"
    (tmp_path / "clicks.json").write_bytes(response.content)
    volume = read_volume(tmp_path / "served" / "pet.nii.gz")
    found = read_prompts(tmp_path / "clicks.json", volume, object_id=first)
    assert [click.positive for click in found] == [True, False]
    np.testing.assert_allclose([click.ijk for click in found], [IN_HOT, (4.25, 5, 6.5)], atol=1e-4)
    (click,) = read_prompts(tmp_path / "clicks.json", volume, object_name="Läsion", object_id=second)
    np.testing.assert_allclose(click.ijk, IN_WARM, atol=1e-4)
    assert read_prompts(tmp_path / "clicks.json", volume, object_id=empty) == []
    assert str(tmp_path) not in response.text  # folders may name the patient


def test_a_mask_of_a_dicom_series_lies_where_the_series_does(tmp_path):
    stored = np.full((6, 8, 10), 100, np.int16)  # slice, row, column
    stored[2:4, 3:6, 4:7] = 2000
    # Columns of 5 mm to the left, rows of 4 mm to the back, slices of 3 mm upwards; hottest around (5, 4, 2.5).
    pet_folder(tmp_path / "served" / "series", stored=stored, origin=(-10.0, -20.0, 30.0))
    with serving(tmp_path) as client:
        page = Page(client, "series")
        number = page.add()
        # LPS (-10 + 5 · 5, -20 + 4 · 4, 30 + 3 · 2) is (-15, 4, 36) in RAS+.
        page.edit("POST", f"objects/{number}/clicks", xyz_mm=[-15, 4, 36])
        (tmp_path / "clicks.json").write_bytes(client.get(page.at("clicks.json")).content)
        page.edit("PUT", f"objects/{number}/mask", **as_request(page, [-15, 4, 36]))
        assert (
            ok(client.get(page.at("clicks.json")))["objects"] == []
        )  # clicks alone do not lead to this mask
        image = image_of(page, f"objects/{number}/mask.nii.gz")
        assert image.shape == (10, 8, 6)
        assert np.argwhere(np.asarray(image.dataobj)).tolist() == [[5, 4, 2]]
        np.testing.assert_allclose(image.affine @ [5, 4, 2, 1], [-15, 4, 36, 1])
        (click,) = read_prompts(tmp_path / "clicks.json", read_volume(tmp_path / "served" / "series"))
        np.testing.assert_allclose(click.ijk, (5, 4, 2), atol=1e-9)


def as_request(page: Page, xyz_mm) -> dict:
    """Return the mask of the one voxel at a place."""
    import base64
    import zlib

    i, j, k = np.rint(np.linalg.solve(page.scan["affine"], [*xyz_mm, 1])[:3]).astype(int).tolist()
    return {"start": [i, j, k], "shape": [1, 1, 1], "bits": base64.b64encode(zlib.compress(b"\x80")).decode()}


def test_the_table_has_the_numbers_of_the_mask(plain):
    number, empty = plain.add("lesion"), plain.add("liver")
    plain.click(number, IN_HOT)
    plain.dot(number, (0, 0, 0))
    row, nothing = ok(plain.client.get(plain.at("table")))
    # 64 voxels of 10 and one of 1, of 0.064 ml each.
    assert (row["object_id"], row["name"]) == (number, "lesion")
    assert row["volume_ml"] == pytest.approx(65 * 0.064)
    assert row["suv_max"] == 10
    assert row["suv_mean"] == pytest.approx(641 / 65)
    assert row["tlg"] == pytest.approx(641 * 0.064)
    # A voxel inside the block of 4 × 4 × 4: of its 19 neighbours within 6.2 mm all but (−1 or +2 beyond) are hot;
    # centred at (5, 6, 7), one voxel from three faces, all 6 beside it and all 12 across edges lie in the block.
    assert row["suv_peak"] == pytest.approx(10)
    assert nothing == {
        "object_id": empty,
        "name": "liver",
        "volume_ml": 0,
        "suv_max": None,
        "suv_mean": None,
        "suv_peak": None,
        "tlg": None,
    }


def rows_of(page: Page) -> list[list[str]]:
    response = page.client.get(page.at("table.csv"))
    assert response.headers["content-type"].startswith("text/csv")
    assert response.headers["content-disposition"] == 'attachment; filename="table.csv"'
    return list(csv.reader(io.StringIO(response.content.decode("utf-8"), newline="")))


def test_the_table_as_a_file_has_units_and_the_same_numbers(plain):
    number = plain.add('lesion, "left"\nupper')
    plain.click(number, IN_WARM)
    plain.add("empty")
    heading, row, nothing = rows_of(plain)
    assert heading == ["object", "name", "volume_ml", "suv_max", "suv_mean", "suv_peak", "tlg_g"]
    assert row[:5] == [str(number), 'lesion, "left"\nupper', "1.728", "6", "6"]  # 27 · 0.064
    assert float(row[6]) == pytest.approx(6 * 1.728)
    assert nothing[2:] == ["0", "", "", "", ""]


@pytest.mark.parametrize("name", ["=1+1", "+1", "-1", "@SUM(A1)", '=HYPERLINK("http://x")'])
def test_a_name_that_a_spreadsheet_would_compute_is_made_harmless(plain, name):
    plain.add(name)
    assert rows_of(plain)[1][1] == f"'{name}"
    assert ok(plain.client.get(plain.at("table")))[0]["name"] == name


def test_a_name_that_does_no_harm_stays_as_it_is(plain):
    for name in ("lesion-1", "Läsion 病変", "a=b"):
        plain.add(name)
    assert [row[1] for row in rows_of(plain)[1:]] == ["lesion-1", "Läsion 病変", "a=b"]


def test_a_figure_is_a_picture(plain):
    plain.click(plain.add("lesion"), IN_HOT)
    response = plain.client.get(plain.at("figure.png"))
    assert response.headers["content-type"] == "image/png"
    assert response.content.startswith(b"\x89PNG")


@pytest.mark.parametrize("name", ["a $b", r"$\frac$", r"$x^{$ \alpha", "_hidden", "%s {x} <b>"])
def test_a_figure_shows_any_name(plain, name):
    plain.dot(plain.add(name), IN_HOT)
    assert plain.client.get(plain.at("figure.png")).content.startswith(b"\x89PNG")


def test_empty_readings_have_nothing_to_export(plain):
    assert problem_of(plain.client.get(plain.at("labels.nii.gz")), 409).startswith("nothing to export")
    assert ok(plain.client.get(plain.at("table"))) == []
    assert len(rows_of(plain)) == 1
    plain.add()
    assert problem_of(plain.client.get(plain.at("figure.png")), 409).startswith("nothing to draw")
    assert not np.asarray(image_of(plain, "labels.nii.gz").dataobj).any()
    assert not np.asarray(image_of(plain, "objects/1/mask.nii.gz").dataobj).any()
    assert json.loads(plain.client.get(plain.at("clicks.json")).content)["objects"][0]["prompts"] == []


def test_files_are_named_after_their_object(plain):
    number = plain.add("../../etc/pass wd\r\nX: y")
    disposition = plain.client.get(plain.at(f"objects/{number}/mask.nii.gz")).headers["content-disposition"]
    assert disposition == 'attachment; filename="etc_pass_wd_X_y.nii.gz"'


@given(st.text(max_size=80))
def test_any_name_gives_one_that_every_file_system_takes(name):
    stem = file_stem(name)
    assert stem
    assert set(stem) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-")
    assert not stem.startswith((".", "_"))
    assert len(stem) <= 80


@pytest.mark.parametrize(("name", "stem"), [("lesion 1", "lesion_1"), ("病変", "object"), ("..", "object")])
def test_a_stem_keeps_what_can_be_kept(name, stem):
    assert file_stem(name) == stem
