"""Who may use a server: who knows its token, from its own page or one that was allowed, by a name that it has."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable
from typing import Final
from urllib.parse import urlsplit

from fastapi import Request, Response
from fastapi.responses import RedirectResponse

from seganypet.app.problems import (
    AccessError,
    LengthError,
    OriginError,
    RequestError,
    TooLargeError,
    problem,
    status_of,
)
from seganypet.app.settings import ServerSettings

_COOKIE: Final = "seganypet_token"
_LOOPBACK: Final = ("127.0.0.1", "localhost", "[::1]", "::1")
# Bodies other than uploads: a mask of a whole body packs to far less.
_MOST_BODY_BYTES: Final = 64 << 20
_UPLOADS: Final = ("/api/uploads/", "/session/", "/datastore/", "/infer/")
# Where MONAI Label's clients ask whether they need a token, and get it for a password, which is the token.
_WITHOUT_TOKEN: Final = ("/auth/", "/auth/token")
_HEADERS: Final = {
    # WebAssembly and workers of the viewer come from our own address or from memory; everything else from us alone.
    "Content-Security-Policy": "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self' blob:; "
    "img-src 'self' data: blob:; connect-src 'self' data: blob:; style-src 'self' 'unsafe-inline'; "
    "object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_Next = Callable[[Request], Awaitable[Response]]


def is_loopback(host: str) -> bool:
    """Return whether an address can be reached from this machine alone."""
    return host in _LOOPBACK


class Guard:
    """Looks at every request before it is answered.

    Args:
        settings: What the server was told.
    """

    def __init__(self, settings: ServerSettings) -> None:
        self._settings = settings
        self._hosts = {_as_called(name) for name in (*_LOOPBACK, settings.host, *settings.allowed_hosts)}

    async def __call__(self, request: Request, proceed: _Next) -> Response:
        """Answer with a problem, or let the request pass; add the headers that keep a browser safe."""
        response = await self._answer(request, proceed)
        for name, value in _HEADERS.items():
            response.headers.setdefault(name, value)
        return response

    async def _answer(self, request: Request, proceed: _Next) -> Response:
        try:
            self._check(request)
        except RequestError as error:
            return problem(status_of(error), str(error), kind=type(error).__name__)
        token = request.query_params.get("token")
        if self._settings.token and token is not None and request.url.path == "/":
            return self._remembering()
        return await proceed(request)

    def _check(self, request: Request) -> None:
        host = _host_of(f"//{request.headers.get('host', '')}")
        # A page that was bound to another name cannot know the token, so its name matters only where there is none.
        if not self._settings.token and host not in self._hosts and "*" not in self._hosts:
            raise OriginError(
                f"called by the name {host[:80]!r}; start the server with --allow-host {host[:80]}"
            )
        origin = request.headers.get("origin")
        own = origin is None or origin.endswith(f"://{request.headers.get('host')}")
        if not own and origin not in self._settings.allowed_origins:
            shown = (origin or "")[:80]
            raise OriginError(
                f"a page of {shown} may not use this server; start it with --allow-origin {shown}"
            )
        length = request.headers.get("content-length", "0")
        uploading = request.url.path.startswith(_UPLOADS)
        most = self._settings.most_upload_bytes if uploading else _MOST_BODY_BYTES
        if not length.isdecimal() or int(length) > most:
            raise TooLargeError(f"body of {length[:20]} bytes; at most {most} are taken here")
        if "transfer-encoding" in request.headers and not uploading:  # uploads are counted as they come
            raise LengthError("a body of unknown length; send Content-Length")
        open_to_all = request.url.path in _WITHOUT_TOKEN
        if self._settings.token and not open_to_all and not self._has_token(request):
            raise AccessError(
                "this server wants a token: open the address that it printed, or send Authorization: Bearer TOKEN"
            )

    def _has_token(self, request: Request) -> bool:
        scheme, _, bearer = request.headers.get("authorization", "").partition(" ")
        given = [request.cookies.get(_COOKIE, ""), bearer if scheme.lower() == "bearer" else ""]
        if request.url.path == "/":
            given.append(request.query_params.get("token", ""))
        expected = (self._settings.token or "").encode()
        return any(secrets.compare_digest(token.encode(), expected) for token in given)

    def _remembering(self) -> Response:
        """Return the way to the page without the token in its address, which is kept in a cookie instead."""
        response = RedirectResponse("/", status_code=303)
        response.set_cookie(_COOKIE, self._settings.token or "", httponly=True, samesite="strict")
        return response


def _as_called(name: str) -> str:
    """Return a name or address as it stands in a request's Host header, its port apart."""
    name = name.lower()
    return f"[{name}]" if ":" in name and not name.startswith("[") else name


def _host_of(address: str) -> str:
    try:
        host = urlsplit(address).hostname or ""
    except ValueError:
        return ""
    return f"[{host}]" if ":" in host else host
