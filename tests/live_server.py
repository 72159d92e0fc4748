"""A server that listens on a real port of this machine, in a thread, and can be stopped and started anew."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import uvicorn

from seganypet.app.model import SharedModel
from seganypet.app.running import listening_socket
from seganypet.app.server import create_app
from seganypet.app.settings import ServerSettings
from seganypet.models.model import SegmentationModel


class LiveServer:
    """Serves `folder`/served, with the work in `folder`/work.

    Args:
        folder: Is made.
        model: What answers.
        settings: As of `ServerSettings`.
    """

    def __init__(self, folder: Path, model: SegmentationModel, **settings: Any) -> None:
        self.work, self.root = folder / "work", folder / "served"
        self.root.mkdir(parents=True, exist_ok=True)
        self._model, self._settings, self.port = model, settings, 0
        self.start()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Begin to serve, at the port of before if there was one."""
        socket = listening_socket("127.0.0.1", self.port)
        self.port = socket.getsockname()[1]
        settings = ServerSettings(
            **{"work": self.work, "root": self.root, "port": self.port, **self._settings}
        )
        self.app = create_app(settings, SharedModel(lambda: self._model, "by hand"))
        config = uvicorn.Config(self.app, log_level="critical", timeout_graceful_shutdown=1)
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, kwargs={"sockets": [socket]}, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End; connections that are open break."""
        self._server.should_exit = True
        self._thread.join(timeout=30)
        assert not self._thread.is_alive(), "the server does not end"


@contextmanager
def live(folder: Path, model: SegmentationModel, **settings: Any) -> Iterator[LiveServer]:
    """Give a server that ends with the block."""
    server = LiveServer(folder, model, **settings)
    try:
        yield server
    finally:
        server.stop()
