"""The page in a real browser: what a reader does, and what the reader then sees."""

from __future__ import annotations

import gzip
import json
import time
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from playwright.sync_api import Browser, Route, expect
from reader import Reader, Server
from small_scans import BALL_MM, BONE_MM, GRIDS, RADIUS_MM, SOFT_MM, TALL_BALL_MM, ball

pytestmark = pytest.mark.page


def moved(mm: np.ndarray, x: float, y: float, z: float) -> np.ndarray:
    return mm + np.array([x, y, z])


BESIDE_MM = moved(BALL_MM, 60.0, 0.0, 0.0)
AWAY_MM = {
    "axial": moved(BALL_MM, 70.0, -25.0, 0.0),
    "coronal": moved(BALL_MM, 70.0, 0.0, 40.0),
    "sagittal": moved(BALL_MM, 0.0, -25.0, 40.0),
}


def dice(one: np.ndarray, other: np.ndarray) -> float:
    return float(2 * (one & other).sum() / (one.sum() + other.sum()))


@pytest.mark.parametrize("grid", GRIDS)
@pytest.mark.parametrize("plane", ["axial", "coronal", "sagittal"])
def test_a_click_on_the_planted_ball_marks_it_there(reader: Reader, grid: str, plane: str) -> None:
    reader.open(f"{grid}.nii.gz")
    reader.click(BALL_MM, plane)
    mask = reader.mask()
    truth = ball(mask.shape, mask.affine)
    assert mask.shape == GRIDS[grid][0]
    assert dice(np.asarray(mask.dataobj) > 0, truth) > 0.7
    for view in ("axial", "coronal", "sagittal"):
        assert reader.is_marked(BALL_MM, view)
        assert not reader.is_marked(AWAY_MM[view], view)


def test_the_patients_left_is_on_the_right_of_the_screen(reader: Reader) -> None:
    reader.open("las.nii.gz")
    reader.look_at(BALL_MM)
    for plane in ("axial", "coronal"):
        assert reader.pixel(BALL_MM, plane)[0] > reader.pixel(BALL_MM * [-1, 1, 1], plane)[0] + 10
        hot, cold = (
            reader.colour_at(place, plane).mean() for place in (BALL_MM, BALL_MM * np.array([-1.0, 1.0, 1.0]))
        )
        assert hot < cold - 60  # inverted grey: the ball is dark, and it lies on the left


def test_a_negative_click_takes_away_and_undo_brings_back(reader: Reader) -> None:
    reader.open("ras.nii.gz")
    reader.click(BALL_MM)
    before = reader.mask().get_fdata()
    edge = moved(BALL_MM, 0.0, RADIUS_MM - 5.0, 0.0)
    reader.press("t")
    expect(reader.page.get_by_test_id("sign")).to_contain_text("takes away")
    reader.click(edge)
    after = reader.mask()
    second = reader.state()["objects"][0]["clicks"][1]
    assert second["positive"] is False
    i, j, k = np.floor(np.add(second["ijk"], 0.5)).astype(int)  # the file's axes run as the page's
    assert before[i, j, k] == 1
    assert after.dataobj[i, j, k] == 0
    reader.press("Control+z")
    assert np.array_equal(reader.mask().get_fdata(), before)
    reader.press("Control+y")
    assert np.array_equal(reader.mask().get_fdata(), after.get_fdata())
    for _ in range(3):
        reader.press("Control+z")
    assert reader.state()["objects"] == []
    assert not reader.is_marked(BALL_MM, "axial")


def test_the_brush_paints_where_it_is_dragged_and_the_eraser_takes_away(reader: Reader) -> None:
    reader.open("oblique.nii.gz")
    reader.press("b")
    end = moved(BESIDE_MM, 0.0, 30.0, 0.0)
    reader.drag(BESIDE_MM, end)
    mask = reader.mask()
    painted = np.argwhere(np.asarray(mask.dataobj)) @ mask.affine[:3, :3].T + mask.affine[:3, 3]
    assert len(painted) > 20
    x, y, z = BESIDE_MM
    assert np.abs(painted[:, 2] - z).max() < 4.0
    assert painted[:, 0].min() >= x - 10
    assert painted[:, 0].max() <= x + 10
    assert painted[:, 1].min() == pytest.approx(y - 8, abs=4)
    assert painted[:, 1].max() == pytest.approx(y + 38, abs=4)
    assert reader.is_marked(moved(BESIDE_MM, 0.0, 15.0, 0.0), "axial")
    reader.press("x")
    reader.drag(moved(BESIDE_MM, 0.0, -12.0, 0.0), moved(end, 0.0, 12.0, 0.0))
    assert not np.asarray(reader.mask().dataobj).any()


def test_a_killed_server_loses_nothing_and_the_page_goes_on(browser: Browser, own_server: Server) -> None:
    with Reader.at(browser, own_server, name="A") as reader:
        reader.open("ras.nii.gz")
        reader.click(BALL_MM)
        reader.press("e")
        reader.press("b")
        reader.drag(BESIDE_MM, moved(BESIDE_MM, 0.0, 30.0, 0.0))
        before, masks = reader.state(), [reader.mask(n).get_fdata() for n in (1, 2)]
        own_server.kill()
        own_server.start()
        reader.page.reload()
        reader.settle()
        assert reader.state() == before
        assert all(np.array_equal(reader.mask(n).get_fdata(), mask) for n, mask in enumerate(masks, start=1))
        assert (
            reader.is_marked(BALL_MM, "axial")
            or (reader.look_at(BALL_MM), reader.is_marked(BALL_MM, "axial"))[1]
        )
        reader.press("Control+z")
        assert not np.asarray(reader.mask(2).dataobj).any()
        reader.forgive("ERR_CONNECTION_REFUSED")


def test_a_page_that_stays_open_goes_on_after_the_server_was_killed(
    browser: Browser, own_server: Server
) -> None:
    with Reader.at(browser, own_server, name="A") as reader:
        reader.open("ras.nii.gz")
        reader.click(BALL_MM)
        own_server.kill()
        own_server.start()
        reader.click(moved(BALL_MM, 6.0, 0.0, 0.0))
        reader.click(moved(BALL_MM, 6.0, 0.0, 0.0))
        assert 2 <= len(reader.state()["objects"][0]["clicks"]) <= 3
        reader.forgive("423", "ERR_CONNECTION_REFUSED")


def test_what_is_exported_is_what_was_marked(reader: Reader) -> None:
    reader.open("las.nii.gz")
    reader.click(BALL_MM)
    with reader.page.expect_download() as download:
        reader.page.get_by_role("link", name="label map").click()
    labels = nib.Nifti1Image.from_bytes(gzip.decompress(download.value.path().read_bytes()))
    scan = nib.load(reader.server.root / "las.nii.gz")
    assert np.array_equal(labels.affine, scan.affine)
    assert dice(np.asarray(labels.dataobj) == 1, ball(labels.shape, labels.affine)) > 0.7
    shown = reader.volume_ml()
    assert shown == pytest.approx((np.asarray(labels.dataobj) == 1).sum() * 0.048, abs=0.006)
    with reader.page.expect_download() as download:
        reader.page.get_by_role("link", name="clicks").click()
    clicks = json.loads(download.value.path().read_text())
    (point,) = clicks["objects"][0]["prompts"]
    assert np.allclose(scan.affine[:3, :3] @ point["xyz"] + scan.affine[:3, 3], BALL_MM, atol=3.0)


def test_a_click_on_the_projection_goes_to_the_voxel_it_shows(reader: Reader) -> None:
    reader.open("oblique.nii.gz")
    reader.page.wait_for_timeout(500)
    mips = reader.store("scan.value.mips")
    raw = reader.server.get(f"api/scans/{reader.store('scan.value.id')}/mips/0")
    levels = np.frombuffer(raw, dtype="<u2").reshape(mips["rows"], mips["columns"])
    row, column = np.argwhere(levels > 0.8 * levels.max()).mean(axis=0)
    box = reader.page.get_by_test_id("mip").bounding_box()
    assert box is not None
    x = box["x"] + (column + 0.5) / mips["columns"] * box["width"]
    reader.page.mouse.click(x, box["y"] + (row + 0.5) / mips["rows"] * box["height"])
    reader.settle()
    assert np.linalg.norm(np.array(reader.store("place.value")) - BALL_MM) < RADIUS_MM + 3
    assert float(reader.page.get_by_test_id("suv").inner_text().split()[1]) > 9


def test_names_cannot_run_scripts(reader: Reader) -> None:
    reader.open("ras.nii.gz")
    name = "<img src=x onerror=window.hacked=1>"
    reader.page.get_by_label("Name of the next object").fill(name)
    reader.page.get_by_label("Name of the next object").press("Enter")
    reader.settle()
    expect(reader.page.locator("[data-testid=table]")).to_contain_text(name)
    assert reader.page.evaluate("() => window.hacked") is None


def test_a_second_page_can_look_and_take_over(browser: Browser, server: Server) -> None:
    with Reader.at(browser, server, name="both") as first, Reader.at(browser, server, name="both") as second:
        first.open("ras.nii.gz")
        first.click(BALL_MM)
        second.open("ras.nii.gz")
        expect(second.page.get_by_role("alert")).to_contain_text("open elsewhere")
        assert len(second.store("state.value.objects")) == 1
        second.page.get_by_role("button", name="Take over").click()
        second.settle()
        second.press("r")
        assert second.state()["objects"][0]["clicks"] == []
        first.press("e")
        expect(first.page.get_by_role("alert").first).to_contain_text("open elsewhere")
        for each in (first, second):
            each.forgive("423")


def test_a_reading_is_free_once_its_page_is_closed(browser: Browser, server: Server) -> None:
    with Reader.at(browser, server, name="one after the other") as first:
        first.open("ras.nii.gz")
        first.click(BALL_MM)
    with Reader.at(browser, server, name="one after the other") as second:
        second.open("ras.nii.gz")
        second.press("r")
        assert second.state()["objects"][0]["clicks"] == []


@pytest.mark.parametrize(("how", "grid"), [("beside", "oblique"), ("fused", "las")])
def test_a_ct_is_shown_with_the_pet_in_the_same_place(reader: Reader, how: str, grid: str) -> None:
    reader.open(f"{grid}.nii.gz")
    reader.look_at(BONE_MM)
    before = reader.colour_at(BONE_MM, "axial").mean()
    reader.page.get_by_role("button", name="Add a CT or MR…").click()
    reader.page.get_by_role("button", name="ct.nii.gz").last.click()
    reader.settle()
    reader.page.get_by_label("CT or MR", exact=True).select_option(how)
    reader.settle()
    reader.page.wait_for_timeout(300)
    where = "beside" if how == "beside" else "slices"
    bone, soft = (reader.colour_at(place, "axial", where).mean() for place in (BONE_MM, SOFT_MM))
    assert bone > soft + 40
    assert how == "beside" or bone != pytest.approx(before, abs=5)


def test_uploaded_scans_are_opened(reader: Reader) -> None:
    reader.page.get_by_test_id("upload").set_input_files(reader.server.root / "las.nii.gz")
    reader.settle()
    expect(reader.page.get_by_test_id("scan")).to_contain_text("las.nii.gz")
    reader.click(BALL_MM)
    assert reader.is_marked(BALL_MM, "coronal")


def test_a_file_that_is_no_scan_is_refused_with_the_reason(reader: Reader, tmp_path: Path) -> None:
    broken = tmp_path / "broken.nii.gz"
    broken.write_bytes(b"this is no scan")
    reader.page.get_by_test_id("upload").set_input_files(broken)
    expect(reader.page.get_by_test_id("error")).to_contain_text(
        "broken.nii.gz: empty, truncated or no NIfTI file"
    )
    reader.forgive("422")


def test_uncertainty_is_shown_around_the_mask(reader: Reader) -> None:
    reader.open("ras.nii.gz")
    reader.click(BALL_MM)
    edge = moved(BALL_MM, RADIUS_MM, 0.0, 0.0)
    reader.press("u")
    red, _, blue = reader.colour_at(moved(edge, -2.0, 0.0, 0.0), "axial")
    assert red > blue + 40  # from yellow to red
    reader.press("u")


def hasty(reader: Reader, seconds: float = 0.7) -> None:
    """Let the model's answers come late."""

    def late(route: Route) -> None:
        time.sleep(seconds)
        route.continue_()

    reader.page.route("**/clicks", late)


def test_clicks_made_while_an_object_is_added_are_for_it(reader: Reader) -> None:
    reader.open("ras.nii.gz")
    hasty(reader)
    click = "window.seganypet.store.click"
    places = [list(map(float, place)) for place in (BALL_MM, moved(BALL_MM, 4.0, 0.0, 0.0), BESIDE_MM)]
    reader.page.evaluate(f"([a, b]) => {{ {click}(a, true); {click}(b, true); }}", places[:2])
    reader.page.keyboard.press("e")
    reader.page.evaluate(f"(c) => {{ {click}(c, true); }}", places[2])
    reader.settle()
    assert [(o["name"], len(o["clicks"])) for o in reader.state()["objects"]] == [
        ("lesion 1", 2),
        ("lesion 2", 1),
    ]


def test_clicks_stay_with_their_scan_when_another_is_opened(reader: Reader) -> None:
    reader.open("ras.nii.gz")
    reader.click(BALL_MM)
    first = reader.store("state.value.id")
    hasty(reader)
    reader.page.evaluate("(mm) => { window.seganypet.store.click(mm, true); }", list(map(float, BALL_MM)))
    reader.page.get_by_role("button", name="Open a scan…").click()
    reader.open("las.nii.gz")
    assert reader.store("state.value.scan_id") == reader.store("scan.value.id")
    assert reader.state()["objects"] == []
    assert len(json.loads(reader.server.get(f"api/readings/{first}"))["objects"][0]["clicks"]) == 2
    reader.click(BALL_MM)
    assert [len(o["clicks"]) for o in reader.state()["objects"]] == [1]


def test_a_lost_answer_does_not_leave_the_picture_out_of_step(reader: Reader) -> None:
    reader.open("ras.nii.gz")
    reader.press("b")

    def lose(route: Route) -> None:
        route.fetch()
        route.abort()

    reader.page.route("**/strokes", lose, times=1)
    end = moved(BESIDE_MM, 0.0, 30.0, 0.0)
    reader.drag(BESIDE_MM, end)
    expect(reader.page.get_by_test_id("error")).to_contain_text("does not answer")
    reader.drag(BESIDE_MM, end)
    assert reader.is_marked(moved(BESIDE_MM, 0.0, 15.0, 0.0), "axial")
    assert len(reader.store("state.value.objects")) == 1
    reader.forgive("ERR_FAILED")


def test_a_click_on_the_projection_of_a_tall_body_is_right_at_its_edge(reader: Reader) -> None:
    reader.open("tall.nii.gz")
    reader.page.wait_for_timeout(500)
    scan = reader.store("scan.value.id")
    mips = reader.store("scan.value.mips")
    raw = reader.server.get(f"api/scans/{scan}/mips/0")
    levels = np.frombuffer(raw, dtype="<u2").reshape(mips["rows"], mips["columns"])
    row, column = np.argwhere(levels > 0.8 * levels.max()).mean(axis=0)
    box = reader.page.get_by_test_id("mip").bounding_box()
    assert box is not None
    assert box["height"] / box["width"] == pytest.approx(
        mips["rows"] * mips["pixel_mm"][1] / (mips["columns"] * mips["pixel_mm"][0]), rel=0.02
    )
    x = box["x"] + (column + 0.5) / mips["columns"] * box["width"]
    reader.page.mouse.click(x, box["y"] + (row + 0.5) / mips["rows"] * box["height"])
    reader.settle()
    assert np.linalg.norm(np.array(reader.store("place.value")) - TALL_BALL_MM) < RADIUS_MM + 6


def test_without_the_model_a_reading_is_manual(browser: Browser, server: Server) -> None:
    with Reader.at(browser, server, name="manual") as reader:
        reader.page.get_by_label("manual reading (model off)").check()
        reader.open("ras.nii.gz")
        assert reader.page.get_by_role("button", name="Point P").is_disabled()
        reader.press("b")
        reader.drag(BALL_MM, moved(BALL_MM, 10.0, 0.0, 0.0))
        assert reader.is_marked(BALL_MM, "axial")


def test_the_keys_are_shown(reader: Reader) -> None:
    reader.page.get_by_role("heading", name="SegAnyPET").click()
    reader.page.keyboard.press("?")
    expect(reader.page.get_by_role("dialog")).to_contain_text("next object")
    expect(reader.page.get_by_text("Research use only, not a medical device.")).to_be_visible()
