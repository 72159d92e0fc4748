"""What of the disk can be opened: the served folder, what is below it, and nothing else."""

from __future__ import annotations

import json
import os

import numpy as np
import pytest

from seganypet.app.browsing import inside, listed, series_in
from seganypet.app.problems import NotFoundError, RequestError
from seganypet.errors import ImageReadError
from small_server import ok, problem_of, serving, write_scan
from synthetic_dicom import pet_folder

OUTSIDE = [
    "..",
    "../secret.nii.gz",
    "a/../../secret.nii.gz",
    "/etc/passwd",
    "//etc/passwd",
    "a/../..",
    "link",
    "link/secret.nii.gz",
    "linked.nii.gz",
    "../served-too/pet.nii.gz",
]
NO_PATHS = ["a\0b", "\0", "x" * 5000]


@pytest.fixture
def root(tmp_path):
    """A folder with a scan and a folder in it, and links that lead out of it."""
    served = tmp_path / "served"
    write_scan(served / "pet.nii.gz")
    write_scan(served / "a" / "b c" / "Läsion.NII")
    write_scan(tmp_path / "secret.nii.gz")
    write_scan(tmp_path / "served-too" / "pet.nii.gz")
    (served / "link").symlink_to(tmp_path)
    (served / "linked.nii.gz").symlink_to(tmp_path / "secret.nii.gz")
    (served / "within.nii.gz").symlink_to(served / "pet.nii.gz")
    (served / "broken.nii.gz").symlink_to(served / "nothing")
    return served


def test_paths_below_the_folder_are_found(root):
    assert inside(root, "") == root
    assert inside(root, "pet.nii.gz") == root / "pet.nii.gz"
    assert inside(root, "a/b c/Läsion.NII") == root / "a" / "b c" / "Läsion.NII"
    assert inside(root, "a/../pet.nii.gz") == root / "pet.nii.gz"
    assert inside(root, str(root / "pet.nii.gz")) == root / "pet.nii.gz"
    assert inside(root, "within.nii.gz") == root / "pet.nii.gz"


def test_a_folder_that_is_itself_a_link_is_served(root, tmp_path):
    (tmp_path / "alias").symlink_to(root)
    assert inside(tmp_path / "alias", "pet.nii.gz") == root / "pet.nii.gz"


@pytest.mark.parametrize("path", OUTSIDE)
def test_paths_that_lead_out_are_refused(root, path):
    with pytest.raises(RequestError, match="lies outside the served folder") as caught:
        inside(root, path)
    assert str(root.parent) not in str(caught.value)


@pytest.mark.parametrize("path", NO_PATHS)
def test_what_is_no_path_is_refused(root, path):
    with pytest.raises((RequestError, NotFoundError), match=r"is no path|no such file") as caught:
        inside(root, path)
    assert len(str(caught.value)) < 300
    assert str(root) not in str(caught.value)
    assert "\0" not in str(caught.value)


@pytest.mark.parametrize("path", ["b", "pet.nii.gz/x", "~", "broken.nii.gz", "a/b c/x"])
def test_what_is_not_there_is_refused(root, path):
    with pytest.raises(NotFoundError, match="no such file or folder"):
        inside(root, path)


def test_without_a_served_folder_nothing_is_found():
    with pytest.raises(NotFoundError, match="no folder is served"):
        inside(None, "")


def test_a_folder_is_listed_without_what_is_hidden(root):
    (root / ".hidden").mkdir()
    (root / ".pet.nii.gz").write_bytes(b"")
    (root / "notes.txt").write_text("x")
    found = listed(root, "")
    assert found.path == ""
    assert found.folders == ["a", "link"]
    assert found.images == ["linked.nii.gz", "pet.nii.gz", "within.nii.gz"]
    assert found.dicom_files == 0
    assert listed(root, "a").folders == ["b c"]
    assert listed(root, "a/b c").images == ["Läsion.NII"]


def test_dicom_files_are_counted(root):
    pet_folder(root / "series")
    (root / "series" / "000.dcm").rename(root / "series" / "IM0")
    (root / "series" / "notes.txt").write_text("x")
    found = listed(root, "series")
    assert (found.folders, found.images, found.dicom_files) == ([], [], 4)
    (series,) = series_in(inside(root, "series"))
    assert (series.modality, series.files) == ("PT", 4)


def test_a_served_scan_is_listed_as_itself(root):
    found = listed(root / "pet.nii.gz", "")
    assert (found.folders, found.images, found.dicom_files) == ([], [""], 0)
    assert inside(root / "pet.nii.gz", "") == root / "pet.nii.gz"
    with pytest.raises(RequestError, match="outside"):
        inside(root / "pet.nii.gz", "../link")


def test_a_folder_that_cannot_be_read_is_refused(root, monkeypatch):
    def refuse(folder):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(RequestError, match=r"cannot be read \(Permission denied\); choose another"):
        listed(root, "a")


def test_a_folder_without_dicom_has_no_series(root):
    with pytest.raises(ImageReadError, match="no DICOM images"):
        series_in(inside(root, "a"))


@pytest.mark.parametrize("path", [*OUTSIDE, *NO_PATHS, "..%2f..", "\ud800"])
def test_no_request_leads_out(root, tmp_path, path):
    with serving(tmp_path, root=root) as client:
        body = json.dumps({"path": path})
        answers = [client.post("/api/scans", content=body, headers={"Content-Type": "application/json"})]
        if "\ud800" not in path:  # that no address can hold
            answers += [client.get(f"/api/{what}", params={"path": path}) for what in ("folder", "series")]
        for response in answers:
            assert response.status_code in (400, 404, 422)
            assert "secret" not in problem_of(response, response.status_code).replace(path, "")
        assert ok(client.get("/api/scans")) == []


def test_scans_of_the_served_folder_are_opened_by_their_path(root, tmp_path):
    stored = np.random.default_rng(0).integers(1, 1000, (3, 6, 5)).astype(np.int16)
    pet_folder(root / "two" / "a")
    pet_folder(root / "two" / "b", stored=stored)
    with serving(tmp_path, root=root) as client:
        scan = ok(client.post("/api/scans", json={"path": "a/b c/Läsion.NII"}))
        assert scan["name"] == "Läsion.NII"
        assert ok(client.post("/api/scans", json={"path": "a/../a/b c/Läsion.NII"}))["id"] == scan["id"]
        assert "2 PET series" in problem_of(client.post("/api/scans", json={"path": "two"}), 422)
        series = ok(client.get("/api/series", params={"path": "two"}))
        shapes = {
            tuple(ok(client.post("/api/scans", json={"path": "two", "series_uid": s["uid"]}))["shape"])
            for s in series
        }
        assert shapes == {(5, 6, 4), (5, 6, 3)}
        assert len(ok(client.get("/api/scans"))) == 3


def test_a_scan_alone_is_served(root, tmp_path):
    with serving(tmp_path, root=root / "pet.nii.gz") as client:
        assert ok(client.get("/api/folder"))["images"] == [""]
        assert ok(client.post("/api/scans", json={"path": ""}))["name"] == "pet.nii.gz"
        problem_of(client.post("/api/scans", json={"path": "../a"}), 400)


def test_where_nothing_is_served_nothing_is_listed(tmp_path):
    with serving(tmp_path, root=None) as client:
        assert ok(client.get("/api/server"))["can_browse"] is False
        for response in (
            client.get("/api/folder"),
            client.get("/api/series?path=x"),
            client.post("/api/scans", json={"path": "/etc/passwd"}),
        ):
            assert "no folder is served" in problem_of(response, 404)
