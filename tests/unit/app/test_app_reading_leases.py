"""Who may change a reading, over HTTP: the page that holds its lease."""

from __future__ import annotations

import pytest

from small_server import (
    HOT,
    IN_HOT,
    Page,
    in_block,
    ok,
    packed,
    problem_of,
    serving,
    write_scan,
)

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
    assert (
        client.delete(page.at("lease"), headers={"X-Lease": "0" * 16}).status_code == 204
    )  # not the holder's
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
    assert "should match pattern" in problem_of(
        page.client.post(page.at("lease"), json={"lease": lease}), 422
    )
