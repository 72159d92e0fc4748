"""Scans from a DICOMweb server: here one that holds a synthetic series and speaks just enough of PS3.18."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pydicom
import pytest

from seganypet.io import read_volume
from small_server import serving
from synthetic_dicom import pet_folder

BOUNDARY = "between"


def answers(folder: Path) -> type[BaseHTTPRequestHandler]:
    """Return a handler that serves the DICOM files of a folder as one series."""
    files = sorted(folder.glob("*.dcm"))
    data = pydicom.dcmread(files[0])

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path.startswith("/dicom-web/series?"):
                found = pydicom.Dataset()
                for keyword in (
                    "StudyInstanceUID",
                    "SeriesInstanceUID",
                    "PatientID",
                    "SeriesDescription",
                    "Modality",
                ):
                    setattr(found, keyword, data.get(keyword))
                matches = "Modality=PT" in self.path
                self.reply(
                    "application/dicom+json", json.dumps([found.to_json_dict()] if matches else []).encode()
                )
            elif self.path == f"/dicom-web/studies/{data.StudyInstanceUID}/series/{data.SeriesInstanceUID}":
                head = f"\r\n--{BOUNDARY}\r\nContent-Type: application/dicom\r\n\r\n".encode()
                body = b"".join(head + file.read_bytes() for file in files) + f"\r\n--{BOUNDARY}--".encode()
                self.reply(f'multipart/related; type="application/dicom"; boundary={BOUNDARY}', body)
            else:
                self.send_error(404)

        def reply(self, kind: str, body: bytes) -> None:
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *of: object) -> None:
            """Say nothing."""

    return Handler


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    folder = pet_folder(tmp_path / "archive")
    server = ThreadingHTTPServer(("127.0.0.1", 0), answers(folder))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/dicom-web", folder
    server.shutdown()


def test_a_series_is_found_and_fetched(tmp_path: Path, archive: tuple[str, Path]) -> None:
    address, folder = archive
    with serving(tmp_path, dicomweb=address) as client:
        (found,) = client.get("/api/dicomweb/series").json()
        assert found["description"] == "PET AC"
        wanted = {"study_uid": found["study_uid"], "series_uid": found["series_uid"], "name": "Ada"}
        scan = client.post("/api/dicomweb/scans", json=wanted).json()
        assert scan["name"] == "Ada"
        own = read_volume(folder)
        assert scan["suv_max"] == pytest.approx(float(own.array.max()))
        (fetched,) = (tmp_path / "work" / "uploads").iterdir()
        assert np.array_equal(read_volume(fetched).array, own.array)


def test_no_series_of_another_kind_is_listed(tmp_path: Path, archive: tuple[str, Path]) -> None:
    with serving(tmp_path, dicomweb=archive[0]) as client:
        assert client.get("/api/dicomweb/series", params={"modality": "CT"}).json() == []


def test_an_unknown_series_leaves_nothing(tmp_path: Path, archive: tuple[str, Path]) -> None:
    with serving(tmp_path, dicomweb=archive[0]) as client:
        answer = client.post(
            "/api/dicomweb/scans", json={"study_uid": "1.2", "series_uid": "3.4", "name": "x"}
        )
        assert answer.status_code == 422
        assert "404" in answer.json()["detail"]
        assert list((tmp_path / "work" / "uploads").iterdir()) == []
        assert client.get("/api/scans").json() == []


@pytest.mark.parametrize("address", ["http://127.0.0.1:9/dicom-web", "no address"])
def test_a_server_that_does_not_answer_is_named(tmp_path: Path, address: str) -> None:
    with serving(tmp_path, dicomweb=address) as client:
        answer = client.get("/api/dicomweb/series")
        assert answer.status_code == 422
        assert address in answer.json()["detail"]


def test_without_an_address_there_is_no_server(tmp_path: Path) -> None:
    with serving(tmp_path) as client:
        answer = client.get("/api/dicomweb/series")
        assert answer.status_code == 404
        assert "--dicomweb" in answer.json()["detail"]
