"""What goes wrong between client and server; what a server refuses is the same error that a local session raises."""

from __future__ import annotations

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from seganypet import errors
from seganypet.errors import SegAnyPETError

_LONGEST_DETAIL = 500


class ServerError(SegAnyPETError):
    """A refusal that a local session does not know, or an answer that is none of a SegAnyPET server.

    Attributes:
        status: Of HTTP; None where no answer came.
        kind: Name of the server's own error, as "NotFoundError".
    """

    def __init__(self, message: str, *, status: int | None = None, kind: str = "") -> None:
        super().__init__(message)
        self.status, self.kind = status, kind


class LockedError(ServerError):
    """A reading that somebody else works on."""


class UnreachableError(ServerError):
    """No answer: nobody listens, the connection broke, or it took too long.

    Attributes:
        timed_out: Whether the server was reached, and did not answer in time.
    """

    def __init__(self, message: str, *, timed_out: bool = False) -> None:
        super().__init__(message)
        self.timed_out = timed_out


def error_of(address: str, status: int, content: bytes) -> SegAnyPETError:
    """Return the error that a refusal stands for.

    Args:
        address: Of the server.
        status: Of HTTP.
        content: Body of the answer: problem details (RFC 9457), whose type is the name of the server's error.
    """
    problem = _problem(content)
    if problem is None:
        return ServerError(
            f"{address}: answered {status} {_phrase(status)} without saying why; is this a SegAnyPET server, and no "
            "other program or a proxy before it?",
            status=status,
        )
    kind = str(problem.get("type", ""))
    detail = str(problem.get("detail", ""))[:_LONGEST_DETAIL]
    known = getattr(errors, kind, None)
    if isinstance(known, type) and issubclass(known, SegAnyPETError):
        return known(detail)
    own = LockedError if kind == "LockedError" else ServerError
    return own(f"{address}: {detail or _phrase(status)}", status=status, kind=kind)


def _problem(content: bytes) -> Mapping[str, Any] | None:
    try:
        problem = json.loads(content)
    except ValueError:
        return None
    return problem if isinstance(problem, dict) and "status" in problem else None


def _phrase(status: int) -> str:
    return next((known.phrase for known in HTTPStatus if known == status), "")
