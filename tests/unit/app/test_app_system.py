"""The server itself: what it says of itself, what it counts, and the description of its interface."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import warnings

import seganypet
from seganypet.app import server as server_module
from seganypet.app.server import described_app
from seganypet.targets import LESION, ORGANS
from small_server import IN_HOT, Page, ok, problem_of, serving, wait_for
from synthetic_model import box_as_mask, half_of_click


def test_the_server_says_what_it_is(client):
    wait_for(lambda: ok(client.get("/api/health"))["model_ready"])
    found = ok(client.get("/api/server"))
    assert found["version"] == seganypet.__version__
    assert (found["weights"], found["boxes"], found["device"]) == ("half of click", False, "cpu")
    assert (found["model_ready"], found["assisted"], found["can_browse"]) == (True, True, True)
    assert found["names"] == [LESION, *ORGANS]
    assert found["rules"] == ["41%", "50%", "2.5", "4.0", "liver"]
    assert found["intended_use"] == "Research use only, not a medical device."


def test_the_model_is_loaded_when_the_server_starts(tmp_path):
    with serving(tmp_path, model=box_as_mask) as client:
        wait_for(lambda: ok(client.get("/api/health"))["model_ready"])
        assert ok(client.get("/api/server"))["boxes"] is True


def test_a_server_without_a_model_loads_none(tmp_path):
    loads = []
    with serving(tmp_path, assisted=False, model=lambda: loads.append(1) or half_of_click()) as client:
        found = ok(client.get("/api/server"))
        assert (found["assisted"], found["model_ready"], found["boxes"], found["device"]) == (
            False,
            False,
            None,
            None,
        )
    assert not loads


def test_what_it_did_is_counted_by_route_and_not_by_address(client):
    page = Page(client)
    page.add()
    page.click(1, IN_HOT)
    page.undo()
    client.get(f"/api/scans/{'0' * 16}")
    client.get("/api/scans", headers={"Host": "evil.example"})
    response = client.get("/metrics")
    assert response.headers["content-type"].startswith("text/plain")
    counts = dict(re.findall(r"^seganypet_requests_total(\{.*\}) (\S+)$", response.text, re.MULTILINE))
    route = "/api/readings/{reading_id}/objects/{object_id}/clicks"
    assert counts[f'{{method="POST",route="{route}",status="200"}}'] == "1.0"
    assert counts['{method="GET",route="/api/scans/{scan_id}",status="404"}'] == "1.0"
    assert any('status="403"' in labels for labels in counts)
    assert page.state["id"] not in response.text
    assert page.scan["id"] not in response.text
    assert f'seganypet_request_seconds_count{{method="POST",route="{route}"}} 1.0' in response.text
    assert "seganypet_scans_in_memory 1.0" in response.text
    # The image and its projection: float32, 20 · 18 · 16 voxels each.
    (held,) = re.findall(r"^seganypet_image_bytes (\S+)$", response.text, re.MULTILINE)
    assert float(held) == 2 * 4 * 20 * 18 * 16


def test_servers_count_for_themselves(tmp_path):
    with serving(tmp_path / "a") as first, serving(tmp_path / "b") as second:
        first.get("/api/scans")
        assert 'route="/api/scans"' in first.get("/metrics").text
        assert 'route="/api/scans"' not in second.get("/metrics").text


def description() -> dict:
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # of operations of the same name
        return described_app().openapi()


def operations(api: dict) -> list[tuple[str, str, dict]]:
    return [(path, method, found) for path, item in api["paths"].items() for method, found in item.items()]


def test_the_description_of_the_interface_is_served(client):
    served = ok(client.get("/openapi.json"))
    assert served == json.loads(json.dumps(description()))
    assert served["openapi"].startswith("3.1")


def test_every_operation_has_a_name_of_its_own_and_says_what_it_does():
    found = operations(description())
    names = [operation["operationId"] for _, _, operation in found]
    assert len(set(names)) == len(names) > 20
    for path, method, operation in found:
        assert operation["description"].endswith("."), (path, method)
        assert operation["tags"], (path, method)


def test_every_reference_leads_somewhere_and_every_part_of_a_path_is_described():
    api = description()
    for reference in re.findall(r'"\$ref": "#/([^"]+)"', json.dumps(api)):
        place = api
        for part in reference.split("/"):
            place = place[part]
    for path, _, operation in operations(api):
        given = {p["name"] for p in operation.get("parameters", []) if p["in"] == "path"}
        assert given == set(re.findall(r"{(\w+)}", path))


def test_the_description_is_printed_without_a_server():
    command = [sys.executable, "-m", "seganypet.app.openapi"]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    assert json.loads(result.stdout) == json.loads(json.dumps(description()))


def test_the_page_is_served_where_it_was_built(tmp_path, monkeypatch):
    (tmp_path / "page").mkdir()
    (tmp_path / "page" / "index.html").write_text("<title>SegAnyPET</title>")
    monkeypatch.setattr(server_module, "PAGE", tmp_path / "page")
    with serving(tmp_path) as client:
        assert "<title>SegAnyPET" in client.get("/").text
        assert ok(client.get("/api/scans")) == []
        problem_of(client.get("/../page.txt"), 404)
        problem_of(client.get("/%2e%2e/work/work.sqlite"), 404)


def test_without_a_page_the_interface_alone_is_served(tmp_path, monkeypatch):
    monkeypatch.setattr(server_module, "PAGE", tmp_path / "nothing")
    with serving(tmp_path) as client:
        problem_of(client.get("/"), 404)
        assert ok(client.get("/api/scans")) == []
