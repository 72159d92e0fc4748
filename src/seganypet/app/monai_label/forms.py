"""Bodies: forms with files as MONAI Label's clients send them, and replies of several parts as they expect them."""

from __future__ import annotations

import json
import re
import secrets
import shutil
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Annotated, Any, Final

from fastapi import Depends, Request, Response
from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import FormParser, MultiPartException, MultiPartParser

from seganypet.app.problems import RequestError, TooLargeError
from seganypet.app.services import Served
from seganypet.errors import OutputError

BINARY: Final = "application/octet-stream"
# Slices of a long series, and little else.
_MOST_FILES, _MOST_FIELDS, _MOST_FIELD_BYTES = 20_000, 20, 1 << 20
_CHUNK: Final = 1 << 20


class NotOfferedError(RequestError):
    """What a MONAI Label server can do and this one cannot."""

    status = HTTPStatus.NOT_IMPLEMENTED


@dataclass(frozen=True)
class Received:
    """A form that a client sent."""

    form: FormData

    def text(self, name: str) -> str:
        """Return a field, "" where it is missing.

        Raises:
            RequestError: It is a file.
        """
        value = self.form.get(name, "")
        if isinstance(value, UploadFile):
            raise RequestError(f"{name} is a file; send it as a field")
        return value

    def object(self, name: str) -> dict[str, Any]:
        """Return the JSON object in a field, {} where it is missing.

        Raises:
            RequestError: It is none.
        """
        text = self.text(name)
        try:
            value = json.loads(text) if text else {}
            json.dumps(
                value, ensure_ascii=False
            ).encode()  # half a character, as "\ud800", can go nowhere from here
        except (ValueError, RecursionError) as error:
            raise RequestError(f"{name} is no JSON ({error}); send an object") from error
        if not isinstance(value, dict):
            raise RequestError(f"{name} is a {type(value).__name__}; send a JSON object")
        return value

    def files(self, name: str) -> list[UploadFile]:
        """Return the files of a name.

        Raises:
            RequestError: There are fields of this name.
        """
        values = [value for value in self.form.getlist(name) if value != ""]
        files = [value for value in values if isinstance(value, UploadFile)]
        if len(files) < len(values):
            raise RequestError(f"{name} is a field; send it as a file, with a file name")
        return files

    def file(self, name: str) -> UploadFile | None:
        """Return the file of a name, if there is one.

        Raises:
            RequestError: There are several, or it is a field.
        """
        files = self.files(name)
        if len(files) > 1:
            raise RequestError(f"{len(files)} files called {name}; send one")
        return files[0] if files else None

    def needed_file(self, name: str) -> UploadFile:
        """Return the file of a name.

        Raises:
            RequestError: There is none, or there are several.
        """
        found = self.file(name)
        if found is None:
            raise RequestError(f"no file called {name}; send it as multipart/form-data")
        return found


async def _received(request: Request, served: Served) -> AsyncIterator[Received]:
    form = await _parsed(request, served.settings.most_upload_bytes)
    try:
        yield Received(form)
    finally:
        await form.close()


async def _received_small(request: Request) -> AsyncIterator[Received]:
    form = await _parsed(request, _MOST_FIELD_BYTES)
    try:
        yield Received(form)
    finally:
        await form.close()


async def _parsed(request: Request, most: int) -> FormData:
    """Return the form that a request holds, empty where it holds none."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    stream = _limited(request.stream(), most)
    try:
        if kind == "multipart/form-data":
            return await MultiPartParser(
                request.headers,
                stream,
                max_files=_MOST_FILES,
                max_fields=_MOST_FIELDS,
                max_part_size=_MOST_FIELD_BYTES,
            ).parse()
        if kind == "application/x-www-form-urlencoded":
            return await FormParser(request.headers, stream, max_fields=_MOST_FIELDS).parse()
    except (MultiPartException, ValueError) as error:
        reason = error.message if isinstance(error, MultiPartException) else str(error)
        raise RequestError(f"the form cannot be read ({reason}); send multipart/form-data") from error
    except OSError as error:
        raise OutputError(f"the form cannot be kept ({error.strerror}); free space on the server") from error
    return FormData()


async def _limited(stream: AsyncIterator[bytes], most: int) -> AsyncGenerator[bytes, None]:
    held = 0
    async for chunk in stream:
        held += len(chunk)
        if held > most:
            raise TooLargeError(
                f"body of more than {most} bytes; start the server with a larger --max-upload-mb"
            )
        yield chunk


Form = Annotated[Received, Depends(_received)]
"""What a route asks for to get the form, with files as large as an upload may be."""

SmallForm = Annotated[Received, Depends(_received_small)]
"""What a route asks for that anybody may call."""


async def chunks(file: UploadFile) -> AsyncIterator[bytes]:
    """Give a file's bytes in pieces."""
    while piece := await file.read(_CHUNK):
        yield piece


def base_name(file: UploadFile) -> str:
    """Return the last part of a file's name, which clients send with its folder."""
    return re.split(r"[\\/]", file.filename or "")[-1][-80:] or "image"


def save(file: UploadFile, path: Path) -> None:
    """Write a file that was sent to a path."""
    with path.open("wb") as written:
        shutil.copyfileobj(file.file, written, _CHUNK)


def file_reply(content: bytes, name: str) -> Response:
    """Return a file to be saved under a name."""
    return Response(
        content, media_type=BINARY, headers={"Content-Disposition": f'attachment; filename="{name}"'}
    )


def two_part_reply(params: dict[str, Any], content: bytes, name: str) -> Response:
    """Return a JSON object and a file as the parts `params` and `image` of a form (RFC 7578).

    The client class reads it with `cgi.FieldStorage`, OHIF by the media types of the parts.
    """
    boundary = secrets.token_hex(16).encode()
    parts = [
        ('name="params"', b"application/json", json.dumps(params).encode()),
        (f'name="image"; filename="{name}"', BINARY.encode(), content),
    ]
    body = b"".join(
        b"--%b\r\nContent-Disposition: form-data; %b\r\nContent-Type: %b\r\n\r\n%b\r\n"
        % (boundary, disposition.encode(), media_type, value)
        for disposition, media_type, value in parts
    )
    body += b"--%b--\r\n" % boundary
    return Response(body, media_type=f"multipart/form-data; boundary={boundary.decode()}")
