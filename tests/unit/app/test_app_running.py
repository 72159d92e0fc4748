"""The process that serves: its socket, and its end."""

from __future__ import annotations

import socket
import threading

import httpx
import pytest
import uvicorn

from seganypet.app import running
from seganypet.app.model import SharedModel
from seganypet.app.running import listening_socket, serve
from seganypet.app.server import create_app
from seganypet.app.settings import ServerSettings
from seganypet.errors import UsageError
from small_server import ok, small_settings, wait_for
from synthetic_model import half_of_click


def test_a_free_port_is_found():
    with listening_socket("127.0.0.1", 0) as found:
        host, port = found.getsockname()
        assert host == "127.0.0.1"
        assert port > 0
        with socket.create_connection((host, port)):
            pass


def test_a_port_that_is_taken_is_refused():
    with listening_socket("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(
            UsageError, match=rf"cannot listen on 127\.0\.0\.1:{port} \(.*choose another --port"
        ):
            listening_socket("127.0.0.1", port)


@pytest.mark.parametrize(("host", "port"), [("127.0.0.1", 70_000), ("192.0.2.1", 0), ("no name at all", 0)])
def test_an_address_that_is_none_of_this_machine_is_refused(host, port):
    with pytest.raises(UsageError, match=rf"cannot listen on {host}:{port} .*or --port 0"):
        listening_socket(host, port)


def test_a_server_answers_until_it_is_told_to_end_and_frees_its_folder(tmp_path, monkeypatch):
    servers, real = [], uvicorn.Server
    monkeypatch.setattr(running.uvicorn, "Server", lambda config: servers.append(real(config)) or servers[0])
    listening = listening_socket("127.0.0.1", 0)
    app = create_app(small_settings(tmp_path), SharedModel(half_of_click, "x"))
    thread = threading.Thread(target=serve, args=(app, listening))
    thread.start()
    try:
        address = f"http://127.0.0.1:{listening.getsockname()[1]}"
        wait_for(lambda: bool(servers) and servers[0].started)
        response = httpx.get(f"{address}/api/health")
        assert ok(response)["status"] == "ok"
        assert "server" not in response.headers  # nobody needs its version
    finally:
        servers[0].should_exit = True
        thread.join(timeout=30)
    assert not thread.is_alive()
    create_app(small_settings(tmp_path), SharedModel(half_of_click, "x")).state.services.close()


def test_the_page_is_opened_in_the_browser(tmp_path, monkeypatch):
    opened = []
    monkeypatch.setattr(
        running.threading, "Timer", lambda after, call, args: opened.append((call, args)) or Started()
    )
    monkeypatch.setattr(running.uvicorn, "Server", lambda config: Started())
    app = create_app(small_settings(tmp_path), SharedModel(half_of_click, "x"))
    with listening_socket("127.0.0.1", 0) as listening:
        serve(app, listening, open_page="http://127.0.0.1:1/")
        serve(app, listening)
    app.state.services.close()
    assert opened == [(running.webbrowser.open, ["http://127.0.0.1:1/"])]


class Started:
    def start(self):
        pass

    def run(self, sockets):
        pass


@pytest.mark.parametrize(
    ("settings", "address"),
    [
        ({}, "http://127.0.0.1:8000/"),
        ({"host": "::1", "port": 81}, "http://[::1]:81/"),
        ({"host": "pet.example", "token": "abc-_1"}, "http://pet.example:8000/?token=abc-_1"),
        ({"token": "a&b c#d"}, "http://127.0.0.1:8000/?token=a%26b%20c%23d"),
    ],
)
def test_the_address_of_the_page_can_be_opened_as_it_is(tmp_path, settings, address):
    assert ServerSettings(work=tmp_path, **settings).address == address
