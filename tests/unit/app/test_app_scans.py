"""Scans over HTTP: image, projections and what the page is told of them."""

from __future__ import annotations

import nibabel as nib
import numpy as np
import pytest

from seganypet.analysis.rotating import RotatingProjection
from small_server import (
    IN_HOT,
    LAS,
    RAS,
    SHAPE,
    Page,
    oblique,
    ok,
    problem_of,
    serving,
    small_suv,
    small_volume,
    write_scan,
)


def frame_of(page: Page, degrees) -> tuple[np.ndarray, float]:
    """Return a projection in SUV as the page computes it, and its step."""
    response = page.client.get(page.on_scan(f"mips/{degrees}"))
    assert response.is_success, response.text
    step = float(response.headers["x-suv-step"])
    mips = page.scan["mips"]
    levels = np.frombuffer(response.content, "<u2").reshape(mips["rows"], mips["columns"])
    return levels * step, step


def test_a_scan_tells_its_grid_and_where_it_lies(page):
    assert page.scan["name"] == "pet.nii.gz"
    assert page.scan["shape"] == list(SHAPE)
    assert page.scan["affine"] == RAS.tolist()
    assert page.scan["spacing_mm"] == [4, 4, 4]
    assert page.scan["suv_max"] == 10
    assert page.scan["notes"] == []
    assert page.scan["mips"]["rows"] == 16
    assert page.scan["mips"]["pixel_mm"] == [4, 4]
    assert ok(page.client.get(page.on_scan())) == page.scan


def test_what_reading_a_scan_warned_of_is_told(client, tmp_path):
    suv = small_suv()
    suv[0, 0, 0] = -0.5
    image = nib.Nifti1Image(suv, None)
    image.header.set_zooms((4, 4, 4))
    nib.save(image, tmp_path / "served" / "odd.nii")
    scan = ok(client.post("/api/scans", json={"path": "odd.nii"}))
    assert len(scan["notes"]) == 2
    assert any(note.startswith("negative SUV down to -0.5") for note in scan["notes"])
    assert any("left and right may be swapped" in note for note in scan["notes"])
    assert not any(str(tmp_path) in note for note in scan["notes"])


@pytest.mark.parametrize("affine", [RAS, LAS, oblique()], ids=["RAS", "LAS", "oblique"])
def test_the_image_is_the_scan_with_its_axes_to_right_anterior_and_superior(tmp_path, affine):
    write_scan(tmp_path / "served" / "pet.nii.gz", affine)
    with serving(tmp_path) as client:
        page = Page(client)
        content = client.get(page.on_scan("image.nii")).content
    image = nib.Nifti1Image.from_bytes(content)
    assert nib.aff2axcodes(image.affine) == ("R", "A", "S")
    expected = nib.as_closest_canonical(nib.Nifti1Image(small_suv(), affine))
    np.testing.assert_array_equal(np.asarray(image.dataobj), np.asarray(expected.dataobj))
    assert image.get_data_dtype() == np.float32
    np.testing.assert_allclose(image.affine, expected.affine, atol=1e-4)
    np.testing.assert_allclose(page.scan["affine"], expected.affine, atol=1e-4)


@pytest.mark.parametrize("degrees", [0, 90, 37.5, -60, 360])
def test_a_projection_comes_in_steps_of_a_sixteen_bit_part_of_its_highest(page, degrees):
    suv, step = frame_of(page, degrees)
    expected = RotatingProjection(small_volume()).frame(degrees)
    assert step == pytest.approx(10 / 65535)
    np.testing.assert_allclose(suv, expected, atol=step / 2 * 1.001)
    assert suv.max() == pytest.approx(10)


@pytest.mark.parametrize("degrees", ["nan", "inf", "361", "-361", "x"])
def test_an_angle_that_is_none_is_refused(page, degrees):
    problem_of(page.client.get(page.on_scan(f"mips/{degrees}")), 422)
    problem_of(page.client.get(page.on_scan(f"mips/{degrees}/voxel?row=0&column=0")), 422)
    problem_of(page.client.get(page.at(f"mips/{degrees}")), 422)


def test_a_pixel_leads_to_the_voxel_that_it_shows_and_a_click_there_to_its_object(page):
    suv, _ = frame_of(page, 30)
    row, column = np.argwhere(suv > 9.9)[3].tolist()
    found = ok(page.client.get(page.on_scan("mips/30/voxel"), params={"row": row, "column": column}))
    assert found["suv"] == 10
    assert small_suv()[tuple(found["ijk"])] == 10
    assert found["xyz_mm"] == pytest.approx(page.mm(found["ijk"]))
    number = page.add()
    page.edit("POST", f"objects/{number}/clicks", xyz_mm=found["xyz_mm"])
    assert page.mask(number)[tuple(found["ijk"])]


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ({"row": 16, "column": 0}, 409),
        ({"row": 0, "column": 0}, 409),
        ({"row": -1, "column": 0}, 422),
        ({"row": 0}, 422),
    ],
)
def test_a_pixel_that_shows_nothing_is_refused(page, query, status):
    problem_of(page.client.get(page.on_scan("mips/0/voxel"), params=query), status)


def test_a_scan_that_is_not_there_is_refused(client):
    for path in ("", "/image.nii", "/mips/0", "/mips/0/voxel?row=0&column=0"):
        assert "no scan" in problem_of(client.get(f"/api/scans/{'0' * 16}{path}"), 404)
    for bad in ("x", "0" * 15, "G" * 16, "..%2f"):
        response = client.get(f"/api/scans/{bad}")
        problem_of(response, response.status_code)
        assert response.status_code in (404, 422)


def test_a_scan_is_added_once(client):
    first, again = (ok(client.post("/api/scans", json={"path": "pet.nii.gz"})) for _ in range(2))
    assert first == again
    assert len(ok(client.get("/api/scans"))) == 1


def test_the_hottest_voxel_is_where_the_file_has_it(page):
    assert small_suv()[IN_HOT] == 10
    number = page.add()
    reply = page.click(number, (4, 5, 5), snap_mm=4)  # below the block, by one voxel
    assert reply["ijk"] == [4, 5, 6]
