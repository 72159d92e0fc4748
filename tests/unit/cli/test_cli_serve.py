"""`seganypet serve`: what it checks before it serves, and with what it serves then."""

from __future__ import annotations

from pathlib import Path

import pytest

from seganypet.app import running, server
from seganypet.app.running import listening_socket
from seganypet.app.store import Store
from seganypet.cli import main
from small_server import write_scan


@pytest.fixture
def served(monkeypatch):
    """What would be served: applications and the pages to be opened."""
    found = []

    def serve(app, socket, *, open_page=None):
        found.append((app.state.services, open_page))
        socket.close()
        app.state.services.close()

    monkeypatch.setattr(running, "serve", serve)
    return found


def run(tmp_path: Path, *arguments: str) -> int:
    return main(["serve", "--port", "0", "--work", str(tmp_path / "work"), *arguments])


def test_it_serves_this_machine_alone_without_a_token(tmp_path, served, capsys):
    path = write_scan(tmp_path / "pet.nii.gz")
    assert run(tmp_path, str(path)) == 0
    ((services, open_page),) = served
    settings = services.settings
    assert (settings.work, settings.root, settings.host) == (tmp_path / "work", path, "127.0.0.1")
    assert (settings.token, settings.assisted, open_page) == (None, True, None)
    assert settings.port > 0
    said = capsys.readouterr().out
    assert f"SegAnyPET is at http://127.0.0.1:{settings.port}/ " in said
    assert f"work is kept in {tmp_path / 'work'}" in said
    assert "not a medical device" in said
    assert services.model.loaded is None  # loaded once it runs


def test_without_a_path_it_takes_uploads_alone(tmp_path, served):
    assert run(tmp_path) == 0
    assert served[0][0].settings.root is None


def test_its_options_reach_the_server(tmp_path, served):
    options = ["--manual", "--open", "--token", "a-long-token", "--max-scans", "2", "--max-image-mb", "3"]
    options += ["--max-upload-mb", "5", "--allow-host", "a.example", "--allow-host", "b.example"]
    options += ["--allow-origin", "https://viewer.example"]
    assert run(tmp_path, *options) == 0
    ((services, open_page),) = served
    settings = services.settings
    assert settings.assisted is False
    assert open_page == settings.address == f"http://127.0.0.1:{settings.port}/?token=a-long-token"
    assert (settings.most_scans, settings.most_image_bytes, settings.most_upload_bytes) == (
        2,
        3 << 20,
        5 << 20,
    )
    assert settings.allowed_hosts == ("a.example", "b.example")
    assert settings.allowed_origins == ("https://viewer.example",)


def test_where_others_could_reach_it_a_token_is_made(tmp_path, served, capsys):
    for _ in range(2):
        assert run(tmp_path, "--host", "0.0.0.0") == 0
    first, second = (services.settings.token for services, _ in served)
    assert first != second
    assert min(len(first), len(second)) >= 32
    assert f"?token={first} " in capsys.readouterr().out


def test_a_page_that_was_not_built_is_told(tmp_path, served, capsys, monkeypatch):
    monkeypatch.setattr(server, "PAGE", tmp_path / "nothing")
    assert run(tmp_path) == 0
    assert "the page is not built (make app)" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nothing.nii"], "nothing.nii: no such file or folder; check the path"),
        (["--token", "short"], "--token is shorter than 8 characters"),
        (["--token", "длинный токен"], "--token holds characters that headers cannot"),
        (["--token", "line\nbreak-in-it"], "--token holds characters that headers cannot"),
        (["--port", "70000"], "cannot listen on 127.0.0.1:70000"),
        (["--port", "-1"], "--port"),
        (["--max-scans", "0"], "--max-scans"),
        (["--host", "192.0.2.1"], "cannot listen on 192.0.2.1:0"),
    ],
)
def test_what_cannot_be_served_is_refused(tmp_path, served, capsys, arguments, message):
    assert run(tmp_path, *arguments) == 2
    assert message in capsys.readouterr().err
    assert not served


def test_a_port_that_is_taken_is_refused(tmp_path, served, capsys):
    with listening_socket("127.0.0.1", 0) as taken:
        assert run(tmp_path, "--port", str(taken.getsockname()[1])) == 2
    assert "choose another --port, or --port 0" in capsys.readouterr().err
    assert not served


def test_a_work_folder_that_is_in_use_is_refused(tmp_path, served, capsys):
    store = Store(tmp_path / "work")
    assert run(tmp_path) == 2
    store.close()
    assert "choose another work folder" in capsys.readouterr().err
    assert not served
