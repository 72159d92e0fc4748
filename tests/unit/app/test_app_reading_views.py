"""What is looked at in a reading, and what the page wants to find again."""

from __future__ import annotations

import math

import numpy as np
import pytest

from small_server import (
    HOT,
    IN_HOT,
    IN_WARM,
    Page,
    in_block,
    ok,
    problem_of,
)


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
