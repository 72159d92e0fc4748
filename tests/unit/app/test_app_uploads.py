"""Uploads: file by file, under names of ours, a scan only once it can be read."""

from __future__ import annotations

import asyncio
import errno
from pathlib import Path
from urllib.parse import quote

import numpy as np
import pytest

from seganypet.app.problems import NotFoundError
from seganypet.app.uploads import Uploads
from seganypet.errors import OutputError, UsageError
from small_server import HOT, IN_HOT, LAS, Page, in_block, ok, problem_of, serving, write_scan
from synthetic_dicom import make_slices, pet_folder, write_series


@pytest.fixture
def client(tmp_path):
    with serving(tmp_path, root=None) as client:
        yield client


@pytest.fixture
def uploads(tmp_path):
    (tmp_path / "uploads").mkdir()
    return Uploads(tmp_path / "uploads", 1000)


def begin(client) -> str:
    return ok(client.post("/api/uploads"))["id"]


def put(client, upload: str, number: int, name: str, content: bytes):
    return client.put(f"/api/uploads/{upload}/files/{number}?name={quote(name)}", content=content)


def put_folder(client, upload: str, folder: Path, start: int = 0) -> int:
    """Upload all files of a folder; return how many."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    for number, file in enumerate(files, start=start):
        assert put(client, upload, number, file.name, file.read_bytes()).status_code == 204
    return len(files)


def finish(client, upload: str, name: str = "patient 1", **query):
    return client.post(f"/api/uploads/{upload}/finish", params={"name": name, **query})


def stored(tmp_path) -> list[str]:
    """Return what lies in the folder of uploads."""
    return sorted(
        str(p.relative_to(tmp_path / "work" / "uploads")) for p in (tmp_path / "work" / "uploads").rglob("*")
    )


@pytest.mark.parametrize("name", ["pet.nii.gz", "PET.NII.GZ", "a/b\\c.nii.gz", "läsion 1.nii.gz"])
def test_a_nifti_file_becomes_a_scan_to_work_on(client, tmp_path, name):
    content = write_scan(tmp_path / "pet.nii.gz", LAS).read_bytes()
    upload = begin(client)
    assert put(client, upload, 0, name, content).status_code == 204
    scan = ok(finish(client, upload, "patient <1>"))
    assert scan["name"] == "patient <1>"
    assert stored(tmp_path) == [upload, f"{upload}/000000.nii.gz"]
    (entry,) = ok(client.get("/api/scans"))
    assert (entry["id"], entry["name"]) == (scan["id"], "patient <1>")
    page = Page.__new__(Page)
    page.client, page.scan = client, scan
    page.open(ok(client.post(page.on_scan("readings"), json={"reader": "Ada"})))
    number = page.add()
    page.edit("POST", f"objects/{number}/clicks", xyz_mm=(LAS @ [*IN_HOT, 1])[:3].tolist())
    assert page.mask(number).sum() == in_block(HOT).sum()


def test_an_uncompressed_nifti_file_keeps_its_kind(client, tmp_path):
    content = write_scan(tmp_path / "pet.nii").read_bytes()
    upload = begin(client)
    put(client, upload, 3, "pet.nii", content)
    ok(finish(client, upload))
    assert stored(tmp_path) == [upload, f"{upload}/000003.nii"]


@pytest.mark.parametrize("name", ["{}", "{}.dcm", "IM{}", "{}.IMA"])
def test_a_dicom_folder_becomes_a_scan(client, tmp_path, name):
    folder = pet_folder(tmp_path / "dicom")
    upload = begin(client)
    for number, file in enumerate(sorted(folder.iterdir())):
        put(client, upload, number, f"DICOM/{name.format(number)}", file.read_bytes())
    (series,) = ok(client.get(f"/api/uploads/{upload}/series"))
    assert (series["modality"], series["description"], series["date"], series["files"]) == (
        "PT",
        "PET AC",
        "2024-02-29",
        4,
    )
    scan = ok(finish(client, upload))
    assert scan["shape"] == [5, 6, 4]
    assert "Synthetic" not in client.get(f"/api/scans/{scan['id']}").text  # nobody's name


def test_what_lies_beside_dicom_files_does_no_harm(client, tmp_path):
    """Folders come with notes, thumbnails and what operating systems leave in them."""
    folder = pet_folder(tmp_path / "dicom")
    (folder / "readme.txt").write_text("a note")
    (folder / ".DS_Store").write_bytes(b"\0\0\0\1Bud1")
    (folder / "Thumbs.db").write_bytes(bytes(range(256)))
    (folder / "export.json").write_text("{}")
    upload = begin(client)
    put_folder(client, upload, folder)
    assert ok(finish(client, upload))["shape"] == [5, 6, 4]


def test_of_two_series_the_one_that_was_chosen_becomes_a_scan(client, tmp_path):
    for name, description, size in (("a", "PET AC", 4), ("b", "PET NAC", 3)):
        stored_pixels = np.random.default_rng(0).integers(1, 1000, (size, 6, 5)).astype(np.int16)
        pet_folder(tmp_path / "dicom" / name, SeriesDescription=description, stored=stored_pixels)
    write_series(tmp_path / "dicom" / "ct", make_slices(Modality="CT", SeriesDescription="CT"))
    upload = begin(client)
    put_folder(client, upload, tmp_path / "dicom")
    series = ok(client.get(f"/api/uploads/{upload}/series"))
    assert [(s["modality"], s["description"]) for s in series] == [
        ("PT", "PET AC"),
        ("PT", "PET NAC"),
        ("CT", "CT"),
    ]
    assert "2 PET series" in problem_of(finish(client, upload), 422)
    assert ok(client.get("/api/scans")) == []
    scan = ok(finish(client, upload, series_uid=series[1]["uid"]))
    assert scan["shape"] == [5, 6, 3]
    problem_of(finish(client, upload, series_uid=series[0]["uid"]), 404)  # finished


@pytest.mark.parametrize("uid", ["1.2.3", "x", "1" * 65, "../1"])
def test_a_series_that_is_not_there_is_refused(client, tmp_path, uid):
    upload = begin(client)
    put_folder(client, upload, pet_folder(tmp_path / "dicom"))
    problem_of(finish(client, upload, series_uid=uid), 422)
    assert ok(client.get("/api/scans")) == []
    ok(finish(client, upload))


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("pet.nii.gz", b"no NIfTI"),
        ("pet.nii", b""),
        ("a.dcm", b"no DICOM"),
        ("a.txt", b"nothing of all that"),
    ],
)
def test_a_broken_file_is_refused_and_leaves_no_scan_behind(client, tmp_path, name, content):
    upload = begin(client)
    put(client, upload, 0, name, content)
    problem_of(finish(client, upload), 422)
    assert ok(client.get("/api/scans")) == []
    # It can be replaced, or given up.
    put(client, upload, 0, "pet.nii.gz", write_scan(tmp_path / "pet.nii.gz").read_bytes())
    ok(finish(client, upload))


def test_a_file_that_replaces_one_of_another_kind_replaces_it(client, tmp_path):
    upload = begin(client)
    put(client, upload, 0, "a.nii", b"broken")
    put(client, upload, 0, "a.nii.gz", write_scan(tmp_path / "pet.nii.gz").read_bytes())
    ok(finish(client, upload))
    assert stored(tmp_path) == [upload, f"{upload}/000000.nii.gz"]


def test_an_upload_that_is_given_up_leaves_nothing(client, tmp_path):
    upload = begin(client)
    put(client, upload, 0, "a.nii", b"x")
    assert client.delete(f"/api/uploads/{upload}").status_code == 204
    assert stored(tmp_path) == []
    problem_of(put(client, upload, 0, "a.nii", b"x"), 404)
    problem_of(client.delete(f"/api/uploads/{upload}"), 404)


def test_nothing_becomes_no_scan(client):
    assert "nothing was uploaded" in problem_of(finish(client, begin(client)), 409)


def test_several_nifti_files_become_no_scan(client, tmp_path):
    content = write_scan(tmp_path / "pet.nii.gz").read_bytes()
    upload = begin(client)
    for number in range(2):
        put(client, upload, number, "a.nii.gz", content)
    assert "2 NIfTI files in one upload" in problem_of(finish(client, upload), 409)


def test_an_upload_over_the_limit_is_given_up(tmp_path):
    with serving(tmp_path, root=None, most_upload_bytes=1000) as client:
        upload = begin(client)
        assert put(client, upload, 0, "a.dcm", b"x" * 600).status_code == 204
        assert put(client, upload, 0, "a.dcm", b"x" * 900).status_code == 204  # in its place
        assert put(client, upload, 1, "b.dcm", b"x" * 100).status_code == 204
        assert "--max-upload-mb" in problem_of(put(client, upload, 2, "c.dcm", b"x"), 413)
        problem_of(put(client, upload, 0, "a.dcm", b"x"), 404)
        assert stored(tmp_path) == []


def test_a_file_of_unknown_length_is_counted_as_it_comes(tmp_path):
    with serving(tmp_path, root=None, most_upload_bytes=1000) as client:
        upload = begin(client)
        path = f"/api/uploads/{upload}/files/0?name=a.dcm"
        problem_of(client.put(path, content=(b"x" * 100 for _ in range(50))), 413)
        assert stored(tmp_path) == []


@pytest.mark.parametrize(
    "name", ["../../../evil.nii", "/etc/passwd", "a\0b", "..", "", "x" * 1024, "C:\\a.nii", "🙂.nii\n"]
)
def test_names_of_files_lead_nowhere(client, tmp_path, name):
    upload = begin(client)
    assert put(client, upload, 0, name, b"x").status_code == 204
    assert len(stored(tmp_path)) == 2
    assert stored(tmp_path)[1].startswith(f"{upload}.part/000000")
    assert {p.name for p in tmp_path.iterdir()} == {"work"}


@pytest.mark.parametrize(
    "path", ["0/files/0", "..%2F..%2Fx/files/0", f"{'0' * 15}G/files/0", f"{'0' * 17}/files/0"]
)
def test_ids_of_uploads_lead_nowhere(client, path):
    response = client.put(f"/api/uploads/{path}?name=a.nii", content=b"x")
    assert response.status_code in (404, 405, 422)
    problem_of(response, response.status_code)


@pytest.mark.parametrize("number", ["-1", "100000", "x"])
def test_numbers_of_files_are_numbers(client, number):
    problem_of(client.put(f"/api/uploads/{begin(client)}/files/{number}?name=a", content=b"x"), 422)


def test_an_upload_that_was_never_begun_is_refused(client):
    for response in (
        put(client, "0" * 16, 0, "a.nii", b"x"),
        finish(client, "0" * 16),
        client.get(f"/api/uploads/{'0' * 16}/series"),
        client.delete(f"/api/uploads/{'0' * 16}"),
    ):
        assert "no upload '0000000000000000' in progress; begin a new one" in problem_of(response, 404)


def test_a_scan_needs_a_name(client, tmp_path):
    upload = begin(client)
    put(client, upload, 0, "a.nii.gz", write_scan(tmp_path / "pet.nii.gz").read_bytes())
    for name in ("", "  ", "x" * 81):
        problem_of(finish(client, upload, name), 422)
    ok(finish(client, upload, "x" * 80))


def test_uploads_of_before_a_restart_are_removed_and_finished_ones_stay(tmp_path):
    with serving(tmp_path, root=None) as client:
        done, left = begin(client), begin(client)
        put(client, done, 0, "a.nii.gz", write_scan(tmp_path / "pet.nii.gz").read_bytes())
        put(client, left, 0, "a.nii.gz", b"x")
        scan = ok(finish(client, done))
    with serving(tmp_path, root=None) as client:
        assert stored(tmp_path) == [done, f"{done}/000000.nii.gz"]
        assert ok(client.get(f"/api/scans/{scan['id']}")) == scan


async def parts(*contents: bytes):
    for content in contents:
        yield content


def test_a_full_disk_is_reported_and_leaves_no_part_of_the_file(uploads, tmp_path, monkeypatch):
    upload = uploads.begin()

    async def on_full_disk():
        yield b"x" * 100
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(OutputError, match=r"cannot be written \(No space left on device\); free space"):
        asyncio.run(uploads.add(upload, 0, "a.nii", on_full_disk()))
    with pytest.raises(UsageError, match="nothing was uploaded"):
        uploads.finish(upload)


def test_a_file_that_broke_off_leaves_nothing_of_it(uploads):
    """The page went away, or its network did."""
    upload = uploads.begin()

    async def broken():
        yield b"x" * 100
        raise RuntimeError("client disconnected")

    with pytest.raises(RuntimeError):
        asyncio.run(uploads.add(upload, 0, "a.nii", broken()))
    with pytest.raises(UsageError, match="nothing was uploaded"):
        uploads.finish(upload)


def test_a_file_is_written_piece_by_piece(uploads):
    upload = uploads.begin()
    asyncio.run(uploads.add(upload, 7, "a.nii", parts(b"ab", b"", b"c")))
    path = uploads.finish(upload)
    assert (path.name, path.read_bytes()) == ("000007.nii", b"abc")


def test_ids_are_checked_where_files_are_touched(uploads, tmp_path):
    (tmp_path / "uploads" / "x.part").mkdir()
    for bad in ("x", "../uploads/x", ""):
        with pytest.raises(NotFoundError):
            uploads.give_up(bad)
    assert (tmp_path / "uploads" / "x.part").is_dir()
