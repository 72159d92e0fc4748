"""A reading over HTTP: what the page adds up from the replies is what the server holds, at every step."""

from __future__ import annotations

import json
import math
import re

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from small_server import (
    HOT,
    IN_HOT,
    IN_WARM,
    LAS,
    SHAPE,
    WARM,
    Page,
    in_block,
    oblique,
    ok,
    packed,
    problem_of,
    serving,
    write_scan,
)
from synthetic_model import box_as_mask


@pytest.fixture
def client(tmp_path):
    write_scan(tmp_path / "served" / "pet.nii.gz")
    with serving(tmp_path) as client:
        yield client


@pytest.fixture
def page(client):
    return Page(client)


def test_a_click_gives_the_mask_and_says_what_it_did(page):
    number = page.add("lesion")
    reply = page.click(number, IN_HOT)
    assert (reply["kind"], reply["object_id"], reply["ijk"]) == ("click", number, [5, 6, 7])
    assert reply["change"]["start"] == [4, 5, 6]
    assert reply["change"]["shape"] == [4, 4, 4]
    assert reply["seconds"] > 0
    np.testing.assert_array_equal(page.mask(number), in_block(HOT))
    page.check()


def test_a_click_may_be_placed_in_mm(page):
    number = page.add()
    # Voxel (5, 6, 7) lies at -40 + 4 · 5, -30 + 4 · 6, 100 + 4 · 7.
    reply = page.edit("POST", f"objects/{number}/clicks", xyz_mm=[-20, -6, 128])
    assert reply["ijk"] == pytest.approx([5, 6, 7])
    np.testing.assert_array_equal(page.mask(number), in_block(HOT))


def test_a_click_snaps_to_the_hottest_voxel_nearby_and_says_where(page):
    number = page.add()
    # (12, 11, 5) is beside the warm block, which begins at i = 13, 4 mm away.
    reply = page.click(number, (12, 11, 5), snap_mm=4)
    assert reply["ijk"] == [13, 11, 5]
    np.testing.assert_array_equal(page.mask(number), in_block(WARM))
    assert page.state["objects"][0]["clicks"] == [{"ijk": [13, 11, 5], "positive": True}]


def test_a_negative_click_takes_what_is_nearer_to_it(page):
    number = page.add()
    page.click(number, (4, 5, 6))
    page.click(number, (7, 8, 9), positive=False)
    # Halves of a cube: nearer to one corner or to the other; those between stay.
    i, j, k = np.indices((4, 4, 4))
    kept = np.zeros(SHAPE, bool)
    kept[HOT] = i + j + k <= 4.5
    np.testing.assert_array_equal(page.mask(number), kept)
    page.check()


def test_painting_and_erasing_change_what_the_brush_touches(page):
    number = page.add()
    page.dot(number, (10, 10, 10), radius_mm=4.0)
    assert page.mask(number).sum() == 7  # the voxel and its six neighbours
    page.dot(number, (11, 10, 10), erase=True)
    assert page.mask(number).sum() == 6
    assert not page.mask(number)[11, 10, 10]
    page.dot(number, (2, 2, 2), radius_mm=4.0, plane="axial")
    assert page.mask(number)[:, :, 2].sum() == 5
    page.check()


def test_a_line_paints_from_point_to_point(page):
    number = page.add()
    points = [page.mm((1, 1, 1)), page.mm((4, 1, 1)), page.mm((4, 1, 3))]
    page.edit("POST", f"objects/{number}/strokes", points_mm=points, radius_mm=0.5)
    assert np.argwhere(page.mask(number)).tolist() == [
        *[[i, 1, 1] for i in range(1, 5)],
        [4, 1, 2],
        [4, 1, 3],
    ]


def test_a_click_goes_on_from_what_was_painted(page):
    number = page.add()
    page.dot(number, (1, 1, 1))
    page.click(number, IN_WARM)
    expected = in_block(WARM)
    expected[1, 1, 1] = True
    np.testing.assert_array_equal(page.mask(number), expected)
    page.click(number, (1, 1, 1), positive=False)
    assert not page.mask(number)[1, 1, 1]
    page.check()


def test_a_threshold_makes_an_object_of_its_own(page):
    number = page.add("lesion")
    page.dot(number, IN_HOT)
    reply = page.edit("POST", f"objects/{number}/thresholds", rule="41%")
    assert reply["object_id"] != number
    np.testing.assert_array_equal(page.mask(reply["object_id"]), in_block(HOT))
    assert page.objects() == {number: "lesion", reply["object_id"]: "lesion ≥ 41% of SUVmax"}
    page.undo()
    assert page.objects() == {number: "lesion"}
    page.check()


def test_a_given_mask_replaces_the_objects_own(page):
    number = page.add()
    page.click(number, IN_HOT)
    page.edit("PUT", f"objects/{number}/mask", **packed(in_block(WARM)))
    np.testing.assert_array_equal(page.mask(number), in_block(WARM))
    page.undo()
    np.testing.assert_array_equal(page.mask(number), in_block(HOT))
    page.check()


def test_a_clear_empties_mask_and_clicks_and_undo_brings_both_back(page):
    number = page.add()
    page.click(number, IN_HOT)
    before = page.state["objects"]
    page.edit("POST", f"objects/{number}/clear")
    assert not page.mask(number).any()
    assert page.state["objects"][0]["clicks"] == []
    page.check()
    page.undo()
    assert page.state["objects"] == before
    np.testing.assert_array_equal(page.mask(number), in_block(HOT))
    page.check()


def test_undo_brings_a_deleted_object_back_with_its_mask(page):
    number, other = page.add("lesion"), page.add("liver")
    page.click(number, IN_HOT)
    page.edit("DELETE", f"objects/{number}")
    assert page.objects() == {other: "liver"}
    page.check()
    assert page.undo()["kind"] == "remove"
    assert page.objects() == {number: "lesion", other: "liver"}
    np.testing.assert_array_equal(page.mask(number), in_block(HOT))
    page.check()
    page.redo()
    assert page.objects() == {other: "liver"}
    page.check()


def test_an_object_is_renamed_and_recoloured(page):
    number = page.add("  lesion ")
    assert page.state["objects"][0]["name"] == "lesion"
    page.edit("PATCH", f"objects/{number}", name="liver")
    page.edit("PATCH", f"objects/{number}", colour="#00ff00")
    assert [(o["name"], o["colour"]) for o in page.state["objects"]] == [("liver", "#00ff00")]
    page.undo()
    page.undo()
    assert [(o["name"], o["colour"]) for o in page.state["objects"]] == [("lesion", "#e6194b")]


def test_a_box_starts_an_object_anew(tmp_path):
    write_scan(tmp_path / "served" / "pet.nii.gz")
    with serving(tmp_path, model=box_as_mask) as client:
        page = Page(client)
        number = page.add()
        page.dot(number, (1, 1, 1))
        page.edit("POST", f"objects/{number}/boxes", ijk_min=[4, 5, 6], ijk_max=[7, 8, 9])
        np.testing.assert_array_equal(page.mask(number), in_block(HOT))
        page.click(number, (14, 12, 5))
        np.testing.assert_array_equal(page.mask(number), in_block(HOT) | in_block(WARM))
        page.undo()
        page.undo()
        assert page.mask(number).sum() == 1
        page.check()


def test_undo_and_redo_say_what_they_would_do_next(page):
    assert (page.state["undo"], page.state["redo"], page.state["actions"]) == (None, None, 0)
    number = page.add()
    page.click(number, IN_HOT)
    assert (page.state["undo"], page.state["redo"], page.state["actions"]) == ("click", None, 2)
    page.undo()
    assert (page.state["undo"], page.state["redo"], page.state["actions"]) == ("add", "click", 1)
    page.undo()
    assert (page.state["undo"], page.state["redo"], page.state["actions"]) == (None, "add", 0)


@pytest.mark.parametrize("step", ["undo", "redo"])
def test_nothing_to_undo_or_redo_is_refused(page, step):
    assert problem_of(page.send("POST", step), 409) == f"nothing to {step}"


# What a reader may do next: what, to which object, where, and how.
STEPS = st.tuples(
    st.sampled_from(
        ["add", "click", "negative", "paint", "erase", "threshold", "mask", "clear", "remove", "name", "undo", "redo"]
    ),
    st.integers(0, 2),
    st.sampled_from([IN_HOT, IN_WARM, (4, 5, 6), (10, 9, 8), (0, 0, 0)]),
)


def take(page: Page, kind: str, which: int, ijk: tuple[int, int, int]) -> None:
    """Send what a page would; what the server refuses changes nothing."""
    numbers = list(page.objects())
    before = page.looked_up()["actions"]
    if kind in ("undo", "redo"):
        if page.state[kind] is not None:
            getattr(page, kind)()
        return
    if kind == "add" or not numbers:
        page.add(f"object {which}")
        return
    at = f"objects/{numbers[which % len(numbers)]}"
    method, path, body = {
        "click": ("POST", f"{at}/clicks", {"ijk": ijk}),
        "negative": ("POST", f"{at}/clicks", {"ijk": ijk, "positive": False}),
        "paint": ("POST", f"{at}/strokes", {"points_mm": [page.mm(ijk)], "radius_mm": 6}),
        "erase": ("POST", f"{at}/strokes", {"points_mm": [page.mm(ijk)], "radius_mm": 5, "erase": True}),
        "threshold": ("POST", f"{at}/thresholds", {"rule": ("41%", "2.5", "4.0")[which]}),
        "mask": ("PUT", f"{at}/mask", packed(in_block(WARM))),
        "clear": ("POST", f"{at}/clear", None),
        "remove": ("DELETE", at, None),
        "name": ("PATCH", at, {"name": f"name {which}"}),
    }[kind]
    response = page.send(method, path, body)
    if response.is_success:
        reply = response.json()
        page.state = reply["state"]
        if reply["change"] is not None:
            page.masks.setdefault(reply["object_id"], page.empty())
            page.masks[reply["object_id"]] ^= page.unpacked(reply["change"])
    else:
        assert response.status_code in (409, 422)
        assert page.looked_up()["actions"] == before


@settings(deadline=None, max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(STEPS, min_size=3, max_size=12))
def test_whatever_is_done_page_and_server_agree_and_undo_goes_back_to_the_beginning(client, steps):
    test_whatever_is_done_page_and_server_agree_and_undo_goes_back_to_the_beginning.reader += 1
    reader = test_whatever_is_done_page_and_server_agree_and_undo_goes_back_to_the_beginning.reader
    page = Page(client, reader=f"reader {reader}")
    for step in steps:
        take(page, *step)
    page.check()
    end = page.looked_up()
    while page.state["undo"]:
        page.undo()
    page.check()
    assert page.state["objects"] == []
    assert not any(mask.any() for mask in page.masks.values())
    while page.state["redo"]:
        page.redo()
    page.check()
    if end["redo"] is None:
        assert page.looked_up()["objects"] == end["objects"]


test_whatever_is_done_page_and_server_agree_and_undo_goes_back_to_the_beginning.reader = 0


@pytest.mark.parametrize("affine", [LAS, oblique()], ids=["LAS", "oblique"])
def test_the_page_counts_voxels_from_right_anterior_and_superior_and_mm_lead_there(tmp_path, affine):
    write_scan(tmp_path / "served" / "pet.nii.gz", affine)
    with serving(tmp_path) as client:
        page = Page(client)
        shown = np.array(page.scan["affine"])
        assert (np.argmax(np.abs(shown[:3, :3]), axis=0) == [0, 1, 2]).all()
        assert (np.diag(shown) > 0).all()
        number = page.add()
        xyz = (affine @ [*IN_HOT, 1])[:3].tolist()  # the file's own voxel
        page.edit("POST", f"objects/{number}/clicks", xyz_mm=xyz)
        inside = np.argwhere(page.mask(number))
        places = (shown[:3, :3] @ inside.T).T + shown[:3, 3]
        own = np.linalg.solve(affine[:3, :3], (places - affine[:3, 3]).T).T
        mask = np.zeros(SHAPE, bool)
        mask[tuple(np.rint(own).astype(int).T)] = True
        np.testing.assert_array_equal(mask, in_block(HOT))
        page.check()


def test_a_first_click_that_is_negative_is_refused_with_what_to_do(page):
    number = page.add()
    detail = problem_of(page.send("POST", f"objects/{number}/clicks", {"ijk": IN_HOT, "positive": False}), 422)
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
        ({"points_mm": [[-20, -6, 128]], "radius_mm": 1, "plane": "oblique"}, "'sagittal', 'coronal' or 'axial'"),
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


def test_who_comes_back_goes_on_with_what_was_begun(client):
    first = Page(client)
    number = first.add()
    first.click(number, IN_HOT)
    client.delete(first.at("lease"), headers={"X-Lease": first.lease})
    again = Page(client)
    assert again.state["id"] == first.state["id"]
    np.testing.assert_array_equal(again.mask(number), in_block(HOT))
    again.check()
    for other in (Page(client, reader="Bob"), Page(client, assisted=False)):
        assert other.state["id"] != first.state["id"]
        assert other.state["objects"] == []


def test_readers_do_not_change_each_others_readings(client):
    ada, bob = Page(client), Page(client, reader="Bob")
    ada.click(ada.add(), IN_HOT)
    bob.click(bob.add(), IN_WARM)
    ada.undo()
    ada.check()
    bob.check()
    np.testing.assert_array_equal(bob.mask(1), in_block(WARM))


def test_the_list_names_scans_and_readings(client):
    page = Page(client)
    Page(client, reader="Bob", assisted=False)
    (entry,) = ok(client.get("/api/scans"))
    assert (entry["id"], entry["name"], entry["in_memory"]) == (page.scan["id"], "pet.nii.gz", True)
    assert [(r["reader"], r["assisted"]) for r in entry["readings"]] == [("Ada", True), ("Bob", False)]


def test_what_the_page_wants_to_find_again_is_kept(client):
    page = Page(client)
    view = {"window": [0, 10.5], "place": None, "hidden": [1, 2], "ü": {"a": True}}
    assert page.send("PUT", "view", view).status_code == 204
    assert page.looked_up()["view"] == view
    assert Page(client, reader="Bob").looked_up()["view"] == {}
    page.send("PUT", "view", {})
    assert page.looked_up()["view"] == {}


def test_a_view_that_is_too_large_is_refused(page):
    assert "a view of more than 65536 bytes" in problem_of(page.send("PUT", "view", {"a": "x" * 65536}), 400)
    assert page.looked_up()["view"] == {}


@pytest.mark.parametrize("text", ['{"a": NaN}', '{"a": [-Infinity]}', '{"a": "\\ud800"}'])
def test_a_view_that_could_not_be_answered_is_refused_and_the_reading_can_still_be_opened(page, text):
    response = page.client.put(
        page.at("view"), content=text, headers={"X-Lease": page.lease, "Content-Type": "application/json"}
    )
    problem_of(response, 400)
    assert page.looked_up()["view"] == {}


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


CHANGES = [
    ("POST", "objects", {"name": "x"}),
    ("PATCH", "objects/1", {"name": "x"}),
    ("DELETE", "objects/1", None),
    ("POST", "objects/1/clear", None),
    ("POST", "objects/1/clicks", {"ijk": IN_HOT}),
    ("POST", "objects/1/boxes", {"ijk_min": [1, 1, 1], "ijk_max": [2, 2, 2]}),
    ("POST", "objects/1/strokes", {"points_mm": [[-20, -6, 128]], "radius_mm": 5}),
    ("POST", "objects/1/thresholds", {"rule": "41%"}),
    ("PUT", "objects/1/mask", packed(in_block(HOT))),
    ("POST", "undo", None),
    ("POST", "redo", None),
    ("PUT", "view", {"a": 1}),
]


@pytest.mark.parametrize("lease", [None, "0" * 16, ""])
def test_every_change_needs_the_lease(page, lease):
    page.add()
    page.click(1, IN_HOT)
    page.undo()
    before = page.looked_up()
    for method, path, body in CHANGES:
        headers = {} if lease is None else {"X-Lease": lease}
        response = page.client.request(method, page.at(path), json=body, headers=headers)
        assert "open it again to go on (X-Lease header)" in problem_of(response, 423)
    after = page.looked_up()
    assert {**after, "masks": None} == {**before, "masks": None}
    page.check()


def test_looking_needs_no_lease(page):
    page.add()
    page.click(1, IN_HOT)
    for path in ("", "table", "objects/1/mask", "labels.nii.gz", "mips/0"):
        assert page.client.get(page.at(path)).is_success


def test_a_reading_that_is_open_elsewhere_is_taken_over_on_demand(page):
    client = page.client
    detail = problem_of(client.post(page.at("lease"), json={}), 423)
    assert "open elsewhere; close it there, or take over" in detail
    renewed = ok(client.post(page.at("lease"), json={"lease": page.lease}))
    assert renewed == {"lease": page.lease, "seconds": 60}
    taken = ok(client.post(page.at("lease"), json={"take_over": True}))["lease"]
    assert "was taken over" in problem_of(page.send("POST", "objects", {"name": "x"}), 423)
    page.lease = taken
    page.add()


def test_a_reading_is_free_once_it_is_closed(page):
    client = page.client
    assert client.delete(page.at("lease"), headers={"X-Lease": "0" * 16}).status_code == 204  # not the holder's
    problem_of(client.post(page.at("lease"), json={}), 423)
    assert client.delete(page.at("lease"), headers={"X-Lease": page.lease}).status_code == 204
    problem_of(page.send("POST", "objects", {"name": "x"}), 423)
    page.lease = ok(client.post(page.at("lease"), json={}))["lease"]
    page.add()


def test_a_page_that_is_silent_for_too_long_gives_way(tmp_path):
    write_scan(tmp_path / "served" / "pet.nii.gz")
    with serving(tmp_path, lease_s=30.0) as client:
        now = [1000.0]
        client.app.state.services.leases._clock = lambda: now[0]
        page = Page(client)
        now[0] += 29
        page.add()  # renews
        now[0] += 29
        problem_of(client.post(page.at("lease"), json={}), 423)
        now[0] += 2
        other = ok(client.post(page.at("lease"), json={}))
        assert other["seconds"] == 30
        problem_of(page.send("POST", "undo"), 423)


@pytest.mark.parametrize("lease", ["x", "0" * 17, "G" * 16])
def test_a_lease_that_is_none_is_refused(page, lease):
    assert "should match pattern" in problem_of(page.client.post(page.at("lease"), json={"lease": lease}), 422)


def test_uncertainty_comes_as_a_box_of_levels(page):
    import base64
    import zlib

    number = page.add()
    assert ok(page.client.get(page.at(f"objects/{number}/uncertainty"))) is None
    page.click(number, IN_HOT)
    found = ok(page.client.get(page.at(f"objects/{number}/uncertainty")))
    levels = np.frombuffer(zlib.decompress(base64.b64decode(found["levels"])), np.uint8)
    assert len(levels) == math.prod(found["shape"])
    # The network says ±4 of every voxel of its window: p = 0.982, entropy 0.0901 nats, of ln 2 that is 0.130.
    assert set(levels.tolist()) <= {0, 33}
    assert 33 in levels


def test_an_objects_mask_comes_as_a_box_of_bits(page):
    number = page.add()
    assert ok(page.client.get(page.at(f"objects/{number}/mask"))) is None
    page.click(number, IN_HOT)
    bits = ok(page.client.get(page.at(f"objects/{number}/mask")))
    assert (bits["start"], bits["shape"]) == ([4, 5, 6], [4, 4, 4])
    np.testing.assert_array_equal(page.unpacked(bits), in_block(HOT))


def test_shadows_name_the_object_that_each_pixel_sees(page):
    first, second = page.add(), page.add()
    page.click(first, IN_HOT)
    page.click(second, IN_WARM)
    mips = page.scan["mips"]

    def shadows(**query):
        content = page.client.get(page.at("mips/0"), params=query).content
        return np.frombuffer(content, np.uint8).reshape(mips["rows"], mips["columns"])

    seen = shadows()
    # From the front: rows from the head down, columns to the patient's left, so of falling i.
    hot, warm = np.argwhere(seen == 1), np.argwhere(seen == 2)
    assert set(hot[:, 0]) == {15 - k for k in range(6, 10)}
    assert set(warm[:, 0]) == {15 - k for k in range(4, 7)}
    assert warm[:, 1].mean() < hot[:, 1].mean()
    np.testing.assert_array_equal(shadows(hidden=f"{first}"), np.where(seen == 1, 0, seen))
    assert not shadows(hidden=f"{first},{second}").any()


def test_every_action_is_on_record_with_its_time_and_what_was_asked(page):
    page.add()
    page.click(1, IN_HOT, snap_mm=2)
    page.undo()
    page.dot(1, IN_WARM)
    store = page.client.app.state.services.store
    actions = store.all_actions(page.state["id"])
    assert [action.kind for action in actions] == ["add", "click", "stroke"]
    assert actions[1].details == {
        "ijk": [5, 6, 7],
        "positive": True,
        "weights": "half of click",
        "snap_mm": 2,
    } | {key: actions[1].details[key] for key in ("expected_dice",) if key in actions[1].details}
    assert actions[2].details["radius_mm"] == 1
    assert all(action.seconds > 0 for action in actions[1:])
    assert [event["kind"] for event in store.events(page.state["id"])] == ["open", "undo"]
