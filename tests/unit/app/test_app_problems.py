"""Errors over HTTP: each a problem as RFC 9457 describes it, with the message of the typed error."""

from __future__ import annotations

import sqlite3
from http import HTTPStatus

import numpy as np
import pytest

from seganypet import errors
from seganypet.app.problems import (
    AccessError,
    LengthError,
    LockedError,
    NotFoundError,
    OriginError,
    RequestError,
    TooLargeError,
    status_of,
)
from small_server import (
    HOT,
    IN_HOT,
    IN_WARM,
    Page,
    in_block,
    ok,
    packed,
    problem_of,
    serving,
    small_suv,
    write_scan,
)


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        (RequestError, 400),
        (AccessError, 401),
        (OriginError, 403),
        (NotFoundError, 404),
        (errors.UsageError, 409),
        (LengthError, 411),
        (TooLargeError, 413),
        (errors.PromptError, 422),
        (errors.ImageReadError, 422),
        (errors.SUVError, 422),
        (errors.WeightsError, 422),
        (LockedError, 423),
        (errors.StoreError, 507),
    ],
)
def test_every_kind_of_error_has_its_status(kind, status):
    assert status_of(kind("x")) == HTTPStatus(status)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/api/nothing", 404),
        ("GET", "/nothing.js", 404),
        ("DELETE", "/api/scans", 405),
        ("GET", f"/api/scans/{'0' * 16}", 404),
        ("GET", "/api/scans/x", 422),
        ("POST", "/api/scans", 422),
        ("GET", "/api/folder?path=../x", 400),
        ("GET", "/api/series", 422),
        ("POST", f"/api/readings/{'0' * 16}/undo", 404),
        ("POST", f"/api/uploads/{'0' * 16}/finish?name=x", 404),
    ],
)
def test_every_refusal_is_a_problem(client, method, path, status):
    detail = problem_of(client.request(method, path), status)
    assert detail


def test_a_problem_names_its_kind(client):
    body = client.get(f"/api/scans/{'0' * 16}").json()
    assert body == {
        "type": "NotFoundError",
        "title": "Not Found",
        "status": 404,
        "detail": "no scan '0000000000000000'; choose one of the list",
    }
    assert client.request("DELETE", "/api/scans").headers["allow"]


def test_what_is_asked_for_is_not_sent_back_as_a_page(client):
    response = client.get("/api/folder", params={"path": "<script>alert(1)</script>"})
    assert "<script>" in problem_of(response, 404)  # as JSON, which no browser runs
    assert response.headers["x-content-type-options"] == "nosniff"


def test_a_fault_of_ours_is_a_problem_too_and_tells_nothing_of_the_inside(tmp_path, monkeypatch):
    with serving(tmp_path, raises=False) as client:
        store = client.app.state.services.store
        monkeypatch.setattr(store, "scans", lambda: 1 / 0)
        detail = problem_of(client.get("/api/scans"), 500)
        assert "division" not in detail
        monkeypatch.undo()
        assert ok(client.get("/api/scans")) == []
        assert 'route="/api/scans",status="500"} 1.0' in client.get("/metrics").text


class FullDisk:
    """A connection that refuses to write, as SQLite does where the disk is full."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def execute(self, statement, *arguments):
        if statement.startswith(("INSERT", "UPDATE", "DELETE")):
            raise sqlite3.OperationalError("database or disk is full")
        return self._connection.execute(statement, *arguments)

    def close(self):
        self._connection.close()


CHANGES = [
    ("POST", "objects", {"name": "x"}),
    ("PATCH", "objects/1", {"name": "x"}),
    ("DELETE", "objects/1", None),
    ("POST", "objects/1/clear", None),
    ("POST", "objects/1/clicks", {"ijk": IN_WARM}),
    ("POST", "objects/1/strokes", {"points_mm": [[-20, -6, 128]], "radius_mm": 5}),
    ("POST", "objects/1/thresholds", {"rule": "41%"}),
    ("PUT", "objects/1/mask", packed(in_block(HOT))),
    ("POST", "undo", None),
    ("POST", "redo", None),
    ("PUT", "view", {"a": 1}),
]


def test_on_a_full_disk_every_change_is_refused_and_nothing_has_changed(client, monkeypatch):
    page = Page(client)
    page.click(page.add(), IN_HOT)
    page.dot(1, (1, 1, 1))
    page.undo()
    before = page.looked_up()
    store = client.app.state.services.store
    with monkeypatch.context() as patched:
        patched.setattr(store, "_connection", FullDisk(store._connection))
        for method, path, body in CHANGES:
            detail = problem_of(page.send(method, path, body), 507)
            assert detail.endswith("cannot be written (database or disk is full); free space and try again")
            page.check()
        assert "full" in problem_of(client.post(page.on_scan("readings"), json={"reader": "Bob"}), 507)
    assert page.looked_up()["view"] == before["view"]
    page.redo()
    page.undo()
    page.click(1, (4, 5, 6), positive=False)  # from where it was, not from the click that failed
    expected = in_block(HOT)
    i, j, k = np.indices(expected.shape)
    expected &= (i - 5) ** 2 + (j - 6) ** 2 + (k - 7) ** 2 <= (i - 4) ** 2 + (j - 5) ** 2 + (k - 6) ** 2
    np.testing.assert_array_equal(page.mask(1), expected)
    page.check()


def test_a_scan_that_cannot_be_stored_is_not_added(client, monkeypatch):
    store = client.app.state.services.store
    with monkeypatch.context() as patched:
        patched.setattr(store, "_connection", FullDisk(store._connection))
        problem_of(client.post("/api/scans", json={"path": "pet.nii.gz"}), 507)
    assert ok(client.get("/api/scans")) == []


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "empty, truncated or no NIfTI"),
        (b"no NIfTI at all", "empty, truncated or no NIfTI"),
    ],
)
def test_a_scan_that_cannot_be_read_is_refused_and_does_not_become_known(tmp_path, client, content, message):
    (tmp_path / "served" / "bad.nii").write_bytes(content)
    assert message in problem_of(client.post("/api/scans", json={"path": "bad.nii"}), 422)
    assert ok(client.get("/api/scans")) == []


def test_a_scan_that_is_no_suv_is_refused(tmp_path, client):
    write_scan(tmp_path / "served" / "bq.nii", suv=small_suv() * 5000)
    assert "look like Bq/ml" in problem_of(client.post("/api/scans", json={"path": "bq.nii"}), 422)
    assert ok(client.get("/api/scans")) == []


def test_a_scan_whose_files_went_away_is_refused_and_its_readings_stay(tmp_path, client):
    page = Page(client)
    page.click(page.add(), IN_HOT)
    (tmp_path / "served" / "pet.nii.gz").rename(tmp_path / "elsewhere.nii.gz")
    client.app.state.services.scans.forget(page.scan["id"])
    assert "no such" in problem_of(client.get(page.on_scan()), 422)
    problem_of(page.send("POST", "objects/1/clicks", {"ijk": IN_HOT}), 422)
    problem_of(client.get(page.at("labels.nii.gz")), 422)
    problem_of(client.post("/api/scans", json={"path": "pet.nii.gz"}), 404)
    page.check()
    (tmp_path / "elsewhere.nii.gz").rename(tmp_path / "served" / "pet.nii.gz")
    page.click(1, (4, 5, 6), positive=False)
    page.check()


@pytest.mark.parametrize("replaced", [small_suv()[:-1], small_suv() * 2], ids=["shape", "voxels"])
def test_a_scan_whose_files_changed_is_refused_and_its_readings_stay(tmp_path, client, replaced):
    page = Page(client)
    page.click(page.add(), IN_HOT)
    write_scan(tmp_path / "served" / "pet.nii.gz", suv=replaced)
    for response in (
        page.send("POST", "objects/1/clicks", {"ijk": IN_HOT}),
        client.get(page.at("objects/1/mask.nii.gz")),
        client.get(page.at("table")),
    ):
        detail = problem_of(response, 507)
        assert "is another image than when it was first opened here" in detail
    page.check()


def test_weights_that_are_missing_are_named_at_every_click(tmp_path):
    def load():
        raise errors.WeightsError("weights.safetensors: no such file")

    write_scan(tmp_path / "served" / "pet.nii.gz")
    with serving(tmp_path, model=load) as client:
        page = Page(client)
        page.add()
        for _ in range(2):
            detail = problem_of(page.send("POST", "objects/1/clicks", {"ijk": IN_HOT}), 422)
            assert "weights.safetensors: no such file" in detail
        page.dot(1, IN_HOT)
        page.check()
        assert ok(client.get("/api/health")) == {"status": "ok", "model_ready": False}
