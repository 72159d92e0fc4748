"""A reading over HTTP: what the page adds up from the replies is what the server holds, at every step."""

from __future__ import annotations

import itertools

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
    packed,
    serving,
    write_scan,
)
from synthetic_model import box_as_mask


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
    assert not page.mask(number).any()  # the reply takes it away from the page as well
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


READERS = itertools.count()
# What a reader may do next: what, to which object, and where.
STEPS = st.tuples(
    st.sampled_from(
        [
            "add",
            "click",
            "negative",
            "paint",
            "erase",
            "threshold",
            "mask",
            "clear",
            "remove",
            "name",
            "undo",
            "redo",
        ]
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


@settings(deadline=None, max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(STEPS, min_size=3, max_size=12))
def test_whatever_is_done_page_and_server_agree_and_undo_goes_back_to_the_beginning(client, steps):
    page = Page(client, reader=f"reader {next(READERS)}")  # each time a reading of its own
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
