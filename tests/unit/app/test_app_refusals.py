"""What a reading refuses: each time a problem that says what to do, and nothing has changed."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest

from small_server import (
    HOT,
    IN_HOT,
    Page,
    in_block,
    packed,
    problem_of,
    serving,
    write_scan,
)


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    folder = tmp_path_factory.mktemp("refusals")
    write_scan(folder / "served" / "pet.nii.gz")
    with serving(folder) as client:
        yield client


@pytest.fixture
def page(client, request):
    """A reading of the test's own: what it refuses changes nothing of the server."""
    return Page(client, reader=str(hash(request.node.nodeid)))


@pytest.mark.parametrize("step", ["undo", "redo"])
def test_nothing_to_undo_or_redo_is_refused(page, step):
    assert problem_of(page.send("POST", step), 409) == f"nothing to {step}"


def test_a_first_click_that_is_negative_is_refused_with_what_to_do(page):
    number = page.add()
    detail = problem_of(
        page.send("POST", f"objects/{number}/clicks", {"ijk": IN_HOT, "positive": False}), 422
    )
    assert detail == "the first click must be positive: it says what to segment; then exclude with negative"
    page.check()


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({}, "needs one place: xyz_mm, or ijk"),
        ({"ijk": IN_HOT, "xyz_mm": [0, 0, 0]}, "needs one place: xyz_mm, or ijk"),
        ({"ijk": [20, 0, 0]}, r"outside the volume of shape \(20, 18, 16\)"),
        ({"ijk": [-1, 0, 0], "snap_mm": 8}, r"outside the volume of \(20, 18, 16\) voxels"),
        ({"xyz_mm": [1e308, 0, 0]}, "outside the volume"),
        ({"xyz_mm": [1e308, -1e308, 1e308], "snap_mm": 1}, "outside the volume"),
        ({"ijk": [1, 2]}, "ijk"),
        ({"ijk": [1, 2, "x"]}, "valid number"),
        ({"ijk": IN_HOT, "snap_mm": 51}, "less than or equal to 50"),
        ({"ijk": IN_HOT, "snap": 1}, "snap: Extra inputs are not permitted"),
    ],
)
def test_a_click_at_no_place_is_refused(page, body, message):
    number = page.add()
    detail = problem_of(page.send("POST", f"objects/{number}/clicks", body), 422)

    assert re.search(message, detail), detail
    page.check()


def test_numbers_that_are_none_are_refused(page):
    number = page.add()
    for text in ('{"ijk": [NaN, 1, 2]}', '{"ijk": [Infinity, 1, 2]}', '{"xyz_mm": [1, 2, -Infinity]}'):
        response = page.client.post(
            page.at(f"objects/{number}/clicks"),
            content=text,
            headers={"X-Lease": page.lease, "Content-Type": "application/json"},
        )
        assert "finite" in problem_of(response, 422)


def test_a_box_is_refused_where_the_weights_know_none(page):
    number = page.add()
    body = {"ijk_min": [4, 5, 6], "ijk_max": [7, 8, 9]}
    assert "not trained with boxes" in problem_of(page.send("POST", f"objects/{number}/boxes", body), 422)
    page.check()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"start": [1, 0, 0]}, "reaches beyond the scan of (20, 18, 16) voxels"),
        ({"start": [-1, 0, 0]}, "reaches beyond the scan"),
        ({"shape": [0, 1, 1]}, "greater than or equal to 1"),
        ({"shape": [19, 18, 16]}, "bits of the mask cannot be read"),
        ({"bits": "no base64!"}, "bits of the mask cannot be read"),
        ({"bits": "bm8gemxpYg=="}, "bits of the mask cannot be read"),
        ({"bits": "ü"}, "bits of the mask cannot be read"),
    ],
)
def test_a_mask_that_does_not_fit_is_refused(page, change, message):
    number = page.add()
    body = packed(in_block(HOT)) | change
    assert message in problem_of(page.send("PUT", f"objects/{number}/mask", body), 422)
    page.check()


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"points_mm": [[4000, 0, 0]], "radius_mm": 5}, "outside the volume"),
        ({"points_mm": [[-20, -6, 128], [1e300, 0, 0]], "radius_mm": 5}, "farther than a kilometre"),
        ({"points_mm": [], "radius_mm": 5}, "at least 1 item"),
        ({"points_mm": [[-20, -6, 128]], "radius_mm": 0}, "greater than 0"),
        ({"points_mm": [[-20, -6, 128]], "radius_mm": 101}, "less than or equal to 100"),
        ({"points_mm": [[-20, -6, 128]] * 2001, "radius_mm": 1}, "at most 2000"),
        (
            {"points_mm": [[-20, -6, 128]], "radius_mm": 1, "plane": "oblique"},
            "'sagittal', 'coronal' or 'axial'",
        ),
    ],
)
def test_a_stroke_that_cannot_be_painted_is_refused(page, body, message):
    number = page.add()
    assert message in problem_of(page.send("POST", f"objects/{number}/strokes", body), 422)
    page.check()


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"name": ""}, "at least 1 character"),
        ({"name": "   "}, "at least 1 character"),
        ({"name": "x" * 81}, "at most 80 characters"),
        ({"name": "a", "colour": "red"}, "should match pattern"),
        ({"name": "a", "colour": "#FF0000\n"}, "should match pattern"),
        ({"name": 7}, "valid string"),
    ],
)
def test_an_object_without_a_proper_name_or_colour_is_refused(page, body, message):
    assert message in problem_of(page.send("POST", "objects", body), 422)
    page.check()


def test_a_description_of_nothing_is_refused(page):
    number = page.add()
    for body in ({}, {"name": None}):
        assert "nothing to change" in problem_of(page.send("PATCH", f"objects/{number}", body), 409)


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("PATCH", "objects/7", {"name": "x"}),
        ("DELETE", "objects/7", None),
        ("POST", "objects/7/clear", None),
        ("POST", "objects/7/clicks", {"ijk": IN_HOT}),
        ("POST", "objects/7/boxes", {"ijk_min": [1, 1, 1], "ijk_max": [2, 2, 2]}),
        ("POST", "objects/7/strokes", {"points_mm": [[-20, -6, 128]], "radius_mm": 5}),
        ("POST", "objects/7/thresholds", {"rule": "41%"}),
        ("PUT", "objects/7/mask", packed(in_block(HOT))),
        ("GET", "objects/7/mask", None),
        ("GET", "objects/7/mask.nii.gz", None),
        ("GET", "objects/7/uncertainty", None),
    ],
)
def test_an_object_that_is_not_there_is_refused(page, method, path, body):
    assert "no object 7 in this reading" in problem_of(page.send(method, path, body), 404)
    page.check()


def test_a_reading_that_is_not_there_is_refused(client):
    for path in ("", "/table", "/labels.nii.gz", "/clicks.json", "/mips/0"):
        assert "no reading '0000" in problem_of(client.get(f"/api/readings/{'0' * 16}{path}"), 404)
    problem_of(client.get("/api/readings/no-id"), 422)
    assert "no scan" in problem_of(
        client.post(f"/api/scans/{'0' * 16}/readings", json={"reader": "Ada"}), 404
    )


def test_a_manual_reading_refuses_the_model_and_takes_the_brush(client):
    page = Page(client, assisted=False)
    assert page.state["assisted"] is False
    number = page.add()
    for path, body in (
        ("clicks", {"ijk": IN_HOT}),
        ("boxes", {"ijk_min": [4, 5, 6], "ijk_max": [7, 8, 9]}),
    ):
        detail = problem_of(page.send("POST", f"objects/{number}/{path}", body), 409)
        assert detail.startswith("this is a manual reading: the model is off")
    page.dot(number, IN_HOT)
    assert "manual reading" in problem_of(client.get(page.at(f"objects/{number}/uncertainty")), 409)
    page.edit("POST", f"objects/{number}/thresholds", rule="50%")
    np.testing.assert_array_equal(page.mask(number + 1), in_block(HOT))
    page.check()
    assert client.get("/api/health").json()["model_ready"] in (True, False)


def test_on_a_server_without_a_model_no_reading_uses_it(tmp_path):
    """Also none that was begun when it had one."""
    write_scan(tmp_path / "served" / "pet.nii.gz")
    with serving(tmp_path) as client:
        page = Page(client)
        number = page.add()
    loads = []
    with serving(tmp_path, assisted=False, model=lambda: loads.append(1)) as client:
        page.client = client
        page.open(page.looked_up())
        click = {"ijk": IN_HOT}
        assert "the model is off" in problem_of(page.send("POST", f"objects/{number}/clicks", click), 409)
        box = {"ijk_min": [4, 5, 6], "ijk_max": [7, 8, 9]}
        assert "the model is off" in problem_of(page.send("POST", f"objects/{number}/boxes", box), 409)
        assert "the model is off" in problem_of(client.get(page.at(f"objects/{number}/uncertainty")), 409)
        assert Page(client, reader="Bob").state["assisted"] is False
    assert not loads


@pytest.mark.parametrize("text", ["", "{", "[1]", '"a"', "[" * 100_000])
def test_a_body_that_is_no_object_is_refused(page, text):
    response = page.client.post(
        page.at("objects"), content=text, headers={"X-Lease": page.lease, "Content-Type": "application/json"}
    )
    assert response.status_code in (400, 422)
    problem_of(response, response.status_code)
    page.check()


def test_names_come_back_as_text_and_never_as_a_page(page):
    name = '<script>alert("x")</script>&=1+1\u202e'
    number = page.add(name)
    response = page.client.get(page.at())
    assert response.headers["content-type"] == "application/json"
    assert response.headers["x-content-type-options"] == "nosniff"
    assert json.loads(response.content)["objects"][0]["name"] == name
    reply = page.client.get(page.at(f"objects/{number}/mask.nii.gz"))
    assert reply.headers["content-disposition"] == 'attachment; filename="script_alert_x_script_1_1.nii.gz"'


def test_a_name_that_is_no_text_is_refused(page):
    response = page.client.post(
        page.at("objects"),
        content='{"name": "\\ud800"}',
        headers={"X-Lease": page.lease, "Content-Type": "application/json"},
    )
    assert response.status_code in (400, 422)
    problem_of(response, response.status_code)
    page.check()
