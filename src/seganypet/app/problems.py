"""Errors as problem details (RFC 9457): a typed error becomes a status, and its message stays what it is."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from seganypet.errors import PromptError, SegAnyPETError, StoreError, UsageError

MEDIA_TYPE: Final = "application/problem+json"


class RequestError(SegAnyPETError):
    """A request that cannot be answered as it is.

    Attributes:
        status: Of HTTP.
    """

    status = HTTPStatus.BAD_REQUEST


class NotFoundError(RequestError):
    """Something that is not there."""

    status = HTTPStatus.NOT_FOUND


class AccessError(RequestError):
    """A request without the server's token."""

    status = HTTPStatus.UNAUTHORIZED


class OriginError(RequestError):
    """A request from another site's page."""

    status = HTTPStatus.FORBIDDEN


class LockedError(RequestError):
    """A reading that somebody else works on."""

    status = HTTPStatus.LOCKED


class LengthError(RequestError):
    """A body that does not say how large it is."""

    status = HTTPStatus.LENGTH_REQUIRED


class TooLargeError(RequestError):
    """More bytes than the server takes."""

    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE


def status_of(error: SegAnyPETError) -> HTTPStatus:
    """Return the status that stands for a typed error."""
    if isinstance(error, RequestError):
        return error.status
    if isinstance(error, StoreError):
        return HTTPStatus.INSUFFICIENT_STORAGE
    if isinstance(error, UsageError) and not isinstance(error, PromptError):
        return HTTPStatus.CONFLICT
    return HTTPStatus.UNPROCESSABLE_ENTITY


def problem(status: HTTPStatus, detail: str, *, kind: str = "about:blank", **further: Any) -> JSONResponse:
    """Return a problem as a response.

    Args:
        status: Of HTTP.
        detail: What is wrong and what to do.
        kind: Name of the error's type.
        further: Members beside the standard ones.
    """
    body = {"type": kind, "title": status.phrase, "status": int(status), "detail": detail, **further}
    return JSONResponse(body, status_code=status, media_type=MEDIA_TYPE)


def install(app: FastAPI) -> None:
    """Let an application answer every error with a problem."""

    @app.exception_handler(SegAnyPETError)
    async def typed(request: Request, error: SegAnyPETError) -> JSONResponse:
        return problem(status_of(error), str(error), kind=type(error).__name__)

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> JSONResponse:
        found = [f"{'.'.join(str(part) for part in e['loc'])}: {e['msg']}" for e in error.errors()]
        detail = "; ".join(found[:5]) or "the request does not fit its description"
        return problem(HTTPStatus.UNPROCESSABLE_ENTITY, detail, kind="RequestValidationError")

    @app.exception_handler(HTTPException)
    async def http(request: Request, error: HTTPException) -> JSONResponse:
        answer = problem(HTTPStatus(error.status_code), str(error.detail))
        answer.headers.update(error.headers or {})
        return answer

    @app.exception_handler(Exception)
    async def fault(request: Request, error: Exception) -> JSONResponse:
        detail = "a fault of the server, which its log describes; what it answered before is stored"
        return problem(HTTPStatus.INTERNAL_SERVER_ERROR, detail)
