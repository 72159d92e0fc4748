"""Requests to one server, and its answers or errors."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import parse_qs, urlsplit, urlunsplit

import httpx

from seganypet.client.errors import ServerError, UnreachableError, error_of
from seganypet.errors import UsageError, reason_of

_CONNECT_S: Final = 10.0
# The server closes a connection that was silent for 5 s; one that is kept shorter is never found closed.
_KEEP_S: Final = 2.0
_LOOPBACK: Final = ("localhost", "127.0.0.1", "::1")


class Connection:
    """A connection to a server; not thread-safe.

    Args:
        address: As "http://127.0.0.1:8000"; that which `seganypet serve` prints will do, with the token in it.
        token: What the server wants, if it wants one.
        timeout_s: How long an answer may take.

    Raises:
        UsageError: The address is none, or the token cannot be sent.
    """

    def __init__(self, address: str, *, token: str | None, timeout_s: float) -> None:
        self.address, host, given = _split(address)
        self._timeout_s = timeout_s
        token = token or given
        if token and not (token.isascii() and token.isprintable()):
            raise UsageError(
                "the token holds characters that cannot be sent; copy it as the server printed it"
            )
        self._http = httpx.Client(
            base_url=self.address,
            headers={"Authorization": f"Bearer {token}"} if token else {},
            timeout=httpx.Timeout(timeout_s, connect=min(_CONNECT_S, timeout_s)),
            limits=httpx.Limits(keepalive_expiry=_KEEP_S),
            trust_env=host not in _LOOPBACK,  # no proxy leads to this machine
        )

    def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        lease: str | None = None,
        content: bytes | None = None,
        **query: str | None,
    ) -> Any:
        """Return the answer to a request, from JSON; None where it is empty.

        Args:
            method: As "POST".
            path: As "/api/server".
            body: Sent as JSON, unless None.
            lease: Of the reading that is to change.
            content: Sent as it is.
            query: What of the address follows the path; what is None is left out.

        Raises:
            UnreachableError: No answer came.
            ServerError: The answer is no JSON, or a refusal of a kind that only servers know.
            UsageError: The connection was closed; or the server calls a request that.
            SegAnyPETError: Any other refusal, of its own type.
        """
        asked = {name: value for name, value in query.items() if value is not None}
        headers = {} if lease is None else {"X-Lease": lease}
        answer = self._answer(method, path, json=body, content=content, headers=headers, params=asked)
        if not answer.content:
            return None
        try:
            return answer.json()
        except ValueError as error:
            raise ServerError(
                f"{self.address}: {path} answered with no JSON; is this a SegAnyPET server?", status=200
            ) from error

    def bytes(self, path: str) -> bytes:
        """Return a file; errors as for `call`."""
        return self._answer("GET", path).content

    def close(self) -> None:
        """Close it."""
        self._http.close()

    def _answer(self, method: str, path: str, **request: Any) -> httpx.Response:
        if self._http.is_closed:
            raise UsageError(f"the session with {self.address} was closed; make a new one")
        try:
            answer = self._http.request(method, path, **request)
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            raise UnreachableError(
                f"{self.address}: cannot be reached ({reason_of(error)}); start `seganypet serve` there, or correct "
                "the address"
            ) from error
        except httpx.TimeoutException as error:
            raise UnreachableError(
                f"{self.address}: no answer within {self._timeout_s:g} s; try again, or give a larger timeout_s",
                timed_out=True,
            ) from error
        except httpx.RequestError as error:
            raise UnreachableError(
                f"{self.address}: the connection broke ({reason_of(error)}); try again"
            ) from error
        if not answer.is_success:
            raise error_of(self.address, answer.status_code, answer.content)
        return answer


def _split(address: str) -> tuple[str, str, str | None]:
    """Return an address without token, its host, and the token in it."""
    try:
        parts = urlsplit(address)
        host, _ = parts.hostname, parts.port
    except ValueError:
        host = None
    if not host or parts.scheme not in ("http", "https"):
        raise UsageError(f"{address!r} is no address of a server; give for example http://127.0.0.1:8000")
    tokens = parse_qs(parts.query).get("token", [None])
    return urlunsplit((parts.scheme, parts.netloc, parts.path.rstrip("/"), "", "")), host, tokens[0]
