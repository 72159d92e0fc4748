"""Whatever is sent to the interface, nothing breaks and nothing is lost."""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import schemathesis
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode

from seganypet.app.model import SharedModel
from seganypet.app.server import create_app, described_app
from seganypet.app.settings import ServerSettings
from small_server import ADDRESS, write_scan
from synthetic_model import half_of_click

SCAN = "scan.nii.gz"
OPERATIONS = [
    f"{method.upper()} {path}" for path, item in described_app().openapi()["paths"].items() for method in item
]


class World:
    """A server with a scan, a reading that is fuzzed, and one that must stay as it is."""

    def __init__(self, folder: Path) -> None:
        write_scan(folder / "served" / SCAN)
        self.app = create_app(
            ServerSettings(work=folder / "work", root=folder / "served", most_upload_bytes=1 << 20),
            SharedModel(half_of_click, "synthetic"),
        )
        self.client = TestClient(self.app, base_url=ADDRESS)
        self.scan = self.post("/api/scans", {"path": SCAN})["id"]
        self.kept = self.read("kept")
        self.fuzzed = self.read("fuzzed")
        self.upload = self.post("/api/uploads")["id"]
        schema = schemathesis.openapi.from_dict(self.app.openapi())
        self.operations = {found.ok().label: found.ok() for found in schema.get_all_operations()}
        self.statuses = Counter[int]()
        self.before = self.client.get(f"/api/readings/{self.kept}").json()

    def post(self, path: str, body: Any = None, **headers: str) -> Any:
        answer = self.client.post(path, json=body, headers=headers)
        assert answer.is_success, answer.text
        return answer.json()

    def send(self, case: schemathesis.Case) -> httpx.Response:
        """Send what was made up, to this server."""
        sent = case.as_transport_kwargs(base_url=ADDRESS)
        lease = self.app.state.services.leases.take(self.fuzzed, take_over=True)
        headers = {**sent["headers"], "X-Lease": lease}
        parts = ("params", "json", "data", "files")
        kept = {name: sent[name] for name in parts if sent.get(name) is not None}
        if isinstance(kept.get("data"), bytes | str):
            kept["content"] = kept.pop("data")
        answer = self.client.request(sent["method"], sent["url"], headers=headers, **kept)
        self.statuses[answer.status_code] += 1
        return answer

    def read(self, reader: str) -> str:
        """Begin a reading with an object that was clicked; return its id."""
        reading: str = self.post(f"/api/scans/{self.scan}/readings", {"reader": reader})["id"]
        lease = self.post(f"/api/readings/{reading}/lease", {})["lease"]
        headers = {"X-Lease": lease}
        self.post(f"/api/readings/{reading}/objects", {"name": "lesion 1"}, **headers)
        self.post(f"/api/readings/{reading}/objects/1/clicks", {"ijk": [5, 6, 7]}, **headers)
        return reading


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    built = World(tmp_path_factory.mktemp("fuzz"))
    yield built
    built.app.state.services.close()


@pytest.mark.parametrize("label", OPERATIONS)
def test_no_request_breaks_the_server(label: str, world: World) -> None:
    ids = {"scan_id": world.scan, "reading_id": world.fuzzed, "upload_id": world.upload, "object_id": 1}
    operation = world.operations[label]

    @settings(
        max_examples=5 if "figure" in label else 50,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(case=st.one_of(*(operation.as_strategy(generation_mode=mode) for mode in GenerationMode)))
    def send(case: schemathesis.Case) -> None:
        for name in case.path_parameters or {}:
            if name in ids:
                case.path_parameters[name] = ids[name]
        response = world.send(case)
        assert response.status_code < 500, response.text
        if response.status_code >= 400:
            assert response.headers["content-type"] == "application/problem+json"

    send()


def test_the_requests_were_of_all_kinds(world: World) -> None:
    assert {200, 201, 204, 404, 409, 422} <= set(world.statuses), world.statuses


def test_other_work_is_as_it_was(world: World) -> None:
    assert world.client.get(f"/api/readings/{world.kept}").json() == world.before


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("empty.nii.gz", b""),
        ("text.nii", b"no image" * 100),
        ("bomb.nii.gz", zlib.compress(bytes(1 << 22))),
        ("cut.nii", b"\x5c\x01\x00\x00" + bytes(344) + b"n+1\0" + bytes(4)),
        ("slice.dcm", bytes(128) + b"DICM" + b"\x02\x00\x10\x00UI\xff\xff"),
        ("../../escape.nii.gz", b"x"),
    ],
)
def test_malformed_uploads_are_refused_and_leave_no_scan(world: World, name: str, content: bytes) -> None:
    scans = world.client.get("/api/scans").json()
    upload = world.post("/api/uploads")["id"]
    sent = world.client.put(f"/api/uploads/{upload}/files/0", params={"name": name}, content=content)
    assert sent.status_code == 204
    answer = world.client.post(f"/api/uploads/{upload}/finish", params={"name": name})
    assert 400 <= answer.status_code < 500
    assert answer.headers["content-type"] == "application/problem+json"
    assert world.client.get("/api/scans").json() == scans
    assert world.client.delete(f"/api/uploads/{upload}").status_code == 204
