"""The process that serves: its socket, and the loop that ends with Ctrl+C."""

from __future__ import annotations

import socket
import threading
import webbrowser

import uvicorn
from fastapi import FastAPI

from seganypet.errors import UsageError


def listening_socket(host: str, port: int) -> socket.socket:
    """Return a socket that listens on an address.

    Args:
        host: Name or address.
        port: 0 for any that is free.

    Raises:
        UsageError: The address is none of this machine's, or the port is taken.
    """
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family, backlog=128)
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UsageError(
            f"cannot listen on {host}:{port} ({reason}); choose another --port, or --port 0"
        ) from error


def serve(app: FastAPI, listening: socket.socket, *, open_page: str | None = None) -> None:
    """Serve until the process is interrupted or terminated; requests in progress are answered first.

    Args:
        app: What `create_app` returns.
        listening: What `listening_socket` returns.
        open_page: Address to open in the browser once the server runs.
    """
    config = uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=10, server_header=False)
    if open_page is not None:
        threading.Timer(1.0, webbrowser.open, [open_page]).start()
    uvicorn.Server(config).run(sockets=[listening])
