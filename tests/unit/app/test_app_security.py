"""Who may use a server: who knows its token, from its own page, by a name that it has."""

from __future__ import annotations

import pytest

from seganypet.app import security
from seganypet.app.security import is_loopback
from small_server import Page, ok, problem_of, serving, small_settings, write_scan

TOKEN = "a-token-of-24-characters"
HEADERS = [
    "content-security-policy",
    "x-content-type-options",
    "referrer-policy",
    "cross-origin-opener-policy",
]


@pytest.fixture
def client(tmp_path):
    with serving(tmp_path) as client:
        yield client


@pytest.fixture
def guarded(tmp_path):
    """A server with a token."""
    with serving(tmp_path, token=TOKEN, host="0.0.0.0", allowed_hosts=("pet.example",)) as client:
        yield client


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "http://127.0.0.1:9000", "null", "", "http://[", "x"]
)
@pytest.mark.parametrize(("method", "path"), [("GET", "/api/scans"), ("POST", "/api/uploads"), ("GET", "/")])
def test_pages_of_others_are_refused(client, method, path, origin):
    detail = problem_of(client.request(method, path, headers={"Origin": origin}), 403)
    assert "may not use this server; start it with --allow-origin" in detail


def test_its_own_page_is_let_in(client):
    for host in ("127.0.0.1:8000", "localhost:8000", "[::1]:8000"):
        headers = {"Origin": f"http://{host}", "Host": host}
        assert client.get("/api/scans", headers=headers).is_success
    headers = {"Origin": "http://localhost:8000"}  # another name is another site
    problem_of(client.get("/api/scans", headers=headers), 403)


def test_a_page_that_was_allowed_is_let_in_and_may_read_the_answer(tmp_path):
    viewer = "https://viewer.example"
    with serving(tmp_path, allowed_origins=(viewer,), token=TOKEN) as client:
        headers = {"Origin": viewer, "Authorization": f"Bearer {TOKEN}"}
        response = client.get("/api/scans", headers=headers)
        assert response.is_success
        assert response.headers["access-control-allow-origin"] == viewer
        asked = client.options(
            "/api/scans",
            headers={
                "Origin": viewer,
                "Access-Control-Request-Method": "POST",
                "Access-Control-Request-Headers": "authorization, x-lease",
            },
        )
        assert asked.is_success
        assert "x-lease" in asked.headers["access-control-allow-headers"].lower()
        problem_of(client.get("/api/scans", headers={"Origin": viewer}), 401)
        other = client.get("/api/scans", headers={**headers, "Origin": "https://evil.example"})
        problem_of(other, 403)
        assert "access-control-allow-origin" not in other.headers


@pytest.mark.parametrize(
    "host",
    ["evil.example", "evil.example:8000", "127.0.0.1.evil.example", "", "[", "[::2]", "127.0.0.1@evil"],
)
def test_names_of_others_are_refused(client, host):
    """Against a page whose name was made to lead here (DNS rebinding)."""
    assert "--allow-host" in problem_of(client.get("/api/scans", headers={"Host": host}), 403)


@pytest.mark.parametrize(
    ("settings", "hosts"),
    [
        ({}, ["127.0.0.1", "localhost:1", "LOCALHOST", "[::1]:8000"]),
        ({"host": "192.168.1.7"}, ["192.168.1.7:8000", "localhost"]),
        ({"host": "fe80::1"}, ["[fe80::1]:8000", "[FE80::1]"]),
        ({"host": "Workstation"}, ["workstation:8000", "Workstation:8000"]),
        ({"allowed_hosts": ("PET.example",)}, ["pet.example", "PET.EXAMPLE:80"]),
        ({"allowed_hosts": ("*",)}, ["anything.example"]),
    ],
)
def test_its_own_names_are_taken(tmp_path, settings, hosts):
    with serving(tmp_path, **settings) as client:
        for host in hosts:
            assert client.get("/api/scans", headers={"Host": host}).is_success, host


@pytest.mark.parametrize("path", ["/", "/api/scans", "/api/health", "/metrics", "/openapi.json", "/nothing"])
def test_without_the_token_nothing_is_answered(guarded, path):
    for headers in (
        {},
        {"Authorization": f"Bearer {TOKEN}x"},
        {"Authorization": "Bearer "},
        {"Authorization": f"Basic {TOKEN}"},
        {"Authorization": TOKEN},
        {"Cookie": "seganypet_token=wrong"},
        {"Cookie": "seganypet_token="},
        {"Authorization": "Bearer é".encode("latin-1")},
    ):
        detail = problem_of(guarded.get(path, headers=headers), 401)
        assert "this server wants a token" in detail
        assert TOKEN not in detail


def test_a_program_brings_the_token_as_a_bearer(guarded):
    for scheme in ("Bearer", "bearer"):
        assert guarded.get("/api/scans", headers={"Authorization": f"{scheme} {TOKEN}"}).is_success


def test_a_browser_gets_a_cookie_for_the_token_in_the_address(guarded):
    response = guarded.get(f"/?token={TOKEN}", follow_redirects=False)
    assert (response.status_code, response.headers["location"]) == (303, "/")
    cookie = response.headers["set-cookie"]
    assert cookie.startswith(f"seganypet_token={TOKEN};")
    assert "HttpOnly" in cookie
    assert "samesite=strict" in cookie.lower()
    assert guarded.get("/api/scans").is_success  # the client keeps the cookie
    guarded.cookies.clear()
    problem_of(guarded.get("/api/scans"), 401)


@pytest.mark.parametrize("token", ["a&b=c#d e", 'quoted";,\\x', "percent%20%"])
def test_any_token_opens_the_address_that_was_printed_and_comes_back_in_the_cookie(tmp_path, token):
    settings = small_settings(tmp_path, token=token)
    with serving(tmp_path, token=token) as client:
        assert client.get(settings.address, follow_redirects=False).status_code == 303
        assert client.get("/api/scans").is_success
        client.cookies.clear()
        assert client.get("/api/scans", headers={"Authorization": f"Bearer {token}"}).is_success


def test_a_wrong_token_in_the_address_gets_no_cookie(guarded):
    response = guarded.get("/?token=wrong", follow_redirects=False)
    problem_of(response, 401)
    assert "set-cookie" not in response.headers


def test_the_token_in_the_address_opens_the_page_alone(guarded):
    """Addresses are written into histories and logs."""
    problem_of(guarded.get(f"/api/scans?token={TOKEN}"), 401)
    problem_of(guarded.post(f"/api/uploads?token={TOKEN}"), 401)


def test_the_token_excuses_another_name_but_no_other_origin(guarded):
    headers = {"Authorization": f"Bearer {TOKEN}"}
    problem_of(guarded.get("/api/scans", headers={**headers, "Origin": "https://evil.example"}), 403)
    assert guarded.get("/api/scans", headers={**headers, "Host": "reading-room.example"}).status_code == 200
    problem_of(guarded.get("/api/scans", headers={"Host": "reading-room.example"}), 401)


@pytest.mark.parametrize("path", ["/api/scans", "/api/nothing", "/metrics", "/"])
def test_every_answer_tells_the_browser_what_it_may_load(client, path):
    response = client.get(path)
    policy = dict(
        part.strip().split(" ", 1) for part in response.headers["content-security-policy"].split(";")
    )
    assert policy["default-src"] == "'self'"
    assert policy["frame-ancestors"] == policy["object-src"] == policy["base-uri"] == "'none'"
    assert "unsafe-inline" not in policy["script-src"]
    assert "'unsafe-eval'" not in policy["script-src"]
    assert response.headers["x-content-type-options"] == "nosniff"
    assert response.headers["referrer-policy"] == "no-referrer"
    assert response.headers["cross-origin-opener-policy"] == "same-origin"


def test_refusals_tell_the_browser_as_well(guarded):
    for response in (
        guarded.get("/api/scans", headers={"Host": "evil.example"}),
        guarded.get("/api/scans", headers={"Origin": "https://evil.example"}),
        guarded.get("/api/scans"),
        guarded.get(f"/?token={TOKEN}", follow_redirects=False),
    ):
        assert all(name in response.headers for name in HEADERS)


def test_a_body_that_is_too_large_is_refused_before_it_is_read(client, monkeypatch):
    monkeypatch.setattr(security, "_MOST_BODY_BYTES", 100)
    assert "at most 100 are taken" in problem_of(client.post("/api/scans", content=b"x" * 101), 413)
    for length in ("1e3", "-1", "²", "x", "9" * 30):
        headers = {"Content-Length": length.encode("latin-1")}
        problem_of(client.post("/api/scans", content=b"", headers=headers), 413)
    assert client.post("/api/scans", content=b"x" * 100).status_code == 422


def test_a_body_of_unknown_length_is_refused_before_it_is_read(client):
    response = client.post(
        "/api/scans", content=iter([b"x"] * 3), headers={"Content-Type": "application/json"}
    )
    assert "send Content-Length" in problem_of(response, 411)
    upload = ok(client.post("/api/uploads"))["id"]
    path = f"/api/uploads/{upload}/files/0?name=a.nii"
    assert client.put(path, content=iter([b"a", b"b"])).status_code == 204  # counted as it comes


def test_uploads_have_a_limit_of_their_own(tmp_path):
    with serving(tmp_path, most_upload_bytes=1000) as client:
        upload = ok(client.post("/api/uploads"))["id"]
        path = f"/api/uploads/{upload}/files/0?name=a.nii"
        assert "at most 1000 are taken" in problem_of(client.put(path, content=b"x" * 1001), 413)
        assert client.put(path, content=b"x" * 1000).status_code == 204


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1", True),
        ("localhost", True),
        ("::1", True),
        ("0.0.0.0", False),
        ("192.168.0.1", False),
        ("", False),
    ],
)
def test_only_this_machine_is_the_loopback(host, expected):
    assert is_loopback(host) is expected


def test_a_guarded_server_works_with_its_cookie(tmp_path):
    write_scan(tmp_path / "served" / "pet.nii.gz")
    with serving(tmp_path, token=TOKEN) as client:
        client.get(f"/?token={TOKEN}", follow_redirects=False)
        page = Page(client)
        page.click(page.add(), (5, 6, 7))
        page.check()
